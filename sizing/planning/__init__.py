"""From a request to an instance plan: search, constraints, ranking, storage, reasons."""
