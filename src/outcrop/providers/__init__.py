"""One file per model API behind `base.py`."""
