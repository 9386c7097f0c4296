"""The resource types of the rehearsal's provider, a file for each type or family."""
