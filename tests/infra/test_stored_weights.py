"""Weights are held against the plan before a node exists: whole, of its model, in its format, of its size."""

from __future__ import annotations

import contextlib
import functools
import json
import struct
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from inferstack.chain import provisioning, weights_check, weights_transfer
from inferstack.chain.weights_check import StoredFiles, of_bucket, of_folder, refuse_other_than_planned, refuse_unknown
from inferstack.records.errors import InputError
from inferstack.records.plan import Plan
from inferstack.records.request import Request
from infra.calls import weights
from infra.calls.aws import Aws
from sizing.models.hf_config import from_config
from sizing.planning import planner
from tests.sizing import gguf_files

KEY = "arn:aws:kms:us-east-1:000000000000:key/11111111-2222-3333-4444-555555555555"
NOW = datetime(2026, 11, 30, tzinfo=UTC)
CONFIG: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 2,
    "num_attention_heads": 8, "num_key_value_heads": 8, "vocab_size": 1024, "max_position_embeddings": 8192, "torch_dtype": "bfloat16",
    "_name_or_path": "org/small",
}  # fmt: skip
AWQ = {"quant_method": "awq", "bits": 4, "group_size": 128}
GPTQ = {"quant_method": "gptq", "bits": 4, "group_size": 128}
FP8 = {"quant_method": "fp8", "activation_scheme": "dynamic"}
LAYER = {"q": 1024, "k": 1024, "v": 1024, "o": 1024}


@functools.cache
def planned(quantized: str = "", weight_quant: str | None = None, engine: str = "vllm") -> Plan:
    """A plan of CONFIG, quantised as told, in the format that is asked for."""
    config = {**CONFIG, **({"quantization_config": json.loads(quantized)} if quantized else {})}
    return planner.plan(
        Request(config=config, weight_quant=weight_quant, engine=engine, concurrency=2, instance_type="g6.xlarge"), now=NOW  # type: ignore[arg-type]
    )  # fmt: skip


