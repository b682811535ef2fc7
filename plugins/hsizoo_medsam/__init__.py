"""Medical SAM Adapter for hyperspectral images."""
