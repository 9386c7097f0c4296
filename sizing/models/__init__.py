"""What a model is, in bytes: shape, parameters, weights, and how Hugging Face configs and local files are read."""
