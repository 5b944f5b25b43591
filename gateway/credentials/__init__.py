"""Shelf: who we are to a backend. Each scheme is an httpx.Auth; `base.py` says how one is found."""
