"""Place several models on one set of instances, at the lowest price."""
