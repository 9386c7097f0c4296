"""pulumi-resource-aws for rehearsals: resource types as boto3 calls against the embedded AWS, and nowhere else."""

from inferstack.sandbox.provider.protocol.launcher import install

__all__ = ["install"]
