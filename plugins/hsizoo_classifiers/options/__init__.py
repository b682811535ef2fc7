"""Options of the classifiers and pseudo-labelers; imports neither NumPy nor torch."""
