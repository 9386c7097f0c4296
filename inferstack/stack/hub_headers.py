"""What the Hugging Face hub says of a model without its weights: config.json, and the headers of its safetensors files by HTTP range."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatch
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from inferstack.records.errors import CloudRefused, InputError
from inferstack.stack import hub_client
from sizing.models import safetensors_header, second_formats, tensor_sizes
from sizing.models.exact_sizes import KEY
from sizing.models.local_files import MODELOPT, TOKENIZER, TOKENIZER_CONFIG, remote_code, with_modelopt
from sizing.models.safetensors_header import Tensor
from sizing.models.user_models import AddedModel

if TYPE_CHECKING:
    from huggingface_hub import HfApi, ModelInfo

MODEL_ID = re.compile(r"^[\w.-]{1,96}/[\w.-]{1,96}$")
AT_A_TIME = 8
LARGEST_TEXT_BYTES = 8 * 2**20
MOST_FILES = 5000

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class HubListing:
    """The files of one revision with their sizes, its licence, and whether it asks for consent."""

    revision: str
    files: Mapping[str, int]
    license: str | None
    gated: bool


def look_up(
    model: str,
    *,
    now: datetime,
    token: SecretStr | None,
    revision: str = "main",
    on_progress: Progress = lambda done, of: None,
    environment: Mapping[str, str] = os.environ,
) -> AddedModel:
    """The record of the model. Raises InputError (no such model, or one that is not known) and CloudRefused (gate, network, cut off)."""
    if not MODEL_ID.match(model) or ".." in model:
        raise InputError(f"model {model!r:.100}: not an id of the hub", hint="give organisation/name, as on its page")
    with hub_client.opened(model, token=token, environment=environment) as api:
        listing = _listing(model, hub_client.model_info(api, model, revision))
        config = _json(api, model, listing, "config.json")
        if MODELOPT in listing.files:
            config = with_modelopt(config, _json(api, model, listing, MODELOPT))
        tokenizer = _json(api, model, listing, TOKENIZER_CONFIG) if TOKENIZER_CONFIG in listing.files else {}
        exact = {"remote_code": remote_code(config, tokenizer)} | _exact(api, model, listing, config=config, on_progress=on_progress)
    page = f"{hub_client.endpoint(environment)}/{model}"
    told = {"id": model, "source": page, "as_of": f"{now:%Y-%m-%d}", "license": listing.license, "gated": listing.gated, **exact}
    told["revision"] = listing.revision
    whole = tensor_sizes.held_against_the_rule({**config, KEY: {name: value for name, value in told.items() if value is not None}})
    return AddedModel(
        id=model,
        as_of=f"{now:%Y-%m-%d}",
        source=page,
        revision=listing.revision,
        license=listing.license,
        gated=listing.gated,
        config=whole,
    )


def _listing(model: str, info: ModelInfo) -> HubListing:
    siblings = info.siblings
    if siblings is None or not re.fullmatch(r"[0-9a-f]{7,64}", str(info.sha)) or len(siblings) > MOST_FILES:
        raise CloudRefused(f"{model}: the hub's listing has no revision and files that can be read", kind="other")
    sizes = {one.rfilename: one.size if isinstance(one.size, int) and one.size >= 0 else 0 for one in siblings}
    return HubListing(str(info.sha), sizes, _license(info), info.gated not in (None, False))


def _license(info: ModelInfo) -> str | None:
    card = info.card_data
    named = (card.get("license_name") or card.get("license")) if card is not None else None
    tagged = [tag.removeprefix("license:") for tag in info.tags or () if isinstance(tag, str) and tag.startswith("license:")]
    found = named if isinstance(named, str) else (tagged[0] if tagged else None)
    return found[:200] if found else None


def _exact(api: HfApi, model: str, listing: HubListing, *, config: Mapping[str, Any], on_progress: Progress) -> dict[str, Any]:
    twice = second_formats.second(listing.files)
    weights = sorted(name for name in listing.files if name.endswith(".safetensors") and "/" not in name and name not in twice)
    beside = {"tokenizer_bytes": sum(size for name, size in listing.files.items() if any(fnmatch(name, kind) for kind in TOKENIZER))}
    if not weights:
        return {"notes": ["its repository holds no safetensors: sizes are arithmetic"]}
    found: list[Tensor] = []
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        answers = pool.map(lambda name: _tensors(api, model, listing, name), weights)
        for done, tensors in enumerate(answers, 1):
            found.extend(tensors)
            on_progress(done, len(weights))
    total = sum(listing.files[name] for name in weights)
    return {
        **tensor_sizes.sizes(found, config, file_bytes=total or sum(one.bytes for one in found)),
        **{k: v for k, v in beside.items() if v},
    }


def _tensors(api: HfApi, model: str, listing: HubListing, name: str) -> tuple[Tensor, ...]:
    """Read a file's header, never its weights; held against the rules of a file on this machine."""
    where = f"{model}: {name}"
    try:
        found = api.parse_safetensors_file_metadata(model, name, revision=listing.revision, timeout=hub_client.TIMEOUT_S)
    except (AttributeError, TypeError, ValueError, RecursionError, MemoryError) as error:
        # The library trusts a header to be an object of tensors with whole numbers; anybody may upload another one.
        if hub_client.is_of_the_library(error):
            raise
        raise InputError(f"{where}: its header is not one of a safetensors file") from None
    header = {key: {"dtype": one.dtype, "shape": one.shape, "data_offsets": list(one.data_offsets)} for key, one in found.tensors.items()}
    return safetensors_header.tensors(header, where=where, file_bytes=listing.files[name] or None)


def _json(api: HfApi, model: str, listing: HubListing, name: str) -> dict[str, Any]:
    where = f"{model}: {name}"
    if name not in listing.files:
        raise InputError(f"model {model}: the hub has no {name}", hint="look at the id on its page; a local folder needs no network")
    if listing.files[name] > LARGEST_TEXT_BYTES:
        raise CloudRefused(f"{where} is larger than {LARGEST_TEXT_BYTES // 2**20} MiB", kind="other")
    with TemporaryDirectory() as folder:
        content = Path(api.hf_hub_download(model, name, revision=listing.revision, cache_dir=folder)).read_bytes()
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        raise CloudRefused(f"{where} is not JSON: it is cut off or damaged", kind="timeout", hint="run it again") from None
    if not isinstance(found, dict):
        raise CloudRefused(f"{where} is not an object", kind="other")
    return found
