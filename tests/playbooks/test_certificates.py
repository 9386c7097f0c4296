"""The stack's authority and the certificates of its nodes."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from playbooks import certificates


def _request(key: ec.EllipticCurvePrivateKey) -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "whatever the node says")])
    return (
        x509.CertificateSigningRequestBuilder()
        .subject_name(name)
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
        .decode()
    )


@pytest.fixture
def key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _signed(folder: Path, key: ec.EllipticCurvePrivateKey, *, hostname: str = "demo.inferstack.internal", address: str = "10.0.0.4") -> str:
    certificates.ensure_authority(folder, "demo")
    return certificates.signed(_request(key), folder, hostname=hostname, address=address, node="i-0a")


def test_the_authority_is_made_once_and_its_key_is_private(tmp_path: Path) -> None:
    """A second run keeps what clients already trust; the key is for its owner alone."""
    first = certificates.ensure_authority(tmp_path, "demo").read_text()
    assert first == certificates.ensure_authority(tmp_path, "demo").read_text()
    assert 0o600 == stat.S_IMODE((tmp_path / certificates.KEY_FILE).stat().st_mode)


def test_the_names_come_from_the_inventory_not_from_the_node(tmp_path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    """A node cannot ask for another name: host name and address are ours, only the key is the node's."""
    leaf, authority = x509.load_pem_x509_certificates(_signed(tmp_path, key).encode())
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert ["demo.inferstack.internal"] == names.get_values_for_type(x509.DNSName)
    assert ["10.0.0.4"] == [str(address) for address in names.get_values_for_type(x509.IPAddress)]
    assert leaf.public_key() == key.public_key()
    leaf.verify_directly_issued_by(authority)


def test_the_same_request_gets_the_same_certificate(tmp_path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    """Otherwise the second run would change every node."""
    assert _signed(tmp_path, key) == _signed(tmp_path, key)


def test_another_key_or_address_gets_another_certificate(tmp_path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    """A node that was made anew under the same id is not given the old one's certificate."""
    first = _signed(tmp_path, key)
    assert first != _signed(tmp_path, key, address="10.0.0.5")
    assert first != _signed(tmp_path, ec.generate_private_key(ec.SECP256R1()))


def test_remove_leaves_nothing(tmp_path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    """When the stack is gone, so is all that could speak for it."""
    _signed(tmp_path, key)
    certificates.remove(tmp_path)
    assert [] == list(tmp_path.iterdir())
