"""Development only: mutants of chosen modules, tried against the tests nearest to them."""
