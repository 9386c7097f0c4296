"""IAM: what policies say, what a call asks for, and what the caller and the nodes may."""
