"""One file per family of statements: each parses a statement's tokens into its dataclass."""
