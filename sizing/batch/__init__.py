"""Estimate many configurations at once: the keys of a question and how it is read."""
