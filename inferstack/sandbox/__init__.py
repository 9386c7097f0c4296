"""What stands in for AWS, its provider, its hosts and its engine in a rehearsal. Imports `records` only."""
