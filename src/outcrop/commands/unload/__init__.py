"""UNLOAD: the rows of a query, written to files or objects."""
