"""Where the state of one local assistant lies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

HOME_VARIABLE: Final = "STEWARD_HOME"
HOME_DEFAULT: Final = ".steward"

CONFIG_MOUNT: Final = "/etc/steward"
DATA_MOUNT: Final = "/var/lib/steward"
TEMPORARY_MOUNT: Final = "/tmp"  # noqa: S108  # the path inside the Pod, not one of this machine


@dataclass(frozen=True, slots=True)
class StateFolder:
    """The one folder that holds everything about a local assistant; `down --erase` removes it."""

    root: Path

    @property
    def name(self) -> str:
        """Name of the assistant, which is the folder's own."""
        return self.root.name

    @property
    def config(self) -> Path:
        """What the Pod sees at /etc/steward: Blueprint, trust, keys, credentials, bindings."""
        return self.root / "config"

    @property
    def data(self) -> Path:
        """What the Pod sees at /var/lib/steward: the database and its receipts."""
        return self.root / "data"

    @property
    def temporary(self) -> Path:
        """What the Pod sees at /tmp."""
        return self.root / "tmp"

    @property
    def logs(self) -> Path:
        """One log file per process."""
        return self.root / "logs"

    @property
    def services(self) -> Path:
        """Data of the example's own services, one folder each."""
        return self.root / "services"

    @property
    def operator(self) -> Path:
        """The key that the operator signs with, and what identifies this assistant."""
        return self.root / "operator"

    @property
    def archive(self) -> Path:
        """Co-signed receipts; kept by `down --erase` unless told otherwise."""
        return self.root / "archive"

    @property
    def record(self) -> Path:
        """What the supervisor says about itself, for `chat`, `down` and tests."""
        return self.root / "supervisor.json"

    @property
    def lock(self) -> Path:
        """Held by the running supervisor."""
        return self.root / "supervisor.lock"

    def mounts(self) -> tuple[tuple[str, Path], ...]:
        """Paths of the Pod and where they lie here, longest first."""
        return (
            (DATA_MOUNT, self.data),
            (CONFIG_MOUNT, self.config),
            (TEMPORARY_MOUNT, self.temporary),
        )


def resolve_state_folder(
    name: str, environment: Mapping[str, str], *, state: Path | None = None
) -> StateFolder:
    """Find the state folder of assistant `name`.

    `state` (from `--state`) wins over $STEWARD_HOME, which wins over `.steward` here; the
    assistant has a folder of its own below it.
    """
    home = state or Path(environment.get(HOME_VARIABLE) or HOME_DEFAULT)
    return StateFolder(home.expanduser().resolve() / name)
