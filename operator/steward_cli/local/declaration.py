"""What an example's `local.yaml` may say: services to run here, and Secrets to make for them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import yaml
from pydantic import Field, StringConstraints, ValidationError, model_validator

from steward_api.meta import Frozen, LabelName, ObjectName
from steward_cli.local.errors import DeclarationInvalid

DECLARATION_FILE: Final = "local.yaml"
DECLARATION_BYTES_MAX: Final = 64 * 1024

HostAndPort = Annotated[
    str, StringConstraints(max_length=260, pattern="^[a-z0-9]([a-z0-9.-]*[a-z0-9])?:[0-9]{1,5}$")
]


class LocalService(Frozen):
    """A process that stands in for something the cluster would reach by `host`."""

    name: LabelName
    """Name of the process, of its log file and of its data folder."""
    host: HostAndPort
    """Host and port as the Tools' URLs spell them; here they lead to a loopback port."""
    command: Annotated[tuple[str, ...], Field(min_length=1, max_length=64)]
    """Program and arguments. `python` is this Python; {port}, {data}, {folder} and {credentials}
    are filled in."""
    health_path: Annotated[str, StringConstraints(max_length=256, pattern="^/")] = "/healthz"
    """Path that answers 200 when the service is ready."""
    start_seconds: Annotated[int, Field(ge=1, le=600)] = 20
    """Seconds that the service may take to answer there."""


class LocalSecret(Frozen):
    """A Secret of the user: a generated token for a local service, or a folder of files."""

    name: ObjectName
    """Name of the Secret, as the Tools and Models refer to it."""
    hosts: Annotated[tuple[HostAndPort, ...], Field(max_length=16)] = ()
    """Where the generated token may be sent; becomes the Secret's key `hosts`."""
    folder: Annotated[str, StringConstraints(max_length=1024)] | None = None
    """Folder whose files are the Secret's keys, relative to `local.yaml`; instead of `hosts`."""

    @model_validator(mode="after")
    def _check_source(self) -> LocalSecret:
        if bool(self.hosts) == (self.folder is not None):
            raise ValueError("set hosts (for a generated token) or folder, one of the two")
        return self


class LocalDeclaration(Frozen):
    """The whole of `local.yaml`."""

    services: Annotated[tuple[LocalService, ...], Field(max_length=16)] = ()
    """Processes to run beside the assistant."""
    secrets: Annotated[tuple[LocalSecret, ...], Field(max_length=16)] = ()
    """Secrets that the cluster's users would have made."""

    @model_validator(mode="after")
    def _check_unique(self) -> LocalDeclaration:
        for what, names in (
            ("services", [service.name for service in self.services]),
            ("hosts", [service.host for service in self.services]),
            ("secrets", [secret.name for secret in self.secrets]),
        ):
            if len(set(names)) < len(names):
                raise ValueError(f"two {what} have the same name")
        return self


def parse_declaration(text: str, *, origin: str) -> LocalDeclaration:
    """Parse the text of a `local.yaml`.

    Raises:
        DeclarationInvalid: naming `origin` and the field that is wrong.
    """
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as fault:
        mark = getattr(fault, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        raise DeclarationInvalid(f"{origin} is not YAML{where}") from fault
    try:
        return LocalDeclaration.model_validate(document or {})
    except ValidationError as fault:
        first = fault.errors(include_input=False, include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "the document"
        raise DeclarationInvalid(f"{origin}: {field}: {first['msg']}") from fault


def gather_declaration(folder: Path) -> LocalDeclaration:
    """Read `local.yaml` of `folder`; a folder without one declares nothing.

    Raises:
        DeclarationInvalid: if it cannot be read or understood.
    """
    path = folder / DECLARATION_FILE
    if not path.exists():
        return LocalDeclaration()
    if path.stat().st_size > DECLARATION_BYTES_MAX:
        raise DeclarationInvalid(f"{path} is larger than {DECLARATION_BYTES_MAX} bytes")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise DeclarationInvalid(f"{path} cannot be read as UTF-8 text") from fault
    return parse_declaration(text, origin=str(path))
