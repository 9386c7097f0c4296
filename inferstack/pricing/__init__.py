"""Dated rates, and the bill of a list of resources. Pure: facts in, records out."""
