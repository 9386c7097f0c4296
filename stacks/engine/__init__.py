"""Pulumi as an engine: its runs and events, errors, interrupts, locks, and the repair of what a killed run left."""
