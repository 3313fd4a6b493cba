"""Text to statement: the Redshift dialect, our own statements, Redshift's semantics."""
