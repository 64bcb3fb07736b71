"""Alembic's revisions of the schema; run by `db.migrate`."""
