"""The stack's own certificate authority: made once on the control machine, signs one certificate for each node.

A node's private key is made on the node and stays there; only its request comes here. `cryptography` is imported lazily.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

from inferstack.records.record import write_text

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.x509 import Certificate, CertificateBuilder, CertificateSigningRequest, KeyUsage, Name

AUTHORITY_FILE, KEY_FILE, SIGNED_FOLDER = "endpoint-ca.pem", "endpoint-ca.key", "endpoint-certificates"
AUTHORITY_LIFE, NODE_LIFE, RENEW_BEFORE = timedelta(days=90), timedelta(days=30), timedelta(days=8)
CLOCK_SKEW = timedelta(hours=1)


def ensure_authority(folder: Path, stack: str) -> Path:
    """The authority's certificate; made with its key (0600) when there is none or when it is about to end."""
    path = folder / AUTHORITY_FILE
    if path.is_file() and (folder / KEY_FILE).is_file() and not _ends_soon(_read(path), NODE_LIFE):
        return path
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    write_text(folder / KEY_FILE, _pem_of_key(key), mode=0o600)
    for old in (folder / SIGNED_FOLDER).glob("*.pem"):
        old.unlink()
    return write_text(path, _pem(_authority(key, stack)))


def signed(request_pem: str, folder: Path, *, hostname: str, address: str, node: str) -> str:
    """PEM of the request's certificate (the one from before while it fits), then the authority's. Raises ValueError for a bad request."""
    from cryptography import x509

    request = x509.load_pem_x509_csr(request_pem.encode())
    if not request.is_signature_valid:
        raise ValueError("the request's signature is wrong")
    path = folder / SIGNED_FOLDER / f"{node}.pem"
    if not (path.is_file() and _still_fits(_read(path), request, hostname, address)):
        write_text(path, _pem(_node(request, folder, hostname, address)))
    return path.read_text(encoding="utf-8") + (folder / AUTHORITY_FILE).read_text(encoding="utf-8")


def remove(folder: Path) -> None:
    """Take the authority, its key and all that it signed away, when the stack is gone."""
    for path in (folder / AUTHORITY_FILE, folder / KEY_FILE, *(folder / SIGNED_FOLDER).glob("*.pem")):
        path.unlink(missing_ok=True)
    if (folder / SIGNED_FOLDER).is_dir():
        (folder / SIGNED_FOLDER).rmdir()


def _authority(key: EllipticCurvePrivateKey, stack: str) -> Certificate:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    name = _name(f"inferstack {stack}")
    builder = _dated(AUTHORITY_LIFE).subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(signs_certificates=True), critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    return builder.sign(key, hashes.SHA256())


def _node(request: CertificateSigningRequest, folder: Path, hostname: str, address: str) -> Certificate:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.x509.oid import ExtendedKeyUsageOID

    authority = _read(folder / AUTHORITY_FILE)
    key = serialization.load_pem_private_key((folder / KEY_FILE).read_bytes(), password=None)
    builder = _dated(NODE_LIFE).subject_name(_name(hostname)).issuer_name(authority.subject).public_key(request.public_key())
    names = x509.SubjectAlternativeName([x509.DNSName(hostname), x509.IPAddress(ip_address(address))])
    identifier = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    builder = builder.add_extension(names, critical=False).add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_usage(signs_certificates=False), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(request.public_key()), critical=False)
    builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
    return builder.sign(key, hashes.SHA256())  # type: ignore[arg-type]


def _dated(life: timedelta) -> CertificateBuilder:
    from cryptography import x509

    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder().serial_number(x509.random_serial_number()).not_valid_before(now - CLOCK_SKEW).not_valid_after(now + life)
    )


def _usage(*, signs_certificates: bool) -> KeyUsage:
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _still_fits(certificate: Certificate, request: CertificateSigningRequest, hostname: str, address: str) -> bool:
    from cryptography import x509

    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    fits = names.get_values_for_type(x509.DNSName) == [hostname] and names.get_values_for_type(x509.IPAddress) == [ip_address(address)]
    return fits and certificate.public_key() == request.public_key() and not _ends_soon(certificate, RENEW_BEFORE)


def _ends_soon(certificate: Certificate, margin: timedelta) -> bool:
    return certificate.not_valid_after_utc - datetime.now(UTC) < margin


def _read(path: Path) -> Certificate:
    from cryptography import x509

    return x509.load_pem_x509_certificate(path.read_bytes())


def _name(text: str) -> Name:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _pem(certificate: Certificate) -> str:
    from cryptography.hazmat.primitives import serialization

    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _pem_of_key(key: EllipticCurvePrivateKey) -> str:
    from cryptography.hazmat.primitives import serialization

    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
