"""GPU memory: budget, KV cache, pages of layers."""
