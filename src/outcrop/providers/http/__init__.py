"""HTTP/1.1 as far as a client of model providers needs it: one POST at a time on a connection."""
