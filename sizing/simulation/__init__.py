"""Discrete simulation of a plan under arrivals."""
