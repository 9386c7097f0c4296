"""The steps of the chain that several verbs run: plan, build, configure, measure, take down; and the checks between them."""
