"""Running cells: executors, the store, provenance."""
