"""Weights: files identified by their digest, and trained weights with their cards."""
