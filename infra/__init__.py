"""What is built in AWS: Pulumi components with pure files beside them, and what must be asked, moved or removed without Pulumi."""
