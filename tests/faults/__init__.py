"""What each fault of a provider costs: 1,000 calls each, of which the docs make a table."""
