"""SAMSA and SAMSA 2.0: spectral similarity and SAM 2.1 together."""
