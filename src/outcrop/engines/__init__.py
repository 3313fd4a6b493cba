"""Relational engines behind `base.py`."""
