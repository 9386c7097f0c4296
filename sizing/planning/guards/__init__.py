"""Guard models beside the served model: their work, their replicas, and the choice that counts them."""
