"""Options of the classifiers and labelers; nothing here imports NumPy or torch."""
