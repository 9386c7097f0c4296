"""A plan in the form that another tool takes: one file a tool, found by its name. Needs no cloud library and no network."""
