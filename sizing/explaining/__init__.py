"""Answer a sentence: find the question in it, and show how the figures come about."""
