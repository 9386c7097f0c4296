"""Resource types of Amazon EC2 and its VPCs."""
