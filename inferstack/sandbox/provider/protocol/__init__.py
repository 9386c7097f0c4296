"""The provider protocol: server, calls, and what check, diff, create, read, update and delete mean."""
