"""Shelf: what must outlive the process. `base.py` says what a store offers; one file each for what offers it."""
