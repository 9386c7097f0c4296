"""Every exported document, read by the tool that it is for: `make check-exports`, in no lane.

Each tool's packages are installed once into the cache folder, the Go program of `loaders/` is built once. Charts and definitions, which no
package registry has, are looked for in a folder (docs/how-to/take-a-plan-elsewhere.md); their tests are skipped by name without it.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from inferstack.exports import deployment, table
from inferstack.sandbox.hosts import cache
from tests.inferstack.exports import read_back
from tests.inferstack.exports.cases import KINDS, document, plan, runs
from tests.inferstack.exports.recorded_parser import Vllm

pytestmark = pytest.mark.timeout(1800)
LOADERS = Path(__file__).parent / "loaders"
PACKAGES = {"dstack": "0.22.5", "skypilot": "0.14.1", "kserve": "0.21.0", "kubernetes-validate": "1.37.0"}
"""Newest versions of 2026-12-01."""
BESIDE = {"kserve": ("kubernetes==31.0.0",)}
"""KServe's models are of an older generator than today's client of Kubernetes, which cannot read them."""
KUBERNETES = "1.37"
CHARTS = Path(os.environ.get("INFERSTACK_EXPORT_CHARTS", cache.home() / "export-charts"))
CATALOG = "~/.sky/catalogs/v8/aws"
CATALOG_KEYS = "InstanceType,AcceleratorName,AcceleratorCount,vCPUs,MemoryGiB,GpuInfo,Price,SpotPrice,Region,AvailabilityZone,Arch"


def python_with(package: str) -> Path:
    """The Python of an environment that holds this package alone, and what it needs."""

    def build(folder: Path) -> None:
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, f"{package}=={PACKAGES[package]}", *BESIDE.get(package, ())], check=True)

    name = f"export-{package}-{PACKAGES[package]}-py{sys.version_info[0]}{sys.version_info[1]}"
    return cache.made(name, build) / "bin" / "python"


@functools.cache
def go_program() -> Path:
    if not shutil.which("go"):
        pytest.skip("no Go: Compose, Ollama and Helm could not be asked")
    sources = [LOADERS / name for name in ("main.go", "go.mod", "go.sum")]

    def build(folder: Path) -> None:
        subprocess.run(["go", "build", "-o", str(folder / "loader"), "."], cwd=LOADERS, check=True)

    return cache.made(f"export-loader-{cache.digest(''.join(one.read_text() for one in sources))[:12]}", build) / "loader"


def chart(name: str) -> Path:
    if not (CHARTS / name).exists():
        pytest.skip(f"{CHARTS / name} is not there: INFERSTACK_EXPORT_CHARTS names the folder")
    return CHARTS / name


def written(to: str, folder: Path) -> dict[str, Path]:
    """The documents of this tool, a file each, by the kind of plan."""
    kinds = [kind for kind in KINDS if runs(to, kind)]
    found = {kind: folder / f"{kind.replace(' ', '-')}-{table.target_named(to).file_name}" for kind in kinds}
    for kind, path in found.items():
        path.write_text(document(to, kind).text, encoding="utf-8")
    assert found
    return found


def answers(command: list[Any], files: dict[str, Path], **more: Any) -> dict[str, Any]:
    """What a loader says of each file; what it refuses fails the test in its own words."""
    done = subprocess.run([*map(str, command), *map(str, files.values())], capture_output=True, text=True, check=False, **more)
    assert 0 == done.returncode, done.stderr[-3000:]
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith(("{", "["))]
    assert len(files) == len(lines), done.stdout
    return dict(zip(files, lines, strict=True))


def command(kind: str) -> list[str]:
    return deployment.of_plan(plan(kind)).command


def one_node(found: dict[str, Any]) -> dict[str, Any]:
    return {kind: value for kind, value in found.items() if plan(kind).nodes_per_replica == 1}


def test_dstack_reads_its_configurations(tmp_path: Path) -> None:
    """By its own models, and its command line's expansion leaves the engine's words as they are."""
    read = answers([python_with("dstack"), LOADERS / "dstack_loader.py"], written("dstack", tmp_path))
    for kind, found in read.items():
        assert (plan(kind).nodes_per_replica > 1) == (found["type"] == "task")
    for kind, found in one_node(read).items():
        assert command(kind) == read_back.by_a_shell("\n".join(found["commands"]), tmp_path, command(kind)[0])
        assert {"min": deployment.of_plan(plan(kind)).processes} == {"min": found["replicas"]["min"]}


def with_catalog(folder: Path) -> dict[str, str]:
    """An environment in which SkyPilot finds a catalogue of the plans' types, and the file of weights that a task mounts."""
    home = folder / "home"
    catalog = Path(CATALOG.replace("~", str(home)))
    catalog.mkdir(parents=True)
    types = {plan(kind).instance_type for kind in KINDS}
    rows = [f"{one},L4,1,4,16,,1.0,,us-east-1,us-east-1a,x86_64" for one in sorted(types)]
    (catalog / "vms.csv").write_text("\n".join([CATALOG_KEYS, *rows, ""]))
    (catalog / "images.csv").write_text("Tag,Region,OS,OSVersion,ImageId,CreationDate,BaseImageId\n")
    (folder / "models").mkdir()
    (folder / "models" / "llama-3-1-8b-instruct.gguf").touch()
    return {**os.environ, "HOME": str(home), "HF_TOKEN": "none", "SKYPILOT_DISABLE_USAGE_COLLECTION": "1"}


