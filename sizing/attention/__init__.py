"""Kinds of attention, one file each: sizes, work per token, tensor-parallel rule, names in configs and GGUF files."""
