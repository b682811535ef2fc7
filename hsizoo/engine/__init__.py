"""Running cells: scoring, executors, the store, provenance."""
