"""A stack on this machine: its folder, journal and keys, the world that it lives in, Pulumi and its tools."""
