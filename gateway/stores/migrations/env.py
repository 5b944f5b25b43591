"""How Alembic runs a migration here: on the connection that `stores/sql.py` hands it, inside its transaction."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
