"""What may be left of a stack: each kind of resource, how it is found and how it is removed."""
