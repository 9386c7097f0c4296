"""How fast a replica is: work of an iteration, step time, open and closed loops, percentiles, error bands."""
