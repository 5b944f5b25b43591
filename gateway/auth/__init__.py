"""Shelf: who is calling us. One file a scheme; `base.py` says what each gives."""
