"""Runs and experiments: what is to be computed, computing it, and writing it up."""
