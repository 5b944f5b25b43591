"""The gateway's own authorisation server: people and how they sign in, clients, and the tokens that they get. Knows no wire:
`gateway/edge/authorization.py` does."""
