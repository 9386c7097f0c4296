"""`python -m inferstack.sandbox.provider`: pulumi-resource-aws of a rehearsal."""

from inferstack.sandbox.provider.protocol.server import serve

serve()
