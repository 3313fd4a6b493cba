"""The rewriting rules of the planner, one per file, each named by a verb phrase."""
