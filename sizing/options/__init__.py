"""Options of a replica: speculation, LoRA adapters, images, disaggregated prefill; each with its flags."""
