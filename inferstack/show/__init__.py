"""How records are shown: one module a record or answer."""
