"""Alembic's environment and one file a revision, in the order of their names."""
