"""Shelf: rankers put the tools that fit a query first. One file each; `base.py` says what a ranker is."""
