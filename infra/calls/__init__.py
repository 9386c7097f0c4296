"""What is asked of AWS without Pulumi: nodes, quotas, prices, weights, secrets, and the refusals of all of it."""
