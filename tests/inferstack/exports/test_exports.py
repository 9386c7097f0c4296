"""What an export carries is what the plan says; what it cannot carry is named, and what the tool cannot run is refused."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml

from inferstack.exports import deployment, table
from inferstack.exports.export import exported
from inferstack.records import engines
from inferstack.records.errors import InputError
from inferstack.records.plan import Plan
from tests.inferstack.exports import cases, read_back
from tests.inferstack.exports.cases import HOSTILE, KINDS, PAIRS, SOURCE, document, plan, runs
from tests.inferstack.exports.recorded_parser import Vllm

FOLDER = Path(deployment.__file__).parent
RUNNABLE = [pair for pair in PAIRS if runs(*pair)]
FIRST = {"LWS_WORKER_INDEX": "0", "LWS_LEADER_ADDRESS": "leader.svc"}
SECOND = FIRST | {"LWS_WORKER_INDEX": "1"}
ACROSS = [kind for kind in KINDS if plan(kind).nodes_per_replica > 1]
ON_ONE_NODE = [kind for kind in KINDS if kind not in ACROSS]


def command(kind: str) -> list[str]:
    return deployment.of_plan(plan(kind)).command


def for_tool(to: str, kinds: list[str]) -> list[str]:
    return [kind for kind in kinds if runs(to, kind)]


def header_of(text: str) -> str:
    """The comment lines above the document, as one line."""
    lines = text.splitlines()
    above = lines[: next(n for n, line in enumerate(lines) if not line.startswith("#"))]
    return " ".join(line.lstrip("# ") for line in above)


def test_each_tool_is_a_file_and_each_file_is_listed() -> None:
    """The list of names is the folder's, and every tool runs an engine that a plan can start."""
    files = {path.stem.replace("_", "-") for path in FOLDER.glob("*.py") if "EXPORT = " in path.read_text()}
    assert set(table.NAMES) == files
    for name in table.NAMES:
        target = table.target_named(name)
        assert name == target.name and set(target.across_nodes) <= set(target.engines) <= set(engines.deployed())


def test_each_engine_that_a_plan_starts_is_taken_by_a_tool() -> None:
    """No plan is without a way elsewhere."""
    assert [] == [engine for engine in engines.deployed() if not table.fitting(engine, across_nodes=False)]


def test_other_spellings_name_one_tool() -> None:
    """No spelling is given twice, and each is understood."""
    spelt = [spelling for name in table.NAMES for spelling in (name, *table.target_named(name).spellings)]
    assert sorted(set(spelt)) == sorted(spelt)
    assert "kubernetes" == table.target_named("K8s").name and "docker-compose" == table.target_named("docker compose").name
    with pytest.raises(InputError, match=r"--to 'kuberntes': must be vllm, docker-compose, .* or ollama") as refused:
        table.target_named("kuberntes")
    assert "did you mean kubernetes?" == refused.value.hint


@pytest.mark.parametrize(("to", "kind"), [pair for pair in PAIRS if not runs(*pair)])
def test_what_a_tool_cannot_run_is_refused_with_those_that_can(to: str, kind: str) -> None:
    """The hint names tools that take this very plan."""
    with pytest.raises(InputError, match=f"--to {to}: it does not run ") as refused:
        document(to, kind)
    assert 2 == refused.value.code
    fitting = refused.value.hint.removeprefix("these do: ").split(", ")
    assert [name for name in table.NAMES if runs(name, kind)] == fitting


@pytest.mark.parametrize(("to", "kind"), RUNNABLE)
def test_the_header_says_which_plan_it_is_and_what_is_not_carried(to: str, kind: str) -> None:
    """Nothing of the run's own protection is dropped without a word."""
    said, found = header_of(document(to, kind).text), plan(kind)
    assert f"for {to}, written by inferstack " in said and SOURCE in said and f"made {found.created_at:%Y-%m-%d}" in said
    for word in (found.model.id, f"{found.engine} {found.engine_version}", found.instance_type, found.region, str(found.price_date)):
        assert word in said
    for word in ("the endpoint's key", "TLS", "expiry", "the mirror of the weights", "verdict"):
        assert word in said.partition("Not carried over:")[2]
    assert f"weights on {found.storage.weights_medium}, a root volume of {found.storage.root_volume_gib} GiB" in said
    for guard in found.guards:
        assert f"the guard {guard.id}" in said
    if found.request.max_usd_per_hour:
        assert f"the limit of ${found.request.max_usd_per_hour:g} an hour" in said or "the limit is asked of each instance" in said
    if found.request.lora_slots:
        assert "which LoRA adapters" in said


