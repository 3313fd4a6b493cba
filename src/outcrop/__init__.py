"""Outcrop: a SQL warehouse in which large language models are SQL functions."""
