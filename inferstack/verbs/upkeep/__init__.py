"""Verbs beside the chain of a cluster: weights, models, prices, settings and records of older versions."""