@pytest.mark.parametrize("to", table.NAMES)
def test_targets_and_load_stand_above_the_document(to: str) -> None:
    """A reader sees what the numbers were chosen for."""
    kind = next(kind for kind in ("replicas that share nodes", "TensorRT-LLM", "GGUF") if runs(to, kind))
    said = header_of(document(to, kind).text)
    assert plan(kind).load.says in said
    if kind == "replicas that share nodes":
        assert "Target: ttft_ms at most 1000, predicted" in said and "Target: itl_ms at most 33, predicted" in said


@pytest.mark.parametrize("kind", for_tool("docker-compose", ON_ONE_NODE))
def test_compose_starts_the_plans_command(kind: str) -> None:
    assert command(kind) == read_back.compose(document("docker-compose", kind).text)


@pytest.mark.parametrize("kind", for_tool("kubernetes", ON_ONE_NODE))
def test_a_kubernetes_pod_starts_the_plans_command(kind: str) -> None:
    """As many pods as processes, each with the GPUs of one; KServe's are the same."""
    workload, _ = read_back.parsed(document("kubernetes", kind).text)
    pod, found = workload["spec"]["template"]["spec"], deployment.of_plan(plan(kind))
    assert command(kind) == read_back.container(pod)
    assert (found.processes, str(found.gpus)) == (
        workload["spec"]["replicas"],
        pod["containers"][0]["resources"]["limits"]["nvidia.com/gpu"],
    )
    predictor = read_back.parsed(document("kserve", kind).text)[0]["spec"]["predictor"]
    assert command(kind) == read_back.container(predictor) and found.processes == predictor["minReplicas"] == predictor["maxReplicas"]


@pytest.mark.parametrize("kind", ACROSS)
def test_each_node_of_a_group_gets_its_rank_and_the_first_ones_address(kind: str) -> None:
    """The leader answers; the others are headless."""
    workload, _ = read_back.parsed(document("kubernetes", kind).text)
    group, spec = workload["spec"]["leaderWorkerTemplate"], workload["spec"]
    assert (plan(kind).nodes_per_replica, plan(kind).layout.dp) == (group["size"], spec["replicas"])
    leader = read_back.container(group["leaderTemplate"]["spec"], FIRST)
    assert [*command(kind), "--node-rank", "0", "--master-addr", "leader.svc"] == leader
    worker = read_back.container(group["workerTemplate"]["spec"], SECOND)
    assert [*command(kind), "--node-rank", "1", "--master-addr", "leader.svc", "--headless"] == worker


@pytest.mark.parametrize(("to", "key"), [("skypilot", "run"), ("dstack", "commands")])
@pytest.mark.parametrize("kind", ON_ONE_NODE)
def test_a_shell_gives_the_engine_the_plans_words(to: str, key: str, kind: str, tmp_path: Path) -> None:
    """Run by a shell, for quoting that is only compared with itself proves nothing."""
    task = read_back.parsed(document(to, kind).text)[0]
    script = task[key] if isinstance(task[key], str) else "\n".join(task[key])
    assert command(kind) == read_back.by_a_shell(script, tmp_path, command(kind)[0])


