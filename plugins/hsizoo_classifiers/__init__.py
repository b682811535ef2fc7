"""Classifiers that learn from a few labelled pixels."""
