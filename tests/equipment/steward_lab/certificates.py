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
    authority_key: Path


def write_key_files(directory: Path, *addresses: str) -> KeyFiles:
    """Writes a new authority, a serving certificate for loopback, and an account signing key.

    Args:
        directory: Folder for the files; created when missing.
        addresses: Put into the certificate beside loopback: that of the `kubernetes` Service, and
            others that the server has.
    """
    directory.mkdir(parents=True, exist_ok=True)
    files = KeyFiles(
        authority=directory / "ca.crt",
        server_certificate=directory / "server.crt",
        server_key=directory / "server.key",
        account_key=directory / "service-account.key",
        authority_key=directory / "ca.key",
    )
    authority_key, server_key, account_key = (_build_key() for _ in range(3))
    authority = _build_authority(authority_key)
    server = _build_server(server_key, authority, authority_key, ("127.0.0.1", *addresses))
    files.authority.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    files.server_certificate.write_bytes(server.public_bytes(serialization.Encoding.PEM))
    _write_key(files.server_key, server_key)
    _write_key(files.account_key, account_key)
    _write_key(files.authority_key, authority_key)
    return files


def write_client_certificate(directory: Path, files: KeyFiles, user: str, group: str) -> None:
    """Writes `<user>.crt` and `<user>.key`, with which a user of a group proves itself.

    Args:
        directory: Folder for the two files.
        files: The authority that signs.
        user: Who it is; also the name of the files.
        group: The one group it is in.
    """
    authority = x509.load_pem_x509_certificate(files.authority.read_bytes())
    authority_key = serialization.load_pem_private_key(files.authority_key.read_bytes(), None)
    assert isinstance(authority_key, ec.EllipticCurvePrivateKey)
    key = _build_key()
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, group),
            x509.NameAttribute(NameOID.COMMON_NAME, user),
        ]
    )
    builder = _start_certificate(name, authority.subject, key)
    purposes = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
    builder = builder.add_extension(_build_usage(signs_certificates=False), critical=True)
    builder = builder.add_extension(purposes, critical=False)
    certificate = builder.sign(authority_key, hashes.SHA256())
    path = directory / f"{user}.crt"
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    _write_key(directory / f"{user}.key", key)


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
    addresses: tuple[str, ...],
) -> x509.Certificate:
    names: list[x509.GeneralName] = [x509.DNSName(name) for name in SERVER_NAMES]
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
