"""Run by Alembic: the steps are taken in the transaction that ``core.store.database`` opened."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
