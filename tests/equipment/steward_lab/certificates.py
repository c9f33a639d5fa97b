"""Makes the control plane's keys: its authority, its serving certificate, the account key.

Everything is EC P-256 (an RSA key costs a quarter of a second each) and lives one week.
"""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFETIME = datetime.timedelta(days=7)
SERVER_NAMES = ("localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc")


@dataclass(frozen=True, slots=True)
class KeyFiles:
    """Where the PEM files lie; keys have mode 0600."""

    authority: Path
    server_certificate: Path
    server_key: Path
    account_key: Path


def write_key_files(directory: Path, service_address: str) -> KeyFiles:
    """Writes a new authority, a serving certificate for loopback, and an account signing key.

    Args:
        directory: Folder for the files; created when missing.
        service_address: Address of the `kubernetes` Service, put into the certificate too.
    """
    directory.mkdir(parents=True, exist_ok=True)
    files = KeyFiles(
        authority=directory / "ca.crt",
        server_certificate=directory / "server.crt",
        server_key=directory / "server.key",
        account_key=directory / "service-account.key",
    )
    authority_key, server_key, account_key = (_build_key() for _ in range(3))
    authority = _build_authority(authority_key)
    server = _build_server(server_key, authority, authority_key, service_address)
    files.authority.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    files.server_certificate.write_bytes(server.public_bytes(serialization.Encoding.PEM))
    _write_key(files.server_key, server_key)
    _write_key(files.account_key, account_key)
    return files


def _build_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _build_name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _start_certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    """Begins a certificate that is valid from a minute ago, for clocks that differ a little."""
    now = datetime.datetime.now(datetime.UTC)  # noqa: TID251 - servers compare with the real clock
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=1))
        .not_valid_after(now + LIFETIME)
    )


def _build_authority(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = _build_name("lab-authority")
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    builder = _start_certificate(name, name, key)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_build_usage(signs_certificates=True), critical=True)
    return builder.add_extension(identifier, critical=False).sign(key, hashes.SHA256())


def _build_server(
    key: ec.EllipticCurvePrivateKey,
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
    service_address: str,
) -> x509.Certificate:
    names: list[x509.GeneralName] = [x509.DNSName(name) for name in SERVER_NAMES]
    addresses = ("127.0.0.1", service_address)
    names += [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
    issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
    builder = _start_certificate(_build_name("kube-apiserver"), authority.subject, key)
    builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    builder = builder.add_extension(
        x509.BasicConstraints(ca=False, path_length=None), critical=True
    )
    builder = builder.add_extension(_build_usage(signs_certificates=False), critical=True)
    builder = builder.add_extension(issuer_key, critical=False)
    purposes = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    return builder.add_extension(purposes, critical=False).sign(authority_key, hashes.SHA256())


def _build_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    """Writes a private key that only its owner may read; the API server takes no PKCS 8 here."""
    path.touch(mode=0o600)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    )
