"""Images: each starts as an unprivileged user on a read-only root, and holds what it should."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from steward_lab.toolchain import Report
from steward_node.installing import build_images
from steward_release.archives import ImageArchive, load_archive
from steward_release.unpacking import unpack_image

pytestmark = pytest.mark.e2e

ENTER = """
mount --bind "$1" "$1"
mount -o remount,ro,bind "$1"
mount -t tmpfs tmpfs "$1/tmp"
mount -t proc proc "$1/proc"
ip link set lo up
root=$1
shift
exec chroot --userspec=65532:65532 --groups= "$root" "$@"
"""
"""Shell that shows a folder read-only but for /tmp, and runs a command in it without rights."""
IMPORT_ALL = """
import importlib, pkgutil, sys
names = [m.name for p in sys.argv[1:] for m in
         pkgutil.walk_packages(importlib.import_module(p).__path__, p + ".")]
for name in names:
    if name != "steward_api.manifest" and not name.endswith("__main__"):
        importlib.import_module(name)
print(len(names))
"""
ASK_MODEL = """
import json, subprocess, sys, time, urllib.request as request
server = subprocess.Popen([sys.executable, "/opt/steward/app/serve.py"])
def answers():
    try:
        return request.urlopen("http://127.0.0.1:8080/health").status == 200
    except OSError:
        return False
deadline = time.monotonic() + 120
while not answers() and time.monotonic() < deadline:
    time.sleep(0.2)
def post(path, **body):
    head = {"Content-Type": "application/json"}
    url = "http://127.0.0.1:8080/v1/" + path
    return json.load(request.urlopen(request.Request(url, json.dumps(body).encode(), head)))
chat = post("chat/completions", messages=[{"role": "user", "content": "Hello"}], max_tokens=4)
vector = post("embeddings", input="x")["data"][0]["embedding"]
print(len(vector), chat["usage"]["completion_tokens"])
server.terminate()
server.wait()
"""
COUNT_AUTHORITIES = """
count() { python3 -c "import ssl; print(len(ssl.create_default_context().get_ca_certs()))"; }
count
sed '/END CERTIFICATE/q' "$SSL_CERT_FILE" > /tmp/private.pem
SSL_CERT_FILE=/tmp/private.pem count
"""
FOREIGN = (
    "openai",
    "chromadb",
    "mcp",
    "kubernetes",
    "grpc",
    "kopf",
    "rich",
    "typer",
    "yaml",
    "pip",
)
"""What an assistant's process has no use for."""
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def archives(report: Report) -> dict[str, ImageArchive]:
    """Every image of this checkout, by name."""
    if os.geteuid() != 0 and os.environ.get("E2E_OPTIONAL") == "1":
        pytest.skip("only root can unpack an image and change its root")
    loaded = (load_archive(path) for path in build_images(report))
    return {image.path.name.removesuffix(".oci.tar"): image for image in loaded}


@pytest.fixture(scope="session")
def enter(archives: dict[str, ImageArchive], tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run a command in an image as the kubelet would: no rights, read-only root, own network."""
    roots: dict[str, Path] = {}

    def run(name: str, *command: str, **more: str) -> subprocess.CompletedProcess[str]:
        image = archives[name]
        if name not in roots:
            roots[name] = tmp_path_factory.mktemp(name)
            unpack_image(image, roots[name])
        environment = dict(pair.split("=", 1) for pair in image.settings["Env"]) | more
        isolated = ("unshare", "--mount", "--pid", "--net", "--fork", "--kill-child")
        return subprocess.run(
            (*isolated, "sh", "-ec", ENTER, "sh", roots[name], *command),
            env=environment | {"PATH": f"{environment['PATH']}:/usr/sbin:/sbin"},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    return run


def test_the_runtime_starts_without_rights_and_says_what_it_lacks(enter: Run) -> None:
    """Its entry point runs; without a Blueprint it ends with one sentence."""
    done = enter("steward-runtime", "steward-runtime", "serve")
    assert done.returncode == 2
    assert "blueprint.json cannot be read" in done.stderr
    assert "Traceback" not in done.stderr + done.stdout


def test_the_operator_starts_without_rights_and_says_what_it_lacks(enter: Run) -> None:
    """Its entry point runs; without an API server it ends with one line."""
    done = enter("steward-operator", "steward-operator")
    assert done.returncode == 2
    assert "cannot reach the API server" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr + done.stdout


def test_the_operator_has_a_name_for_its_user(enter: Run) -> None:
    """Kopf asks for it when it starts, after the API server was found."""
    done = enter("steward-operator", "python3", "-c", "import getpass; print(getpass.getuser())")
    assert done.stdout == "steward\n", done.stderr


@pytest.mark.parametrize(
    ("image", "packages"),
    [
        ("steward-runtime", ("steward_api", "steward_runtime")),
        ("steward-operator", ("steward_api", "steward_operator")),
    ],
)
def test_every_module_of_an_image_finds_what_it_imports(
    enter: Run, image: str, packages: tuple[str, ...]
) -> None:
    """No path of the code ends in a package that the image lacks."""
    done = enter(image, "python3", "-c", IMPORT_ALL, *packages)
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) > 50


@pytest.mark.parametrize(
    "package",
    [*FOREIGN, "steward_operator", "steward_cli"],
)
def test_the_runtime_lacks_what_it_has_no_use_for(enter: Run, package: str) -> None:
    """Neither clients nor tools are in reach of whoever takes the process over."""
    done = enter("steward-runtime", "python3", "-c", f"import {package}")
    assert f"No module named '{package}'" in done.stderr


@pytest.mark.parametrize("image", ["steward-runtime", "steward-operator", "steward-demo-model"])
def test_nothing_but_tmp_can_be_written(enter: Run, image: str) -> None:
    """The process is nobody, and its root is read-only."""
    script = "id -u; touch /tmp/x && for at in / /opt /opt/steward/app /home; do touch $at/x; done"
    done = enter(image, "sh", "-c", script)
    assert done.stdout == "65532\n"
    assert done.stderr.count("Read-only file system") == 4


def test_a_private_authority_takes_the_place_of_the_public_ones(enter: Run) -> None:
    """`SSL_CERT_FILE` decides whom the runtime trusts; without it, the public authorities."""
    done = enter("steward-runtime", "sh", "-c", COUNT_AUTHORITIES)
    public, private = map(int, done.stdout.split())
    assert public > 50
    assert private == 1


def test_the_demo_model_answers_chat_and_embeddings(enter: Run) -> None:
    """Both come from one port, on a read-only root, without rights."""
    done = enter("steward-demo-model", "python3", "-c", ASK_MODEL)
    assert done.stdout.endswith("\n384 4\n"), done.stderr[-2000:]
