"""Dated rates: facts, the price list of AWS, prices of one's own."""
