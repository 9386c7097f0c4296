"""GGUF files: header, config, and the mix of formats in them."""
