"""The program run on paper: stand-ins for what it uses of `pulumi` and `pulumi_aws`, which note each resource and make none.

So a plan has a bill where Pulumi is not installed, and without waiting for it where it is. Nothing on paper is ever unknown: an id is
made from a name. `tests/stacks/test_paper.py` holds what is noted here against what Pulumi's own SDK registers.
"""

from __future__ import annotations

import asyncio
import builtins
import importlib.util
from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import cached_property
from types import ModuleType, SimpleNamespace
from typing import Any

from inferstack.pricing.bill.registration import Registration
from inferstack.records.errors import InputError
from inferstack.records.settings import StackConfig
from infra import naming

REFERENCE = "pulumi:pulumi:StackReference"
COPIED = ("infra.components.", "stacks.program")
"""Modules of the program. Their copies see the stand-ins; a copy that was imported before, with Pulumi, stays as it is."""
WITHOUT_TAGS = frozenset({"aws:ec2/route:Route", "aws:iam/rolePolicy:RolePolicy", "aws:scheduler/schedule:Schedule"})
"""Types of a cluster whose class in `pulumi_aws` takes no `tags`."""
FREE_KEYS = frozenset({"tags"})
"""Inputs whose keys are words of the user, which no rule may rewrite."""


def run(config: StackConfig, *, base_outputs: Mapping[str, Any], **surroundings: Any) -> None:
    """Run the program of a cluster; `surroundings` are fields of `stacks.program.Surroundings`. Raises InputError."""
    paper = Paper(config.stack, base_outputs)
    program: Any = paper.module("stacks.program")

    async def build() -> None:
        program.build(config, program.Surroundings(**surroundings))
        await asyncio.gather(*paper.pending)

    asyncio.run(build())


class Paper:
    """One run of the program. Its resources know it as their `paper`; its modules see the stand-ins that it makes."""

    def __init__(self, stack: str, base_outputs: Mapping[str, Any]) -> None:
        self.stack = stack
        self.base_outputs = dict(base_outputs)
        self.pending: list[Awaitable[Any]] = []
        self.transformations: list[Callable[[Any], Any]] = []
        self._modules: dict[str, Any] = {
            "pulumi": self._pulumi(),
            "pulumi_aws": Services(self, ""),
            "stacks.registered": SimpleNamespace(ProgramResource=Noted),
        }

    def module(self, name: str) -> Any:
        """Return the program's module of this name, loaded for this run alone and put into no table of Python's."""
        if name not in self._modules:
            spec = importlib.util.find_spec(name)
            assert spec is not None and spec.loader is not None
            # Called as this module is: a dataclass looks for the names of its module in Python's table.
            made = self._modules[name] = ModuleType(__name__)
            made.__file__ = spec.origin
            vars(made)["__builtins__"] = {**vars(builtins), "__import__": self._import}
            exec(spec.loader.get_code(name), vars(made))  # type: ignore[attr-defined]  # every loader of a source file has it
        return self._modules[name]

    def _import(self, name: str, *place: Any) -> Any:
        if name in self._modules or name.startswith(COPIED):
            return self.module(name)
        return builtins.__import__(name, *place)

    def _pulumi(self) -> Any:
        """Return the stand-in of the module `pulumi`, with what the program uses of it."""

        def from_input(value: Any) -> Output:
            if isinstance(value, asyncio.Future):
                self.pending.append(value)
                return Output({}, ())
            return Output(*resolved(value))

        output = type("Output", (Output,), {"from_input": staticmethod(from_input)})
        runtime = SimpleNamespace(register_stack_transformation=self.transformations.append, is_dry_run=lambda: False)
        return SimpleNamespace(
            ComponentResource=type("ComponentResource", (Group,), {"paper": self}),
            Resource=Resource,
            ResourceOptions=Options,
            ResourceTransformationResult=SimpleNamespace,
            StackReference=type("StackReference", (Reference,), {"paper": self}),
            Output=output,
            RunError=InputError,
            export=lambda name, value: None,
            get_organization=lambda: "organization",
            runtime=runtime,
        )


class Output:
    """A value, and the resources that it was taken from."""

    def __init__(self, value: Any, resources: tuple[Resource, ...]) -> None:
        self.value, self.resources = value, resources

    def __class_getitem__(cls, kind: Any) -> type[Output]:
        return cls

    def __getitem__(self, key: Any) -> Output:
        return Output(self.value.get(key) if isinstance(self.value, dict) else self.value[key], self.resources)

    def apply(self, function: Callable[[Any], Any]) -> Output:
        value, more = resolved(function(self.value))
        return Output(value, _union(self.resources, more))

    @staticmethod
    def all(*values: Any) -> Output:
        return Output(*resolved(list(values)))


class Options:
    """Options of a resource. Paper uses the parent; an option that was not set is None."""

    def __init__(self, **options: Any) -> None:
        self.__dict__.update(options)

    def __getattr__(self, name: str) -> Any:
        return None

    @staticmethod
    def merge(first: Options, second: Options) -> Options:
        return Options(**{**vars(first), **vars(second)})


