"""The embedded AWS: one daemon for each `.inferstack/` folder, around moto, with its gaps filled."""
