"""The command line: a front end that owns no query logic."""
