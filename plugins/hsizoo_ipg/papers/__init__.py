"""The tables of IPG, for ``hsizoo reproduce``."""
