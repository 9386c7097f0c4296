"""The one client factory: region, profile, endpoint, credentials, retries, user agent; and what a refusal of AWS means."""

from __future__ import annotations

import ipaddress
import os
import threading
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from inferstack.records.errors import CloudRefused, InputError
from infra.calls import refusals

REHEARSAL_KEY = "rehearsal"
ATTEMPTS = 5
PART_BYTES = 64 * 2**20


class Aws:
    """Clients of one region and identity. With an endpoint it is a rehearsal: loopback only, the key of the run, no proxy, no profile."""

    def __init__(self, region: str, profile: str | None = None, endpoint_url: str | None = None, *, access_key: str | None = None) -> None:
        self.region = region
        self.profile = None if endpoint_url else profile
        self.endpoint_url = _loopback(endpoint_url) if endpoint_url else None
        self._access_key = access_key or REHEARSAL_KEY
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._session: Any = None

    @classmethod
    def from_environment(cls, region: str | None = None, *, environment: Mapping[str, str] = os.environ) -> Aws:
        """The world that `inferstack env` or the user's shell describes."""
        chosen = region or environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
        if not chosen:
            raise InputError("no AWS region is set", hint="give --region, or set AWS_REGION")
        endpoint = environment.get("AWS_ENDPOINT_URL")
        if endpoint and urlsplit(endpoint).scheme == "https":
            endpoint = None  # a real stack's private way to AWS, which boto3 takes by itself (infra/components/endpoints.py)
        return cls(chosen, environment.get("AWS_PROFILE"), endpoint, access_key=environment.get("AWS_ACCESS_KEY_ID"))

    @property
    def rehearsal(self) -> bool:
        return self.endpoint_url is not None

    def client(self, service: str) -> Any:
        """Made once for each service; safe to share between threads. Raises CloudRefused when there is no usable identity."""
        with self._lock:
            if service not in self._clients:
                self._clients[service] = self._made(service)
            return self._clients[service]

    def account_id(self) -> str:
        """Twelve digits. Raises CloudRefused when the identity is missing, expired or refused."""
        try:
            return str(self.client("sts").get_caller_identity()["Account"])
        except Exception as error:  # noqa: BLE001  refused() gives back what is not AWS's
            raise refused(error) from None

    def upload(self, path: Path, *, bucket: str, key: str, extra: Mapping[str, Any]) -> None:
        """One file, in parts and in parallel where it is large. Raises boto3's own errors; `refused` explains them."""
        from boto3.exceptions import S3UploadFailedError
        from boto3.s3.transfer import TransferConfig

        config = TransferConfig(multipart_threshold=PART_BYTES, multipart_chunksize=PART_BYTES, max_concurrency=10)
        try:
            self.client("s3").upload_file(str(path), bucket, key, ExtraArgs=dict(extra), Config=config)
        except S3UploadFailedError as error:
            raise (error.__context__ or error) from None  # AWS's own answer stands inside it

    def _made(self, service: str) -> Any:
        from botocore.exceptions import BotoCoreError

        try:
            self._session = self._session or self._opened()
            return self._session.client(service, endpoint_url=self.endpoint_url, config=self._config())
        except BotoCoreError as error:
            raise refused(error) from None

    def _opened(self) -> Any:
        import boto3

        if self.rehearsal:
            keys = {"aws_access_key_id": self._access_key, "aws_secret_access_key": REHEARSAL_KEY}
            return boto3.Session(region_name=self.region, **keys)
        return boto3.Session(region_name=self.region, profile_name=self.profile)

    def _config(self) -> Any:
        from botocore.config import Config

        return Config(
            retries={"mode": "standard", "max_attempts": ATTEMPTS},
            user_agent_extra=f"inferstack/{metadata.version('inferstack')}",
            connect_timeout=10,
            max_pool_connections=32,
            proxies={} if self.rehearsal else None,
            s3={"addressing_style": "path"} if self.rehearsal else None,
        )


def refused(error: BaseException, *, instance_type: str | None = None, region: str | None = None) -> CloudRefused:
    """What AWS refused, told apart by kind, with the next step. Raises what is not AWS's anew."""
    from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

    if isinstance(error, CloudRefused):
        return error
    if isinstance(error, ClientError):
        told = error.response.get("Error", {})
        message = told.get("Message") or str(error)
        return refusals.explained(told.get("Code", ""), message, operation=error.operation_name, instance_type=instance_type, region=region)
    if isinstance(error, BotoCoreError) and not isinstance(error, ParamValidationError):
        return refusals.local(type(error).__name__, str(error))
    raise error


def code_of(error: BaseException) -> str:
    """AWS's error code, empty for anything else."""
    response = getattr(error, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""


def _loopback(url: str) -> str:
    host = urlsplit(url).hostname or ""
    try:
        inside = ipaddress.ip_address(host).is_loopback
    except ValueError:
        inside = host == "localhost"
    if not inside:
        raise InputError(f"AWS_ENDPOINT_URL {url} is not an address of this machine", hint="unset it; only a rehearsal sets it")
    return url
