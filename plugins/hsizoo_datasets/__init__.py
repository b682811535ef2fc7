"""First-party datasets of hsizoo."""
