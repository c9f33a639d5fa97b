"""Dockerfiles: what holds for every image, read from their text."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from steward_operator.settings import OperatorSettings
from steward_release.pins import ROOT
from steward_release.sources import IMAGES

FILES = [ROOT / image.dockerfile for image in IMAGES]
WORDS = frozenset({"ARG", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "LABEL", "RUN", "USER"})


def parse(path: Path) -> list[tuple[str, str]]:
    """Return instructions and their arguments; comments are dropped, continued lines joined."""
    text = re.sub(r"(?m)^\s*#.*\n", "", path.read_text(encoding="utf-8"))
    lines = text.replace("\\\n", " ").splitlines()
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines if line)]


def last_stage(path: Path) -> list[tuple[str, str]]:
    """Return the instructions of the stage that becomes the image."""
    instructions = parse(path)
    begin = max(at for at, (word, _) in enumerate(instructions) if word == "FROM")
    return instructions[begin:]


@pytest.fixture(params=FILES, ids=lambda path: path.parent.name)
def dockerfile(request: pytest.FixtureRequest) -> Path:
    """Each Dockerfile in turn."""
    path: Path = request.param
    return path


def test_every_instruction_is_known(dockerfile: Path) -> None:
    """buildah, podman and docker read all of it; no extension of one of them is used."""
    assert {word for word, _ in parse(dockerfile)} <= WORDS
    assert "# syntax=" not in dockerfile.read_text(encoding="utf-8")


def test_the_image_ends_as_an_unprivileged_user(dockerfile: Path) -> None:
    """The user is a number, so that the kubelet can see that it is not root."""
    users = [rest for word, rest in last_stage(dockerfile) if word == "USER"]
    user = OperatorSettings().runtime_user_id
    assert users == [f"{user}:{user}"]


def test_the_base_is_an_argument_with_a_public_default(dockerfile: Path) -> None:
    """One Dockerfile serves users, companies with a base of their own, and the lab."""
    first, *_ = parse(dockerfile)
    assert first == ("ARG", "BASE=docker.io/library/python:3.13-slim")
    starts = [rest for word, rest in parse(dockerfile) if word == "FROM"]
    assert starts[-1] == "${BASE}"


def test_no_installer_and_no_secret_reaches_the_image(dockerfile: Path) -> None:
    """Packages come from earlier stages; the last one runs nothing, so it is the same each time."""
    assert "RUN" not in {word for word, _ in last_stage(dockerfile)}
    assert "://" not in dockerfile.read_text(encoding="utf-8")


def test_every_package_is_checked_by_hash(dockerfile: Path) -> None:
    """No step installs from an index without hashes."""
    installs = re.findall(r"pip [^;]*?install[^;]*", dockerfile.read_text(encoding="utf-8"))
    assert installs
    assert all("--require-hashes" in step or "--no-index" in step for step in installs)


def test_private_certificates_can_be_named(dockerfile: Path) -> None:
    """`SSL_CERT_FILE` is set to the base's certificates, and a Pod may set another file."""
    assert any("SSL_CERT_FILE=" in rest for word, rest in last_stage(dockerfile) if word == "ENV")


def test_images_say_what_they_are(dockerfile: Path) -> None:
    """Title, licence, version, revision and base are labels of the OCI image specification."""
    labels = " ".join(rest for word, rest in last_stage(dockerfile) if word == "LABEL")
    named = set(re.findall(r"org\.opencontainers\.image\.([a-z.]+)=", labels))
    assert named >= {
        "title",
        "description",
        "licenses",
        "version",
        "revision",
        "created",
        "base.name",
    }


def test_the_context_is_a_list_of_what_is_wanted() -> None:
    """A file of the checkout that nobody thought of is sent to no builder."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
