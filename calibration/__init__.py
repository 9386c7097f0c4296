"""Development only: what refits and judges the sizing against published measurements. Nothing that ships imports it."""
