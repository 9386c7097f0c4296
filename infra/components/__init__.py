"""Pulumi components: what the base and the cluster are made of, and the pure files beside them."""
