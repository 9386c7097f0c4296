"""`python -m sandbox.provider`: pulumi-resource-aws of a rehearsal."""

from sandbox.provider.server import serve

serve()
