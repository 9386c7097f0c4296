"""From a built cluster to one that answers: the inventory, the Ansible roles, and the process that runs them."""
