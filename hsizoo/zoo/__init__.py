"""From a name to an object: what plugins offer, how names and options are read, what is built."""
