"""A certificate authority made on the spot, and a server certificate of it."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


def make(folder: Path, hostname: str) -> tuple[Path, ssl.SSLContext]:
    """The CA's file, and what a server of that name needs."""
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca = _signed("test authority", "test authority", ca_key, ca_key)
    leaf = _signed(hostname, "test authority", key, ca_key, names=x509.SubjectAlternativeName([x509.DNSName(hostname)]))
    ca_file = _written(folder / "ca.pem", ca.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    chain = _written(folder / "server.pem", leaf.public_bytes(serialization.Encoding.PEM) + private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    return ca_file, context


def _signed(
    name: str,
    issuer: str,
    key: ec.EllipticCurvePrivateKey,
    by: ec.EllipticCurvePrivateKey,
    *,
    names: x509.SubjectAlternativeName | None = None,
) -> x509.Certificate:
    """An authority without names, else a server. Python 3.13 verifies strictly (RFC 5280): usage and both key identifiers are needed."""
    subject, authority = (x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)]) for text in (name, issuer))
    now, is_authority = datetime.now(UTC), names is None
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(authority)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=0 if is_authority else None), critical=True)
        .add_extension(usage(signs_certificates=is_authority, serves=not is_authority), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False)
    )
    return (builder.add_extension(names, critical=False) if names else builder).sign(by, hashes.SHA256())


def usage(*, signs_certificates: bool, serves: bool) -> x509.KeyUsage:
    unused = dict.fromkeys(("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only"), False)
    signs = {"key_cert_sign": signs_certificates, "crl_sign": signs_certificates, "digital_signature": serves}
    return x509.KeyUsage(**unused, **signs, decipher_only=False)


def _written(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path