def test_skypilot_reads_its_tasks(tmp_path: Path) -> None:
    """By its own loader. Its catalogue of instance types is fetched at run time; a table of the plans' own types stands in for it."""
    loader = [python_with("skypilot"), LOADERS / "skypilot_loader.py"]
    for kind, found in answers(loader, written("skypilot", tmp_path), cwd=tmp_path, env=with_catalog(tmp_path)).items():
        assert (plan(kind).instance_type, plan(kind).region) == (found["instance_type"], found["region"])
        assert plan(kind).nodes_per_replica == found["num_nodes"]
        if found["num_nodes"] == 1:
            assert command(kind) == read_back.by_a_shell(found["run"], tmp_path, command(kind)[0])
            assert {"replicas": deployment.of_plan(plan(kind)).processes, "path": "/health"} == found["service"]


def test_kserves_models_know_every_key(tmp_path: Path) -> None:
    """What they read and write again is the document."""
    files = written("kserve", tmp_path)
    for kind, found in answers([python_with("kserve"), LOADERS / "kserve_loader.py"], files).items():
        assert yaml.safe_load(files[kind].read_text()) == found


def test_kserves_definition_knows_every_key(tmp_path: Path) -> None:
    definition = strict_schema(chart("inferenceservices.yaml"), "v1beta1")
    for path in written("kserve", tmp_path).values():
        definition.validate(yaml.safe_load(path.read_text()))


def test_kubernetes_schemas_know_every_key(tmp_path: Path) -> None:
    """Deployments and Services; a LeaderWorkerSet by its own definition, its pods by the Pod's schema."""
    objects = []
    for path in written("kubernetes", tmp_path).values():
        for content in yaml.safe_load_all(path.read_text()):
            objects += [content] if content["kind"] != "LeaderWorkerSet" else pods_of(content)
    held(objects, tmp_path / "all.yaml")


def test_a_leader_worker_set_is_one(tmp_path: Path) -> None:
    definition = strict_schema(chart("leaderworkersets.yaml"), "v1")
    groups = [yaml.safe_load_all(path.read_text()) for path in written("kubernetes", tmp_path).values()]
    found = [content for documents in groups for content in documents if content["kind"] == "LeaderWorkerSet"]
    assert found
    for content in found:
        definition.validate(content)


