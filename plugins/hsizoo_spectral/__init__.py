"""Training-free spectral scorers and segmenters of hsizoo."""
