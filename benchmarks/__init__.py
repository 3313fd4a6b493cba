"""Measurements of Outcrop: each one a ratio of two sides within one run on one machine.

`python -m benchmarks` (or `make bench`) prints the tables. Absolute numbers differ from machine to
machine and from hour to hour; the two sides of a ratio take turns, so that what slows one down
slows the other down as well. Prompts, sizes and seeds are fixed.
"""
