"""The history of the store's tables, step by step, for Alembic. A step that has shipped is never changed."""
