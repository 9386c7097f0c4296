"""Weight formats: bits by group of weights, and how checkpoints say which modules have which."""
