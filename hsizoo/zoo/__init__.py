"""Plugin registry, parsing of names and options, and construction of components."""
