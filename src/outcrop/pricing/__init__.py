"""Token prices as data, dated, with the user's overrides."""
