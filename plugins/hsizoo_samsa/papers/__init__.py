"""The tables of SAMSA 2.0, for ``hsizoo reproduce``."""
