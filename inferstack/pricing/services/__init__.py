"""Price rules of the resource types, one file a service."""
