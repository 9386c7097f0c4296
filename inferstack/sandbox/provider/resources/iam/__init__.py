"""Resource types of IAM."""
