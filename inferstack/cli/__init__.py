"""The command line: table of verbs, flags, settings, secrets, the screen and its errors."""
