"""Development only: the published measurements, the fit of the constants to them, and how wrong the result is."""
