"""What backs the instances: hosts, their metadata service, their sessions."""
