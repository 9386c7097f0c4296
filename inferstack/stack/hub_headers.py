"""What the Hugging Face hub says of a model without its weights: config.json, and the headers of its safetensors files by HTTP range."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pydantic import SecretStr

from inferstack.records.errors import CloudRefused, InputError
from inferstack.stack.hugging_face import HUB
from sizing.models import safetensors_header, second_formats, tensor_sizes
from sizing.models.exact_sizes import KEY
from sizing.models.local_files import MODELOPT, TOKENIZER, TOKENIZER_CONFIG, remote_code, with_modelopt
from sizing.models.safetensors_header import LENGTH_BYTES, Tensor
from sizing.models.user_models import AddedModel

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

MODEL_ID = re.compile(r"^[\w.-]{1,96}/[\w.-]{1,96}$")
AT_A_TIME = 8
FIRST_BYTES = 256 * 2**10
LARGEST_ANSWER_BYTES = 8 * 2**20
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
    base = environment.get("HF_ENDPOINT", HUB).rstrip("/")
    with _hub(base, token) as hub:
        listing = _listing(hub, model, revision)
        config = _json(
            _read(hub, model, _place(model, listing.revision, "config.json"), most=LARGEST_ANSWER_BYTES), f"{model}: config.json"
        )
        if MODELOPT in listing.files:
            place = _place(model, listing.revision, MODELOPT)
            config = with_modelopt(config, _json(_read(hub, model, place, most=LARGEST_ANSWER_BYTES), f"{model}: {MODELOPT}"))
        tokenizer = {}
        if TOKENIZER_CONFIG in listing.files:
            place = _place(model, listing.revision, TOKENIZER_CONFIG)
            tokenizer = _json(_read(hub, model, place, most=LARGEST_ANSWER_BYTES), f"{model}: {TOKENIZER_CONFIG}")
        exact = {"remote_code": remote_code(config, tokenizer)} | _exact(hub, model, listing, config=config, on_progress=on_progress)
    page = f"{base}/{model}"
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


@contextmanager
def _hub(base: str, token: SecretStr | None) -> Iterator[httpx.Client]:
    """A client that takes its token to the hub alone: a redirect to another host goes without it."""
    import httpx

    headers = {"Authorization": f"Bearer {token.get_secret_value()}"} if token else {}
    try:
        with httpx.Client(base_url=base, headers=headers, follow_redirects=True, timeout=60, max_redirects=5) as hub:
            yield hub
    except httpx.TooManyRedirects:
        raise CloudRefused(f"{base} sends from one address to the next without end", kind="other") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        why = str(error) or type(error).__name__
        raise CloudRefused(f"{base} cannot be reached: {why}", kind="timeout", hint="look at HTTPS_PROXY, or give a local folder") from None


def _listing(hub: httpx.Client, model: str, revision: str) -> HubListing:
    content = _json(
        _read(hub, model, f"/api/models/{model}/revision/{quote(revision, safe='')}?blobs=true", most=LARGEST_ANSWER_BYTES),
        f"{model}: its listing",
    )
    told, sha = content.get("siblings"), content.get("sha")
    if not isinstance(told, list) or not isinstance(sha, str) or not re.fullmatch(r"[0-9a-f]{7,64}", sha) or len(told) > MOST_FILES:
        raise CloudRefused(f"{model}: the hub's listing has no revision and files that can be read", kind="other")
    files = {str(one["rfilename"]): one.get("size") for one in told if isinstance(one, dict) and "rfilename" in one}
    sizes = {name: size for name, size in files.items() if isinstance(size, int) and not isinstance(size, bool) and size >= 0}
    return HubListing(
        sha, sizes | {name: 0 for name in files if name not in sizes}, _license(content), content.get("gated") not in (None, False)
    )


def _license(content: Mapping[str, Any]) -> str | None:
    card = content.get("cardData")
    named = card.get("license_name") or card.get("license") if isinstance(card, Mapping) else None
    tags = content.get("tags")
    tagged = (
        [tag.removeprefix("license:") for tag in tags if isinstance(tag, str) and tag.startswith("license:")]
        if isinstance(tags, list)
        else []
    )
    found = named if isinstance(named, str) else (tagged[0] if tagged else None)
    return found[:200] if found else None


def _exact(hub: httpx.Client, model: str, listing: HubListing, *, config: Mapping[str, Any], on_progress: Progress) -> dict[str, Any]:
    twice = second_formats.second(listing.files)
    weights = sorted(name for name in listing.files if name.endswith(".safetensors") and "/" not in name and name not in twice)
    beside = {"tokenizer_bytes": sum(size for name, size in listing.files.items() if any(fnmatch(name, kind) for kind in TOKENIZER))}
    if not weights:
        return {"notes": ["its repository holds no safetensors: sizes are arithmetic"]}
    found: list[Tensor] = []
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        answers = pool.map(lambda name: _tensors(hub, model, listing, name), weights)
        for done, tensors in enumerate(answers, 1):
            found.extend(tensors)
            on_progress(done, len(weights))
    total = sum(listing.files[name] for name in weights)
    return {
        **tensor_sizes.sizes(found, config, file_bytes=total or sum(one.bytes for one in found)),
        **{k: v for k, v in beside.items() if v},
    }


def _tensors(hub: httpx.Client, model: str, listing: HubListing, name: str) -> tuple[Tensor, ...]:
    """One request where the header is short, two where it is long; never the weights."""
    where, place, size = f"{model}: {name}", _place(model, listing.revision, name), listing.files[name] or None
    first = _read(hub, model, place, most=FIRST_BYTES, ranged=(0, FIRST_BYTES))
    length = safetensors_header.header_bytes(first, where=where, file_bytes=size)
    header = first[LENGTH_BYTES : LENGTH_BYTES + length]
    if len(header) < length and len(first) == FIRST_BYTES:
        header += _read(hub, model, place, most=length - len(header), ranged=(FIRST_BYTES, LENGTH_BYTES + length))
    if len(header) < length:
        raise CloudRefused(f"{where}: {len(header)} of {length} bytes of its header came", kind="timeout", hint="run it again")
    return safetensors_header.tensors(header, where=where, file_bytes=size)


def _place(model: str, revision: str, name: str) -> str:
    return f"/{model}/resolve/{revision}/{quote(name)}"


def _read(hub: httpx.Client, model: str, place: str, *, most: int, ranged: tuple[int, int] | None = None) -> bytes:
    """Read so many bytes at most: a server that takes no notice of the range is not read to its end."""
    skip, headers = 0, {}
    if ranged:
        headers = {"Range": f"bytes={ranged[0]}-{ranged[1] - 1}", "Accept-Encoding": "identity"}
    with hub.stream("GET", place, headers=headers) as answer:
        _refuse(answer, model, place)
        if ranged and answer.status_code == 200:
            skip = ranged[0]
        content = bytearray()
        for chunk in answer.iter_bytes():
            content += chunk
            if len(content) >= skip + most + (0 if ranged else 1):
                break
    if not ranged and len(content) > most:
        raise CloudRefused(f"{model}: {place.rsplit('/', 1)[-1]} is larger than {most // 2**20} MiB", kind="other")
    return bytes(content[skip : skip + most])


def _refuse(answer: httpx.Response, model: str, place: str) -> None:
    status, code = answer.status_code, answer.headers.get("x-error-code", "")
    if status == 404 or code in ("RepoNotFound", "RevisionNotFound", "EntryNotFound"):
        missing = (
            "no such repository" if "/api/" in place and code != "RevisionNotFound" else f"no {place.rsplit('/', 1)[-1].split('?')[0]}"
        )
        private = ", or it is private" if status == 401 else ""
        raise InputError(
            f"model {model}: the hub has {missing}{private}", hint="look at the id on its page; a local folder needs no network"
        )
    if status in (401, 403):
        raise CloudRefused(
            f"permission: {model} is gated or private, the hub does not give it to this identity (HTTP {status})",
            kind="permission",
            hint="accept its licence on its page, then give a token by HF_TOKEN or --hf-token-file",
        )
    if status == 429:
        raise CloudRefused("throttled: the hub takes no more requests for now (HTTP 429)", kind="throttled", hint="wait, then run it again")
    if status >= 400:
        raise CloudRefused(f"the hub answers HTTP {status} to {place.split('?')[0]}", kind="other", hint="run it again later")


def _json(content: bytes, where: str) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        raise CloudRefused(f"{where} is not JSON: it came cut off or damaged", kind="timeout", hint="run it again") from None
    if not isinstance(found, dict):
        raise CloudRefused(f"{where} is not an object", kind="other")
    return found