@pytest.mark.parametrize(("to", "rank", "first"), [
    ("skypilot", "SKYPILOT_NODE_RANK", {"SKYPILOT_NODE_IPS": "10.0.0.1\n10.0.0.2"}),
    ("dstack", "DSTACK_NODE_RANK", {"DSTACK_MASTER_NODE_IP": "10.0.0.1"}),
])  # fmt: skip
@pytest.mark.parametrize("kind", ACROSS)
def test_a_cloud_task_starts_each_node_of_a_replica(to: str, rank: str, first: dict[str, str], kind: str, tmp_path: Path) -> None:
    task = read_back.parsed(document(to, kind).text)[0]
    script = task["run"] if to == "skypilot" else "\n".join(task["commands"])
    assert plan(kind).nodes_per_replica == task["num_nodes" if to == "skypilot" else "nodes"]
    words = [read_back.by_a_shell(script, tmp_path, "vllm", {rank: str(number), **first}) for number in (0, 1)]
    assert [*command(kind), "--node-rank", "0", "--master-addr", "10.0.0.1"] == words[0]
    assert [*command(kind), "--node-rank", "1", "--master-addr", "10.0.0.1", "--headless"] == words[1]
    several = plan(kind).layout.dp > 1
    assert several == ("what spreads requests over them" in header_of(document(to, kind).text))


@pytest.mark.parametrize("kind", for_tool("llm-d", ON_ONE_NODE))
def test_llm_d_gets_the_layout_as_parallelism_and_the_rest_as_words(kind: str) -> None:
    """The chart writes the name and the layout itself; both together are the plan's flags."""
    values, flags = read_back.parsed(document("llm-d", kind).text)[0], plan(kind).engine_flags
    assert flags["served-model-name"] == values["modelArtifacts"]["name"]
    parallelism = values["decode"]["parallelism"]
    assert (flags["tensor-parallel-size"], flags.get("data-parallel-size", 1)) == (parallelism["tensor"], parallelism["data"])
    (container,) = values["decode"]["containers"]
    words = read_back.kubelet(container["args"])
    written = ["--served-model-name", flags["served-model-name"], "--tensor-parallel-size", str(flags["tensor-parallel-size"])]
    written += ["--data-parallel-size", str(flags["data-parallel-size"])] if "data-parallel-size" in flags else []
    listening = ["vllm", "serve", deployment.of_plan(plan(kind)).model, "--host", "0.0.0.0", "--port", "8000"]
    assert sorted(command(kind)) == sorted([*words, *written, *listening])


@pytest.mark.parametrize("kind", ACROSS)
def test_llm_d_starts_each_node_of_a_group(kind: str, tmp_path: Path) -> None:
    (container,) = read_back.parsed(document("llm-d", kind).text)[0]["decode"]["containers"]
    shell, option, script = read_back.kubelet([*container["command"], *container["args"]])
    assert ("/bin/sh", "-c") == (shell, option)
    words = [read_back.by_a_shell(script, tmp_path, "vllm", environment) for environment in (FIRST, SECOND)]
    assert [*command(kind), "--node-rank", "0", "--master-addr", "leader.svc"] == words[0]
    assert [*command(kind), "--node-rank", "1", "--master-addr", "leader.svc", "--headless"] == words[1]


@pytest.mark.parametrize("kind", for_tool("production-stack", ON_ONE_NODE))
def test_production_stack_holds_each_flag_once(kind: str) -> None:
    """In a key of its own or among the extra words."""
    (model,) = read_back.parsed(document("production-stack", kind).text)[0]["servingEngineSpec"]["modelSpec"]
    config, found = model["vllmConfig"], plan(kind)
    own = {"maxModelLen": "max-model-len", "tensorParallelSize": "tensor-parallel-size", "maxNumSeqs": "max-num-seqs",
           "gpuMemoryUtilization": "gpu-memory-utilization", "maxLoras": "max-loras", "dtype": "dtype"}  # fmt: skip
    carried = {flag: config[key] for key, flag in own.items() if key in config} | ({"enable-lora": True} if model.get("enableLoRA") else {})
    rest = {name: value for name, value in found.engine_flags.items() if name not in carried}
    assert {name: found.engine_flags[name] for name in carried} == carried
    assert [word for name, value in rest.items() for word in (f"--{name}", str(value))] == read_back.kubelet(config["extraArgs"])
    assert config["enablePrefixCaching"] is True


