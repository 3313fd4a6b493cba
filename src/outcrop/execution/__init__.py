"""Staged plan to rows."""