def whole(folder: Path, *, files: int = 1, bits: int = 16, **config: Any) -> Path:
    """A folder as an engine reads it; the weights are zeros."""
    told = {**CONFIG, **config}
    (folder / "config.json").write_text(json.dumps(told))
    (folder / "tokenizer.json").write_text("{}")
    names = [f"model-{number:05d}-of-{files:05d}.safetensors" for number in range(1, files + 1)] if files > 1 else ["model.safetensors"]
    tensors = list(_tensors(told))
    for number, name in enumerate(names):
        (folder / name).write_bytes(_safetensors(tensors[number::files], bits))
    if files > 1:
        listed = {tensor: names[number % files] for number, (tensor, _) in enumerate(tensors)}
        (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": listed}))
    return folder


def _tensors(config: dict[str, Any]) -> list[tuple[str, list[int]]]:
    hidden, wide, words = config["hidden_size"], config["intermediate_size"], config["vocab_size"]
    found = [("model.embed_tokens.weight", [words, hidden]), ("lm_head.weight", [words, hidden]), ("model.norm.weight", [hidden])]
    for layer in range(config["num_hidden_layers"]):
        at = f"model.layers.{layer}."
        found += [(f"{at}input_layernorm.weight", [hidden]), (f"{at}post_attention_layernorm.weight", [hidden])]
        found += [(f"{at}self_attn.{name}_proj.weight", [hidden, width]) for name, width in LAYER.items()]
        found += [(f"{at}mlp.{name}_proj.weight", [hidden, wide]) for name in ("gate", "up", "down")]
    return found


def _safetensors(tensors: list[tuple[str, list[int]]], bits: int) -> bytes:
    """Matrices of fewer bits are packed into bytes, as quantisers write them; what stays wide is BF16."""
    header: dict[str, Any] = {}
    end = 0
    for name, shape in tensors:
        narrow = bits < 16 and "_proj" in name
        size = shape[0] * (shape[1] if len(shape) > 1 else 1) * (bits if narrow else 16) // 8
        header[name] = {"dtype": "U8", "shape": [size]} if narrow else {"dtype": "BF16", "shape": shape}
        header[name]["data_offsets"] = [end, end + size]
        end += size
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(end)


def said(folder: Path, plan: Plan | None = None) -> str:
    with pytest.raises(InputError) as refused:
        files = of_folder(folder)
        if plan:
            refuse_other_than_planned(files, plan)
    return refused.value.message.removeprefix(f"{folder}: ")


@pytest.mark.parametrize("files", [1, 3])
def test_a_whole_folder_of_the_planned_file_is_taken(tmp_path: Path, files: int) -> None:
    """One file, or several with their index."""
    refuse_other_than_planned(of_folder(whole(tmp_path, files=files)), planned())


@pytest.mark.parametrize(
    ("gone", "message"),
    [
        ("model.safetensors", "contains no weights: no .safetensors and no .gguf file"),
        ("tokenizer.json", "contains no tokenizer: no tokenizer.json, tokenizer.model or vocab file"),
        ("config.json", "contains no config.json"),
    ],
)
def test_a_folder_that_lacks_a_part_is_refused(tmp_path: Path, gone: str, message: str) -> None:
    """An engine would find out on a paid GPU."""
    (whole(tmp_path) / gone).unlink()
    assert message == said(tmp_path)


def test_the_index_and_the_numbers_of_files_say_what_is_missing(tmp_path: Path) -> None:
    """By the index where there is one, else by the names, safetensors and GGUF alike."""
    (whole(tmp_path, files=3) / "model-00002-of-00003.safetensors").unlink()
    assert "model.safetensors.index.json names 3 files, but 2 are present; the first missing one: model-00002-of-00003.safetensors" == said(
        tmp_path
    )
    (tmp_path / "model.safetensors.index.json").unlink()
    assert "3 files belong together, but 2 are present; missing: model-00002-of-00003.safetensors" == said(tmp_path)
    split = StoredFiles("s3://b/models/m", {"m-00002-of-00002.gguf": 5}, frozenset(), None)
    with pytest.raises(InputError, match=r"2 files belong together, but 1 are present; missing: m-00001-of-00002.gguf"):
        weights_check.refuse_incomplete(split)


def test_a_file_that_is_cut_off_or_empty_is_refused(tmp_path: Path) -> None:
    """The header of each file says how long it is."""
    path = whole(tmp_path) / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    assert said(tmp_path)
    path.write_bytes(b"")
    assert "model.safetensors is empty" == said(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_hidden_layers": 4}, "is a different model: num layers is 4, but the planned org/small has 2"),
        ({"num_key_value_heads": 4}, "is a different model: kv heads is 4, but the planned org/small has 8"),
        ({"vocab_size": 2048}, "is a different model: its vocabulary is 2,048, but the planned org/small has 1,024"),
    ],
)
def test_another_shape_than_the_planned_one_is_refused(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    """The GPUs were counted for the planned one."""
    assert message == said(whole(tmp_path, **change), planned())


def test_a_fine_tune_with_a_few_tokens_more_is_the_planned_model(tmp_path: Path) -> None:
    """Fine-tunes add tokens for roles and tools."""
    refuse_other_than_planned(of_folder(whole(tmp_path, vocab_size=1026)), planned())


QUANTISED = {"awq": (AWQ, 4, "int4-awq"), "gptq": (GPTQ, 4, "int4-gptq"), "fp8": (FP8, 8, "fp8")}


@pytest.mark.parametrize("method", QUANTISED)
def test_a_plan_for_a_quantised_file_takes_that_method_alone(tmp_path: Path, method: str) -> None:
    """The file itself is taken; 16 bit and every other method are refused, whatever the bytes."""
    config, bits, format_ = QUANTISED[method]
    plan = planned(json.dumps(config))
    assert plan.weights and format_ == plan.weights.format and "quantization" not in plan.engine_flags
    (tmp_path / "right").mkdir()
    refuse_other_than_planned(of_folder(whole(tmp_path / "right", bits=bits, quantization_config=config)), plan)
    (tmp_path / "wide").mkdir()
    assert f"holds bf16, but the plan loads {format_}" == said(whole(tmp_path / "wide"), plan)
    for other, (other_config, other_bits, other_format) in QUANTISED.items():
        if other != method:
            (tmp_path / other).mkdir()
            folder = whole(tmp_path / other, bits=other_bits, quantization_config=other_config)
            assert f"holds {other_format}, but the plan loads {format_}" == said(folder, plan)


def test_a_plan_that_quantises_at_start_takes_a_wide_file_alone(tmp_path: Path) -> None:
    """vLLM refuses --quantization fp8 for a file that says compressed-tensors or fp8 itself: with that file another plan is needed."""
    plan = planned(weight_quant="fp8")
    assert plan.weights and ("bf16", True) == (plan.weights.format, plan.weights.quantized_at_start)
    assert "fp8" == plan.engine_flags["quantization"]
    (tmp_path / "wide").mkdir()
    refuse_other_than_planned(of_folder(whole(tmp_path / "wide")), plan)
    (tmp_path / "narrow").mkdir()
    folder = whole(tmp_path / "narrow", bits=8, quantization_config=FP8)
    assert "holds fp8, but the plan loads bf16 and converts it to fp8 at start (--quantization fp8)" == said(folder, plan)


@pytest.mark.parametrize("weight_quant", ["fp8", "awq", "gptq", None])
@pytest.mark.parametrize("model", ["Llama-3.1-8B-Instruct", "Qwen/Qwen3-32B", "RedHatAI/Llama-3.3-70B-Instruct-FP8-dynamic"])
def test_the_flag_for_quantising_stands_only_where_the_stored_file_is_wide(model: str, weight_quant: str | None) -> None:
    """Every plan names its file, and a flag that quantises is for a 16-bit one."""
    plan = planner.plan(Request(model=model, weight_quant=weight_quant, engine="vllm", concurrency=2), now=NOW)
    assert plan.weights
    assert ("quantization" in plan.engine_flags) == plan.weights.quantized_at_start
    assert not plan.weights.quantized_at_start or plan.weights.format in ("bf16", "fp16")


def test_a_plan_names_the_file_of_somebody_who_quantised_the_model_or_says_that_none_is_known() -> None:
    """Without a known file `up` stops before anything is made; `weights put` of one's own is the way on."""
    plan = planner.plan(Request(model="Llama-3.3-70B-Instruct", weight_quant="awq", concurrency=2), now=NOW)
    assert plan.weights and (None, "int4-awq") == (plan.weights.repository, plan.weights.format)
    with pytest.raises(InputError) as refused:
        refuse_unknown(plan, "chat")
    assert refused.value.message.startswith("model meta-llama/Llama-3.3-70B-Instruct: the plan needs a file in int4-awq (39.")
    assert "inferstack weights put DIR --as meta-llama/Llama-3.3-70B-Instruct --stack chat" in str(refused.value.hint)
    refuse_unknown(planned(), "chat")


def test_the_bytes_of_the_planned_file_are_held_to_a_tenth() -> None:
    """A file of another size than the volume and the GPUs were chosen for."""
    plan = planned()
    assert plan.weights
    shape = from_config(CONFIG)
    files = {"config.json": 1, "tokenizer.json": 1, "model.safetensors": plan.weights.bytes}
    refuse_other_than_planned(StoredFiles("w", files, frozenset(), shape), plan)
    with pytest.raises(InputError, match=r"^w: holds 0.1 GB of weights, but the plan was sized for 0.1 GB$"):
        refuse_other_than_planned(StoredFiles("w", files | {"model.safetensors": int(plan.weights.bytes * 1.2)}, frozenset(), shape), plan)


def test_a_gguf_file_is_held_against_the_planned_mix(tmp_path: Path) -> None:
    """Its header says its type; safetensors are no file for it, nor it for vLLM."""
    path = gguf_files.written(tmp_path / "m.gguf")
    from sizing.models import local_files

    config = local_files.config_of(path)
    plan = planner.plan(Request(config=config, concurrency=1, instance_type="g6.xlarge"), now=NOW)
    assert plan.weights and plan.weights.format == "gguf-q4_k_m"
    refuse_other_than_planned(of_folder(tmp_path), plan)
    other = plan.replaced(weights=plan.weights.model_copy(update={"format": "gguf-q8_0"}))
    assert "holds gguf-q4_k_m, but the plan loads gguf-q8_0" == said(tmp_path, other)
    assert said(tmp_path, planned()).startswith("holds GGUF, but the plan loads bf16")
    (tmp_path / "hf").mkdir()
    assert "holds safetensors, but the plan loads gguf-q4_k_m" == said(whole(tmp_path / "hf"), plan)


def _put(aws: Aws, folder: Path) -> weights.Manifest:
    aws.client("s3").create_bucket(Bucket="weights")
    return weights.put(aws, bucket="weights", kms_key_arn=KEY, model="org/small", folder=folder)


def test_what_lies_in_the_bucket_is_held_against_the_plan_too(aws: Aws, tmp_path: Path) -> None:
    """By the manifest and the configuration beside it: nothing large is read."""
    manifest = _put(aws, whole(tmp_path, files=2))
    refuse_other_than_planned(of_bucket(aws, "weights", manifest), planned())
    with pytest.raises(InputError, match=r"^s3://weights/models/org--small: holds bf16, but the plan loads int4-awq$"):
        refuse_other_than_planned(of_bucket(aws, "weights", manifest), planned(json.dumps(AWQ)))
    gone = replace(manifest, files=manifest.files[:-1])
    with pytest.raises(InputError, match=r"names 2 files|belong together|no tokenizer"):
        refuse_other_than_planned(of_bucket(aws, "weights", gone), planned())


@pytest.mark.parametrize("rehearsal", [True, False])
def test_up_refuses_other_weights_before_a_node_exists(aws: Aws, tmp_path: Path, rehearsal: bool) -> None:
    """The step of the weights comes before the cluster's, in a rehearsal as in an account."""
    _put(aws, whole(tmp_path))
    sent: list[str] = []
    world = SimpleNamespace(rehearsal=SimpleNamespace(weights=lambda folder: sent.append("tiny")) if rehearsal else None)
    stacks: Any = SimpleNamespace(aws=aws, world=world, command=SimpleNamespace(name="chat"))
    with pytest.raises(InputError, match="holds bf16, but the plan loads fp8"):
        weights_transfer.bring(stacks, {"weightsBucket": "weights"}, planned(json.dumps(FP8)), hf_token=None, progress=None)  # type: ignore[arg-type]
    assert [] == sent


def test_the_files_of_one_repository_are_put_as_another_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`weights put A --as B` fetches A's files and stores them as B's, held against the plan of B."""
    fetched: list[str] = []
    base: Any = {"weightsBucket": "b", "kmsKeyArn": "k"}
    monkeypatch.setattr(provisioning, "Stacks", lambda *words: SimpleNamespace(bind=lambda: None))
    monkeypatch.setattr(provisioning, "_up_base", lambda *words: base)
    monkeypatch.setattr(
        weights_transfer, "download", lambda repository, *words, **more: fetched.append(repository) or (whole(tmp_path), "c0ffee")
    )
    monkeypatch.setattr(weights_transfer, "put", lambda stacks, base, model, **more: weights.Manifest(model, "models/m", (), "0" * 64))
    work: Any = SimpleNamespace(command=None, step=lambda name: contextlib.nullcontext())
    run: Any = SimpleNamespace(read=lambda kind: planned())
    told = provisioning.put_named_weights(work, None, run, folder=None, repository="a/tuned", model="org/small", hf_token=None)  # type: ignore[arg-type]
    assert (["a/tuned"], "org/small") == (fetched, told["model"])
    run.read = lambda kind: planned(json.dumps(AWQ))
    with pytest.raises(InputError, match="holds bf16, but the plan loads int4-awq"):
        provisioning.put_named_weights(work, None, run, folder=None, repository="a/tuned", model="org/small", hf_token=None)  # type: ignore[arg-type]
