"""One module for each verb: its options, and the call that does the work."""