def as_vllm_reads(keys: dict[str, object]) -> list[str]:
    """`load_config_file` of vllm/utils/argparse_utils.py: a true key is a bare option, a list is several words, all else is one."""
    words: list[str] = []
    for key, value in keys.items():
        if value is not False:
            words.append(f"--{key}")
        words += [] if isinstance(value, bool) else [str(one) for one in value] if isinstance(value, list) else [str(value)]
    return words


@pytest.mark.parametrize("kind", for_tool("vllm", list(KINDS)))
def test_vllms_file_says_what_its_command_line_says(kind: str) -> None:
    """Both are read by a parser of vLLM's recorded options, and give the same."""
    keys = read_back.parsed(document("vllm", kind).text)[0]
    program, serve, model, *words = command(kind)
    assert ("vllm", "serve") == (program, serve)
    assert vars(Vllm().parse_args(["--model", model, *words])) == vars(Vllm().parse_args(as_vllm_reads(keys)))


@pytest.mark.parametrize("kind", for_tool("trtllm-serve", list(KINDS)))
def test_trtllm_serves_file_has_fields_that_it_was_recorded_to_have(kind: str) -> None:
    """A file with another key ends the server at its start."""
    recorded = yaml.safe_load((Path(__file__).parent / "llm_args.yaml").read_text())["fields"]
    options, flags = read_back.parsed(document("trtllm-serve", kind).text)[0], plan(kind).engine_flags
    cache = options.pop("kv_cache_config")
    assert set(options) <= set(recorded["LlmArgs"]) and set(cache) <= set(recorded["KvCacheConfig"])
    assert sorted(map(str, flags.values())) == sorted(map(str, (*options.values(), *cache.values())))


def test_trtllm_serve_refuses_a_flag_whose_field_is_not_known() -> None:
    found = plan("TensorRT-LLM")
    other = found.replaced(engine_flags={**found.engine_flags, "num_postprocess_workers": 2})
    with pytest.raises(InputError, match="--num_postprocess_workers: the field of LlmArgs"):
        exported(other, "trtllm-serve", source=SOURCE)
    assert exported(other, "docker-compose", source=SOURCE).text


@pytest.mark.parametrize("kind", for_tool("ollama", list(KINDS)))
def test_a_modelfile_divides_the_buffer_and_names_the_rest(kind: str) -> None:
    """Each slot of Ollama has tokens of its own; flags without a parameter are named."""
    text, flags = document("ollama", kind).text, plan(kind).engine_flags
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    source = "hf.co/someone/a-quantised-copy:Q4_K_M" if kind == "pinned GGUF" else "./llama-3-1-8b-instruct.gguf"
    each = flags["ctx-size"] // flags["parallel"]
    expected = [
        f"FROM {source}",
        f"PARAMETER num_ctx {each}",
        f"PARAMETER num_batch {flags['batch-size']}",
        f"PARAMETER num_gpu {flags['gpu-layers']}",
    ]
    assert sorted(expected) == sorted(lines)
    assert f"OLLAMA_NUM_PARALLEL={flags['parallel']}" in header_of(text)
    if "chat-template" in flags:
        assert f"--chat-template {' '.join(HOSTILE.split())}" in header_of(text)


@pytest.mark.parametrize("to", table.NAMES)
def test_text_of_others_stays_in_its_value(to: str) -> None:
    """A newline, a template or a quote in a value begins no key, no command and no line of its own."""
    for kind in [kind for kind in KINDS if kind.startswith("hostile") and runs(to, kind)]:
        plain = kind.replace("hostile vllm", "one GPU").replace("hostile tensorrt-llm", "TensorRT-LLM").replace("hostile llama.cpp", "GGUF")
        text = document(to, kind).text
        if to != "ollama":
            assert _keys(read_back.parsed(document(to, plain).text)) == _keys(read_back.parsed(text)) - {"tokenizer"}
        assert not [line for line in text.splitlines() if line.startswith(("- --evil", "FROM x"))]


