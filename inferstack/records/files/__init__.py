"""How records and facts are read and written: YAML and JSON with line numbers, text of others, compiled facts, places on disk."""
