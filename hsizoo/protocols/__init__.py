"""Evaluation protocols: simulated users, metrics, and the loops that join them to a component."""
