"""The runtime: invocations, the journal, limits, retries, budgets, and the gateway to models."""
