"""Statement to staged plan; pure functions, no I/O."""
