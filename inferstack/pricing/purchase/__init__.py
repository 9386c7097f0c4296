"""Ways to buy: pricing options of instances, hosted APIs, owned hardware, and where they break even."""