def _keys(content: object) -> set[str]:
    if isinstance(content, dict):
        return set(content) | {key for value in content.values() for key in _keys(value)}
    return {key for value in content for key in _keys(value)} if isinstance(content, list) else set()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("engine_version", "0.33.0\nx: y"), ("engine_version", "0.33.0 --privileged"), ("repository", "a/b$(id)"), ("repository", "../x"),
        ("revision", "main\nFROM x"), ("format", "fp8 x"),
    ],
)  # fmt: skip
def test_a_name_that_is_none_is_refused(field: str, value: str) -> None:
    """What stands in an image's tag, a file's name or a repository cannot be quoted."""
    changed = {field: value} if field in Plan.model_fields else {"weights": cases.PINNED.model_copy(update={field: value})}
    hostile = Plan.model_construct(**{**dict(plan("one GPU")), **changed})
    with pytest.raises(InputError, match="has characters that no such name has"):
        exported(hostile, "docker-compose", source=SOURCE)


def test_an_unknown_flag_is_refused_as_by_the_roles() -> None:
    found = plan("one GPU")
    with pytest.raises(InputError, match="engine flag --no-such: vllm has no such option"):
        exported(found.replaced(engine_flags={"no-such": 1}), "kubernetes", source=SOURCE)


def test_a_pinned_copy_is_what_is_loaded() -> None:
    """Repository and revision of the plan's weights, under the name that clients ask for."""
    words = command("pinned")
    assert ["vllm", "serve", "someone/a-quantised-copy", "--revision", "0123abc"] == words[:5]
    assert "meta-llama/Llama-3.1-8B-Instruct" == words[words.index("--served-model-name") + 1]


def test_an_engine_without_a_name_for_the_model_is_named_as_such() -> None:
    """TensorRT-LLM answers to what it loads; its file of options carries the revision, its command line does not."""
    pinned = plan("TensorRT-LLM").replaced(weights=cases.PINNED)
    compose, options = (exported(pinned, to, source=SOURCE).text for to in ("docker-compose", "trtllm-serve"))
    for text in (compose, options):
        assert "the name meta-llama/Llama-3.1-8B-Instruct: tensorrt-llm answers to someone/a-quantised-copy" in header_of(text)
    assert "revision 0123abc of the weights: tensorrt-llm 1.2.1 has no option for it" in header_of(compose)
    assert "0123abc" == read_back.parsed(options)[0]["revision"] and "revision 0123abc" not in header_of(options)


@pytest.mark.parametrize("to", ["skypilot", "dstack"])
def test_only_a_gated_model_asks_for_a_token(to: str) -> None:
    """Both tools refuse to go on without a value that is asked for."""
    asks = {kind: "HF_TOKEN" in document(to, kind).text for kind in ("one GPU", "made narrow at start", "GGUF")}
    assert {"one GPU": True, "made narrow at start": False, "GGUF": False} == asks


def test_weights_that_no_repository_holds_are_asked_for() -> None:
    """The file is named where the document expects it."""
    for to in table.fitting("llama.cpp", across_nodes=False):
        assert re.search(r"llama-3-1-8b-instruct\.gguf", header_of(document(to, "GGUF").text)), to


@pytest.mark.parametrize(("to", "kind"), RUNNABLE)
def test_the_header_is_a_comment_to_its_end(to: str, kind: str) -> None:
    """Also with text of others in it: no line of it is longer than the page is wide, unless it is one word."""
    for line in document(to, kind).text.splitlines():
        if line.startswith("#"):
            assert len(line) <= 118 or len(line.split()) < 4, line


def test_commands_of_the_header_are_whole(tmp_path: Path) -> None:
    """The file that they name is the one that was written."""
    for to, kind in RUNNABLE:
        made = exported(plan(kind), to, source=SOURCE, file_name="other name.x")
        used = re.findall(r"^# - (.*)$", made.text.partition("# Use:\n")[2].partition("\n#\n")[0], re.MULTILINE)
        assert made.text.startswith("# other name.x: ") and used
        named = [shlex.split(line, comments=False) for line in used if "other name.x" in line and "'other name.x'" in line]
        assert named, (to, used)
