"""Locks of the images: made from pyproject.toml, tested versions, nothing that cannot run there."""

from __future__ import annotations

import re

import pytest

from steward_house.sources import gather_product_modules
from steward_release.pins import Lock, build_locks, load_project, parse_lock, parse_name

LOCKS = {lock.name: lock for lock in build_locks(load_project())}
IMAGES = ("operator", "runtime", "demo-model")
HEAVY = frozenset({"openai", "chromadb", "chromadb-client", "mcp", "grpcio", "kubernetes"})
"""What only the adapter that needs it may bring, in an image of its own making."""
DISTRIBUTION_OF = {"jsonschema_rs": "jsonschema-rs", "prometheus_client": "prometheus-client"} | {
    "opentelemetry": "opentelemetry-api",
    "yaml": "pyyaml",
    "pydantic_core": "pydantic-core",
}
"""Names of imports whose distribution is called otherwise."""
OPTIONAL = frozenset({"httpx"})
"""Imported where it is installed only."""


def read_pins(name: str) -> dict[str, str]:
    """Return name and version of everything that a lock pins."""
    return parse_lock(LOCKS[name].path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("lock", LOCKS.values(), ids=lambda lock: lock.name)
def test_locks_are_made_from_what_the_project_says(lock: Lock) -> None:
    """After a change of pyproject.toml the locks are written anew."""
    text = lock.path.read_text(encoding="utf-8")
    assert text.startswith(lock.render_header()), "run: python .ci/locks.py"
    asked = {parse_name(line) for line in lock.requirements}
    assert asked <= set(parse_lock(text))


@pytest.mark.parametrize("name", IMAGES)
def test_images_hold_the_tested_versions(name: str) -> None:
    """What an image installs is what the tests ran with."""
    tested = re.findall(
        r"^([A-Za-z0-9._-]+)==([^\s;\\]+)",
        (LOCKS["build"].path.parent / "dev.txt").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    known = {(parse_name(each), version) for each, version in tested}
    assert set(read_pins(name).items()) <= known


@pytest.mark.parametrize("lock", LOCKS.values(), ids=lambda lock: lock.name)
def test_every_pin_has_hashes_and_no_address(lock: Lock) -> None:
    """No lock says where a package comes from; its hash says which one it is."""
    text = lock.path.read_text(encoding="utf-8")
    assert "://" not in text
    pins = re.split(r"\n(?=[A-Za-z0-9])", text.partition("\n\n")[0])
    stanzas = [stanza for stanza in pins if not stanza.startswith("#")]
    assert all("--hash=sha256:" in stanza for stanza in stanzas)


def test_the_runtime_holds_no_heavy_package() -> None:
    """Neither a Kubernetes client nor any SDK is in the image that reads untrusted text."""
    assert not set(read_pins("runtime")) & (HEAVY | {"kopf", "rich", "typer", "pyyaml"})


def test_the_operator_holds_neither_model_nor_server_packages() -> None:
    """The operator calls no model and serves no assistant."""
    assert not set(read_pins("operator")) & (
        (HEAVY - {"kubernetes"}) | {"rich", "starlette", "typer", "uvicorn"}
    )


@pytest.mark.parametrize(
    ("name", "rooms"),
    [
        ("operator", ("steward_api", "steward_operator")),
        ("runtime", ("steward_api", "steward_runtime")),
    ],
)
def test_an_image_holds_what_its_rooms_import(name: str, rooms: tuple[str, ...]) -> None:
    """No module of the image's rooms imports a package that the image lacks."""
    import sys

    held = set(read_pins(name)) | OPTIONAL
    missing = {
        f"{module.name} imports {package}"
        for module in gather_product_modules()
        if module.name.partition(".")[0] in rooms and module.name != "steward_api.manifest"
        for package in module.imported_roots() - set(sys.stdlib_module_names)
        if not package.startswith("steward_") and DISTRIBUTION_OF.get(package, package) not in held
    }
    assert missing == set()
