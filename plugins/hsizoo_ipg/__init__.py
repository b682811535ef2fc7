"""IPG: iterative pseudo labels, one per class and round, by voting over groups of bands."""
