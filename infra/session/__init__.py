"""Sessions of Systems Manager to a node: SSH for Ansible, and forwarded ports."""