@pytest.mark.parametrize(
    ("to", "loader", "old", "new"),
    [
        ("dstack", ("dstack", "dstack_loader.py"), "spot_policy:", "spot_polocy:"),
        ("dstack", ("dstack", "dstack_loader.py"), "count: '1..'", "count: one"),
        ("skypilot", ("skypilot", "skypilot_loader.py"), "use_spot:", "use_spots:"),
        ("skypilot", ("skypilot", "skypilot_loader.py"), "replicas: ", "replicas: x"),
        ("kubernetes", ("kubernetes-validate", "kubernetes_loader.py"), "startupProbe:", "startProbe:"),
        ("kubernetes", ("kubernetes-validate", "kubernetes_loader.py"), "replicas: ", "replicas: x"),
        ("docker-compose", "compose", "healthcheck:", "healthchecks:"),
        ("docker-compose", "compose", "- gpu", "- ${gpu"),
        ("ollama", "modelfile", "FROM ", "FORM "),
    ],
)
def test_a_tool_refuses_a_document_that_is_wrong(to: str, loader: Any, old: str, new: str, tmp_path: Path) -> None:
    """One word changed: a loader that lets it pass would prove nothing of the others."""
    path, text = tmp_path / "changed.yaml", document(to, "GGUF").text
    assert old in text
    if isinstance(loader, str):
        program = [go_program(), loader]
    else:
        program = [python_with(loader[0]), LOADERS / loader[1], *([KUBERNETES] if to == "kubernetes" else [])]
    environment = with_catalog(tmp_path) if to == "skypilot" else dict(os.environ)
    codes = []
    for one in (text, text.replace(old, new)):
        path.write_text(one)
        done = subprocess.run([*map(str, program), str(path)], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        codes.append(done.returncode)
    assert 0 == codes[0] and 0 != codes[1]


def test_llm_ds_chart_refuses_values_that_are_wrong(tmp_path: Path) -> None:
    path = tmp_path / "changed.yaml"
    path.write_text(document("llm-d", "one GPU").text.replace("multinode: false", "multinode: 'no'"))
    done = subprocess.run(
        [str(go_program()), "chart", str(chart("llm-d-modelservice")), str(path)], capture_output=True, text=True, check=False
    )
    assert 0 != done.returncode and "at '/multinode': got string, want boolean" in done.stderr


def test_production_stacks_schema_holds_its_values(tmp_path: Path) -> None:
    """Helm does not read it, for the chart's .helmignore leaves it out; other values are refused."""
    schema = jsonschema.Draft202012Validator(json.loads((chart("production-stack") / "values.schema.json").read_text()))
    for path in written("production-stack", tmp_path).values():
        schema.validate(yaml.safe_load(path.read_text()))
    with pytest.raises(jsonschema.ValidationError, match="'x2' is not of type 'integer'"):
        schema.validate(yaml.safe_load(document("production-stack", "one GPU").text.replace("replicaCount: 2", "replicaCount: x2")))


@pytest.mark.parametrize(("to", "kind", "name", "version", "old"), [
    ("kserve", "one GPU", "inferenceservices.yaml", "v1beta1", "minReplicas:"),
    ("kubernetes", "a replica on two nodes", "leaderworkersets.yaml", "v1", "restartPolicy:"),
])  # fmt: skip
def test_a_definition_refuses_a_key_that_is_wrong(to: str, kind: str, name: str, version: str, old: str) -> None:
    definition = strict_schema(chart(name), version)
    content, *_ = yaml.safe_load_all(document(to, kind).text.replace(old, f"x{old}"))
    with pytest.raises(jsonschema.ValidationError, match=f"x{old[:-1]}"):
        definition.validate(content)


def test_compose_loads_its_files(tmp_path: Path) -> None:
    """By compose-go, as `docker compose` does: its schema, then its interpolation."""
    for kind, found in answers([go_program(), "compose"], written("docker-compose", tmp_path)).items():
        engine = found["services"]["engine"]
        assert command(kind) == [*engine["entrypoint"], *engine["command"]]
        (device,) = engine["deploy"]["resources"]["reservations"]["devices"]
        assert deployment.of_plan(plan(kind)).gpus == device["count"]


def test_ollama_parses_its_files(tmp_path: Path) -> None:
    """By the parser of `ollama create`."""
    for kind, found in answers([go_program(), "modelfile"], written("ollama", tmp_path)).items():
        flags = plan(kind).engine_flags
        told = {one["Name"]: one["Args"] for one in found}
        assert {"model", "num_ctx", "num_gpu", "num_batch"} == set(told)
        assert str(flags["ctx-size"] // flags["parallel"]) == told["num_ctx"]


@pytest.mark.parametrize(("to", "name"), [("llm-d", "llm-d-modelservice"), ("production-stack", "production-stack")])
def test_a_chart_takes_its_values_and_starts_the_plans_command(to: str, name: str, tmp_path: Path) -> None:
    """By Helm's engine: the chart's schema, its templates, and what they make by the schemas of Kubernetes."""
    objects: list[Any] = []
    for kind, rendered in answers([go_program(), "chart", chart(name)], written(to, tmp_path)).items():
        made = [content for text in rendered.values() for content in yaml.safe_load_all(text) if content]
        (workload,) = [
            one for one in made if "vllm" in json.dumps(one) and one["kind"] in ("Deployment", "LeaderWorkerSet") and is_engine(one)
        ]
        many = workload["kind"] == "LeaderWorkerSet"
        assert deployment.of_plan(plan(kind)).processes == workload["spec"]["replicas"]
        objects += pods_of(workload) if many else [workload]
        if not many:
            pod = workload["spec"]["template"]["spec"]
            assert options_of(command(kind)) == options_of(engine_words(pod))
            limits = next(one for one in pod["containers"] if one["name"] == "vllm")["resources"]["limits"]
            assert str(deployment.of_plan(plan(kind)).gpus) == str(limits["nvidia.com/gpu"])
    held(objects, tmp_path / "all.yaml")


def is_engine(workload: dict[str, Any]) -> bool:
    return any(one["name"] == "vllm" for pod in pods_of(workload) for one in pod["spec"]["containers"])


def engine_words(pod: dict[str, Any]) -> list[str]:
    (engine,) = [one for one in pod["containers"] if one["name"] == "vllm"]
    return read_back.kubelet([str(word) for word in (*engine["command"], *engine.get("args", []))])


def options_of(words: list[str]) -> dict[str, Any]:
    """What vLLM reads of a command line, apart from where it listens and from what is the default anyway."""
    program, serve, model, *rest = words
    assert ("vllm", "serve") == (program, serve)
    spelt = [word.replace("_", "-") if word.startswith("--") else word for word in rest]
    read = vars(Vllm().parse_args(["--model", model, *spelt]))
    defaults = {"tensor_parallel_size": 1, "data_parallel_size": 1, "enable_prefix_caching": True}
    read |= {name: value if read[name] in (None, False) else read[name] for name, value in defaults.items()}
    return {name: value for name, value in read.items() if name not in ("host", "data_parallel_size_local")}


def pods_of(workload: dict[str, Any]) -> list[dict[str, Any]]:
    """The templates of a workload as Pods."""
    spec = workload["spec"]
    group = spec.get("leaderWorkerTemplate")
    templates = [group[key] for key in ("leaderTemplate", "workerTemplate") if key in group] if group else [spec["template"]]
    return [{"apiVersion": "v1", "kind": "Pod", "metadata": one["metadata"], "spec": one["spec"]} for one in templates]


def held(objects: list[Any], file: Path) -> None:
    """Hold objects to the schemas of Kubernetes."""
    assert objects
    file.write_text(yaml.safe_dump_all(objects))
    loader = [str(python_with("kubernetes-validate")), str(LOADERS / "kubernetes_loader.py"), KUBERNETES, str(file)]
    done = subprocess.run(loader, capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stderr[-3000:]
    assert len(objects) == len(done.stdout.splitlines())


def strict_schema(definition: Path, version: str) -> Any:
    """The schema of a custom resource's version. Keys that it does not name are refused, which an API server would drop."""
    versions = yaml.load(definition.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))["spec"]["versions"]
    (schema,) = [one["schema"]["openAPIV3Schema"] for one in versions if one["name"] == version]
    schema["properties"]["metadata"] = {"type": "object"}
    return jsonschema.Draft202012Validator(_closed(schema))


def _closed(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: _closed(value) for key, value in schema.items()}
    free = made.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in made
    if made.get("type") == "object" and isinstance(made.get("properties"), dict) and not free:
        made["additionalProperties"] = False
    return made
