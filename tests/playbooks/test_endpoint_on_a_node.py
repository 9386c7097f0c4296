"""nginx as the role configures it, on a real node: who is let in, by which protocol, how much of it one key may have, what it may do."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.playbooks.unit_node import UnitNode, booted
from tests.playbooks.units import FOLDER, environment, read_yaml

pytestmark = [pytest.mark.hosts, pytest.mark.timeout(600)]
ROLE = FOLDER / "roles" / "endpoint_proxy"
KEY = "CanaryKey-0123456789.abc"
ENGINE = """
import http.server, time
class Slow(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        time.sleep(1); self.send_response(200); self.end_headers(); self.wfile.write(b"ok")
http.server.ThreadingHTTPServer(("127.0.0.1", 8000), Slow).serve_forever()
"""
CERTIFICATE = (
    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -batch -subj /CN=x -keyout /etc/inferstack/node.key"
    " -out /etc/inferstack/node.pem 2>/dev/null"
)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UnitNode]:
    with booted(tmp_path_factory.mktemp("node")) as made:
        install = "DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends nginx-light openssl curl"
        made.run(f"apt-get -qq update && {install} >/dev/null")
        made.run(f"mkdir -p -m 700 /etc/inferstack && {CERTIFICATE}")
        keys = tmp_path_factory.mktemp("keys") / "keys.conf"
        command = [sys.executable, str(ROLE / "files" / "put_keys.py"), str(keys), "nginx"]
        subprocess.run(command, input=f"{KEY}\nanother-key-0123456789\n", text=True, check=True, capture_output=True)
        made.write("/etc/inferstack/keys.conf", keys.read_text(), "600")
        made.write("/opt/engine.py", ENGINE)
        made.write("/etc/systemd/system/nginx.service.d/inferstack.conf", (ROLE / "files" / "hardening.conf").read_text())
        made.write("/etc/nginx/nginx.conf", _configuration(made, connections=2))
        made.run(
            "systemctl daemon-reload && systemd-run --quiet --unit=engine python3 /opt/engine.py && nginx -t -q && systemctl restart nginx"
        )
        yield made


def _configuration(node: UnitNode, *, connections: int) -> str:
    told = {**read_yaml(ROLE / "defaults" / "main.yml"), "endpoint_proxy_hostname": "x", "ansible_managed": "a"}
    told["endpoint_proxy_connections_per_key"] = connections
    return environment().from_string((ROLE / "templates" / "nginx.conf.j2").read_text()).render(told)


def _status(node: UnitNode, *headers: str, path: str = "/v1/models") -> str:
    given = " ".join(f"-H 'Authorization: {value}'" for value in headers)
    return node.run(f"curl -sk -o /dev/null -w '%{{http_code}}' {given} https://127.0.0.1:8443{path}").strip()


def test_a_key_is_compared_exactly(node: UnitNode) -> None:
    """The case of every letter counts, of the scheme too; no part of a key, and nothing that looks like an expression, lets in."""
    assert ["200", "200"] == [_status(node, f"Bearer {key}") for key in (KEY, "another-key-0123456789")]
    wrong = [KEY.lower(), KEY.upper(), KEY.swapcase(), KEY[:-1], KEY + "x", ".*", "", KEY.replace(".", "x")]
    assert ["401"] * len(wrong) == [_status(node, f"Bearer {key}") for key in wrong]
    assert ["401"] * 4 == [_status(node, value) for value in (f"bearer {KEY}", f"BEARER {KEY}", KEY, f"Bearer  {KEY}")]
    assert ["401", "200", "404"] == [_status(node), _status(node, path="/healthz"), _status(node, f"Bearer {KEY}", path="/metrics")]


def test_only_http_1_and_authenticated_encryption(node: UnitNode) -> None:
    """No HTTP/2, no CBC, no CCM8, no TLS 1.1."""
    ask = "openssl s_client -connect 127.0.0.1:8443 </dev/null 2>&1"
    assert "ALPN protocol: http/1.1" in node.run(f"{ask} -alpn h2,http/1.1")
    assert "no application protocol" in node.run(f"{ask} -alpn h2", check=False)
    for suite in ("ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384", "ECDHE-ECDSA-AES128-CCM8", "ECDHE-ECDSA-AES128-SHA256"):
        assert "Cipher is (NONE)" in node.run(f"{ask} -tls1_2 -cipher {suite}:@SECLEVEL=0", check=False)
    assert "ECDHE-ECDSA-AES128-GCM-SHA256" in node.run(f"{ask} -tls1_2 -cipher ECDHE-ECDSA-AES128-GCM-SHA256")
    assert "Cipher is (NONE)" in node.run(f"{ask} -tls1_1 -cipher ALL:@SECLEVEL=0", check=False)


def test_one_key_has_its_share_and_no_more(node: UnitNode) -> None:
    """Beyond its connections a key gets 429, and another key is answered all the same."""
    one = f"curl -sk -o /dev/null -w '%{{http_code}} ' -H 'Authorization: Bearer {KEY}' https://127.0.0.1:8443/v1/models &"
    other = "curl -sk -o /dev/null -w '%{http_code} ' -H 'Authorization: Bearer another-key-0123456789' https://127.0.0.1:8443/v1/models &"
    answers = node.run(f"{one * 5} {other} wait").split()
    assert {"200": 3, "429": 3} == {code: answers.count(code) for code in set(answers)}


def test_nginx_is_hardened_and_still_reloads(node: UnitNode) -> None:
    """systemd's own judgement; a reload under the sandbox takes a new configuration."""
    line = next(line for line in node.run("systemd-analyze security --no-pager nginx.service").splitlines() if "Overall exposure" in line)
    assert 2.5 >= float(line.split("nginx.service:")[1].split()[0]), line
    node.write("/etc/nginx/nginx.conf", _configuration(node, connections=64))
    node.run("systemctl reload nginx && systemctl is-active nginx")
    assert "200" == _status(node, f"Bearer {KEY}")
    assert "" == node.run("grep -E 'alert|emerg|crit' /var/log/nginx/error.log", check=False)
