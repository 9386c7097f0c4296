"""The seam to `huggingface_hub`: a client of the hub that the environment names; what goes wrong is told in one line.

The library is the extra `hub`. Nothing of it is imported before a verb has asked `inferstack.cli.extras` for it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import metadata
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from inferstack.records.errors import CloudRefused, InferstackError, InputError

if TYPE_CHECKING:
    from huggingface_hub import HfApi, ModelInfo

HUB = "https://huggingface.co"
TIMEOUT_S = 60.0
MOST_REDIRECTS = 5
GATE_HINT = "accept its licence on its page, then give a token by HF_TOKEN or --hf-token-file"


def endpoint(environment: Mapping[str, str]) -> str:
    """Return the address of the hub, or of the mirror that HF_ENDPOINT names."""
    return environment.get("HF_ENDPOINT", HUB).rstrip("/")


@contextmanager
def opened(model: str, *, token: SecretStr | None, environment: Mapping[str, str] = os.environ) -> Iterator[HfApi]:
    """Yield a client. Without `token` it uses the one of `hf auth login`. Raises InputError and CloudRefused for what happens inside."""
    import huggingface_hub
    from huggingface_hub import constants
    from huggingface_hub.utils import disable_progress_bars, logging

    base = endpoint(environment)
    if huggingface_hub.is_offline_mode():
        raise CloudRefused(
            f"HF_HUB_OFFLINE is set: {base} is not asked", kind="other", hint="unset it, or give a folder of the model's files"
        )
    # With telemetry on, the library asks the hub for a list of programs and sends the name of the one that runs it.
    # https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables#hfhubdisabletelemetry
    constants.HF_HUB_DISABLE_TELEMETRY = True
    disable_progress_bars()
    logging.set_verbosity_error()
    huggingface_hub.set_client_factory(_client)
    try:
        yield huggingface_hub.HfApi(
            endpoint=base,
            token=token.get_secret_value() if token else None,
            library_name="inferstack",
            library_version=metadata.version("inferstack"),
        )
    except InferstackError:
        raise
    except Exception as error:  # noqa: BLE001  _refusal() gives back what is not the hub's
        raise _refusal(error, model=model, base=base) from None
    finally:
        huggingface_hub.close_session()


def model_info(api: HfApi, model: str, revision: str | None) -> ModelInfo:
    """Return the listing of one revision with sizes and checksums. Raises CloudRefused for one that cannot be read."""
    try:
        return api.model_info(model, revision=revision, files_metadata=True, timeout=TIMEOUT_S)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        if is_of_the_library(error):
            raise
        raise CloudRefused(
            f"{model}: the hub's listing cannot be read: it is cut off or damaged", kind="timeout", hint="run it again"
        ) from None


def _client() -> Any:
    """Return an HTTP client with a time limit for every call: the library makes some of its calls without one."""
    import httpx2

    def limited(request: Any) -> None:
        limits = request.extensions.setdefault("timeout", {})
        request.extensions["timeout"] = {name: limits.get(name) or TIMEOUT_S for name in ("connect", "read", "write", "pool")}

    return httpx2.Client(
        event_hooks={"request": [limited], "response": [_refuse_whole_file]},
        follow_redirects=True,
        max_redirects=MOST_REDIRECTS,
        timeout=TIMEOUT_S,
    )


def _refuse_whole_file(response: Any) -> None:
    """Raises CloudRefused for a mirror that answers a part of a file with the whole: the library would read gigabytes into memory."""
    first, _, last = response.request.headers.get("range", "").removeprefix("bytes=").partition("-")
    if response.status_code != 200 or not last:
        return
    wanted = int(last) - int(first) + 1
    length = response.headers.get("content-length", "")
    if not length.isdigit() or int(length) > wanted:
        name = response.request.url.path.rsplit("/", 1)[-1]
        raise CloudRefused(
            f"{response.request.url.host} sends all of {name} where only its first {wanted} bytes were requested",
            kind="other",
            hint="name a hub that answers HTTP ranges by HF_ENDPOINT, or give a folder of the model's files",
        )


def is_of_the_library(error: BaseException) -> bool:
    """Whether an error of a standard kind, such as ValueError, is one that the library has a class of its own for."""
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    return isinstance(error, HfHubHTTPError | HFValidationError)


def _refusal(error: Exception, *, model: str, base: str) -> InferstackError:
    """Return what the library raised as an error of ours. Raises what is neither the hub's nor the network's anew."""
    import httpx2
    from huggingface_hub import errors

    error = _cause(error)
    if isinstance(error, errors.SafetensorsParsingError):
        return InputError(f"model {model}: {_first_line(error)}")
    if isinstance(error, errors.HFValidationError):
        return InputError(f"model {model!r:.100}: not an id of the hub", hint="give organisation/name, as on its page")
    if isinstance(error, errors.HfHubHTTPError):
        return _refused_by_the_hub(error, model)
    if isinstance(error, httpx2.TooManyRedirects):
        return CloudRefused(f"{base} sends from one address to the next without end", kind="other")
    if isinstance(error, httpx2.HTTPError | httpx2.InvalidURL):
        why = str(error) or type(error).__name__
        return CloudRefused(f"{base} cannot be reached: {why}", kind="timeout", hint="look at HTTPS_PROXY, or give a local folder")
    if isinstance(error, errors.FileMetadataError | errors.LocalEntryNotFoundError):
        return CloudRefused(f"{base} does not answer as a hub does: {_first_line(error)}", kind="other", hint="look at HF_ENDPOINT")
    if isinstance(error, OSError) or type(error) is RuntimeError:  # the second is how its compiled downloader fails
        return CloudRefused(f"{model}: {_first_line(error)}", kind="timeout", hint="run it again; what is whole is kept")
    raise error


def _refused_by_the_hub(error: Any, model: str) -> InferstackError:
    from huggingface_hub import errors

    status, path = error.response.status_code, error.response.request.url.path
    look = "look at the id on its page; a local folder needs no network"
    if isinstance(error, errors.GatedRepoError) or (status in (401, 403) and not isinstance(error, errors.RepositoryNotFoundError)):
        said = f"permission: {model} is gated or private, the hub does not give it to this identity (HTTP {status})"
        return CloudRefused(said, kind="permission", hint=GATE_HINT)
    if isinstance(error, errors.RevisionNotFoundError):
        return InputError(f"model {model}: the hub has no such revision", hint=look)
    if isinstance(error, errors.RemoteEntryNotFoundError):
        return InputError(f"model {model}: the hub has no {path.rsplit('/', 1)[-1]}", hint=look)
    if isinstance(error, errors.RepositoryNotFoundError) or status == 404:
        private = ", or it is private" if status == 401 else ""
        return InputError(f"model {model}: the hub has no such repository{private}", hint=look)
    if status == 429:
        return CloudRefused(
            "throttled: the hub takes no more requests for now (HTTP 429)", kind="throttled", hint="wait, then run it again"
        )
    return CloudRefused(f"the hub answers HTTP {status} to {path}", kind="other", hint="run it again later")


def _cause(error: Exception) -> Exception:
    """Return the error behind "not found in the local cache": the library looks there when the hub does not answer."""
    from huggingface_hub.errors import LocalEntryNotFoundError

    while isinstance(error, LocalEntryNotFoundError) and isinstance(error.__cause__, Exception):
        error = error.__cause__
    return error


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
