"""RAW requests: the bodies of the model families, into the neutral form and back."""
