"""Weights: files known by their digest, and trained weights with their cards."""
