"""SAMSA and SAMSA 2.0: spectral similarity combined with SAM 2.1."""