class Resource:
    paper: Paper

    def __init__(self, token: str, name: str, opts: Options | None = None) -> None:
        self.token, self.logical_name, self.parent = token, name, opts.parent if opts else None

    @cached_property
    def urn(self) -> str:
        return f"urn:pulumi:{self.paper.stack}::{naming.PROJECT}::{'$'.join(self._types())}::{self.logical_name}"

    def _types(self) -> Iterator[str]:
        if self.parent is not None:
            yield from self.parent._types()
        yield self.token


class Group(Resource):
    """A component, which groups resources and is none of AWS."""

    def __init__(self, token: str, name: str, props: Any = None, opts: Options | None = None) -> None:
        super().__init__(token, name, opts)

    def register_outputs(self, outputs: Mapping[str, Any]) -> None:
        pass


class Reference(Resource):
    """A reference to the base stack, whose outputs are given to the run."""

    def __init__(self, name: str) -> None:
        super().__init__(REFERENCE, name)
        self.outputs = Output(self.paper.base_outputs, (self,))


class Custom(Resource):
    """A resource of AWS. The program's own transformation notes it; every attribute that is not defined here is an output."""

    token: str

    def __init__(self, name: str, /, *, opts: Options | None = None, **inputs: Any) -> None:
        super().__init__(self.token, name, opts)
        for transformation in self.paper.transformations:
            args = SimpleNamespace(resource=self, type_=self.token, name=name, props=inputs, opts=opts)
            inputs = getattr(transformation(args), "props", inputs)
        known = {"id": f"{name}-id", "arn": f"arn:aws:mock:::{name}", "keyId": f"{name}-key", "latestVersion": 1, "prefixListId": "pl-01"}
        self.state = {**known, **{camel(key): resolved(value)[0] for key, value in inputs.items()}}

    def __getattr__(self, name: str) -> Output:
        if name.startswith("_"):
            raise AttributeError(name)
        return Output(self.state.get(camel(name)), (self,))


class Arguments(dict[str, Any]):
    """An input with names of its own, such as `GroupTagArgs`."""


class Services:
    """`pulumi_aws` or one of its modules, which makes a class for each name that the program uses."""

    def __init__(self, paper: Paper, service: str) -> None:
        self._paper, self._service = paper, service

    def __getattr__(self, name: str) -> Any:
        made: Any
        if name.endswith("Args"):
            made = Arguments
        elif name[:1].islower():
            made = Services(self._paper, name)
        else:
            token = f"aws:{self._service}/{name[0].lower()}{name[1:]}:{name}"
            takes = _with_tags if token not in WITHOUT_TAGS else _without_tags
            made = type(name, (Custom,), {"paper": self._paper, "token": token, "_internal_init": takes})
        self.__dict__[name] = made
        return made


class Noted:
    """The counterpart of `stacks.registered.ProgramResource` for resources on paper."""

    def __init__(self) -> None:
        self._seen: list[tuple[Resource, Mapping[str, Any]]] = []

    def note(self, resource: Resource, type_token: str, name: str, inputs: Mapping[str, Any]) -> None:
        self._seen.append((resource, dict(inputs)))

    async def all(self) -> tuple[Registration, ...]:
        return tuple(_registration(resource, inputs) for resource, inputs in self._seen)


def resolved(value: Any) -> tuple[Any, tuple[Resource, ...]]:
    """Return the value without outputs, and every resource that one of them was taken from."""
    if isinstance(value, Output):
        return value.value, value.resources
    if isinstance(value, dict):
        parts = {key: resolved(inner) for key, inner in value.items()}
        return type(value)({key: plain for key, (plain, _) in parts.items()}), _union(*(found for _, found in parts.values()))
    if isinstance(value, list | tuple):
        rows = [resolved(inner) for inner in value]
        return [plain for plain, _ in rows], _union(*(found for _, found in rows))
    return value, ()


def camel(name: str) -> str:
    """Return the engine's name of an input."""
    first, *others = name.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in others)


def _registration(resource: Resource, inputs: Mapping[str, Any]) -> Registration:
    parts = {camel(key): (key, *resolved(value)) for key, value in inputs.items() if value is not None}
    content = {name: _engine_form(value, free=key in FREE_KEYS) for name, (key, value, _) in parts.items()}
    refs = {name: tuple(one.urn for one in found) for name, (_, _, found) in parts.items() if found}
    return Registration(type=resource.token, name=resource.logical_name, urn=resource.urn, inputs=content, refs=refs)


def _engine_form(value: Any, *, free: bool = False) -> Any:
    """Return the value under the engine's names, without what was left out. Whole floats become integers: the wire has only floats."""
    if isinstance(value, dict):
        keep = free and not isinstance(value, Arguments)
        return {
            key if keep else camel(key): _engine_form(inner, free=key in FREE_KEYS) for key, inner in value.items() if inner is not None
        }
    if isinstance(value, list):
        return [_engine_form(inner, free=free) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _union(*found: tuple[Resource, ...]) -> tuple[Resource, ...]:
    return tuple(dict.fromkeys(resource for part in found for resource in part))


def _with_tags(self: Custom, *, tags: Any = None) -> None:
    """Carries the signature that the program looks at; never called."""


def _without_tags(self: Custom) -> None:
    """Carries the signature that the program looks at; never called."""
