"""The work of the verbs, one module each, and what several of them share."""
