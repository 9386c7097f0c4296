"""The machine's own Debian or Ubuntu archives, read from its apt sources: what a node is built from and may install from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from inferstack.records.errors import MissingTool

LINE = re.compile(r"^deb\s+(?:\[(?P<options>[^]]*)]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)\s+(?P<components>.+)$")


@dataclass(frozen=True)
class AptSource:
    uri: str
    suite: str
    components: str

    @property
    def line(self) -> str:
        return f"deb {self.uri} {self.suite} {self.components}"

    @property
    def host(self) -> str:
        return urlsplit(self.uri).hostname or ""


def archives(etc: Path = Path("/etc")) -> tuple[str, tuple[AptSource, ...]]:
    """The release's code name and its sources (release, updates, security). Third parties' sources are left out. Raises MissingTool."""
    name = codename(etc / "os-release")
    found = tuple(source for source in _all(etc / "apt") if _belongs(source, name))
    if not name or not any(source.suite == name for source in found):
        raise MissingTool("this machine has no apt sources for its release", hint="nodes are built on Debian or Ubuntu")
    return name, found


def codename(os_release: Path) -> str:
    if not os_release.exists():
        return ""
    pairs = (line.partition("=") for line in os_release.read_text().splitlines())
    return {key: value.strip('"') for key, _, value in pairs}.get("VERSION_CODENAME", "")


def _belongs(source: AptSource, name: str) -> bool:
    suites = {name, f"{name}-updates", f"{name}-security"}
    return source.suite in suites and "main" in source.components.split() and source.uri.startswith(("http://", "https://"))


def _all(apt: Path) -> list[AptSource]:
    found: list[AptSource] = []
    for path in [apt / "sources.list", *sorted((apt / "sources.list.d").glob("*"))]:
        if not path.is_file():
            continue
        if path.suffix == ".sources":
            found += _stanzas(path.read_text())
        elif path.suffix == ".list":
            found += _lines(path.read_text())
    return list(dict.fromkeys(found))


def _lines(text: str) -> list[AptSource]:
    matches = (LINE.match(line.split("#")[0].strip()) for line in text.splitlines())
    return [AptSource(m["uri"].rstrip("/"), m["suite"], " ".join(m["components"].split())) for m in matches if m]


def _stanzas(text: str) -> list[AptSource]:
    found = []
    for stanza in re.split(r"\n\s*\n", text):
        fields = _fields(stanza)
        if "deb" not in fields.get("types", "").split() or fields.get("enabled", "yes").lower() == "no":
            continue
        for uri in fields.get("uris", "").split():
            for suite in fields.get("suites", "").split():
                found.append(AptSource(uri.rstrip("/"), suite, " ".join(fields.get("components", "").split())))
    return found


def _fields(stanza: str) -> dict[str, str]:
    lines = [line for line in stanza.splitlines() if line.strip() and not line.startswith("#")]
    fields: dict[str, str] = {}
    last = ""
    for line in lines:
        if line[0].isspace() and last:
            fields[last] += f" {line.strip()}"
            continue
        key, _, value = line.partition(":")
        last = key.strip().lower()
        fields[last] = value.strip()
    return fields
