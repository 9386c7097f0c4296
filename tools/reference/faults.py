"""docs/reference/faults.md: the faults of a rehearsal."""

from __future__ import annotations

from tools.reference.markdown import code, page, table

INTRODUCTION = """
`inferstack up --fault NAME[@RESOURCE]` and `inferstack demo --fault NAME[@RESOURCE]` arm a fault of the embedded AWS for that
command; so does `inferstack prices refresh --rehearse --fault NAME[@RESOURCE]`, for its price list. The option may be repeated;
outside a rehearsal it is refused. `RESOURCE` is part of the name of an operation, a resource type or a resource, in any case;
without it every matching call fails. How to use them: [Rehearse a failure](../how-to/rehearse-a-failure.md).
"""


def text() -> str:
    from inferstack.sandbox.aws.fault_spec import FAULTS

    return page(
        "Faults of a rehearsal", INTRODUCTION, table(("fault", "what happens"), [(code(name), said) for name, said in FAULTS.items()])
    )
