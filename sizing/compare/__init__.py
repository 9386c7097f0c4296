"""Compare owning or renting GPUs with a hosted API: capacity of a replica, break-even, monthly volume."""
