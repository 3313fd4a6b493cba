"""Statements that are not queries, one file per family."""
