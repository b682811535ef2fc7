"""IPG: pseudo labels that grow, one per class and round, from masks voted over groups of bands."""
