"""What the runtime is told by files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from steward_api.blueprint import Bindings
from steward_runtime.config import (
    ConfigFolder,
    ConfigRefused,
    KeyMissing,
    load_bindings,
    load_blueprint,
    load_encryption_key,
    load_trust,
    read_secret,
)
from steward_runtime.errors import BlueprintRefused, EncryptionKeyMissing
from steward_serving import ConfigFiles, build_blueprint, build_model

MARKER = "marker-k1"


@pytest.fixture
def files(tmp_path: Path) -> ConfigFiles:
    """Write the files of one assistant."""
    written = ConfigFiles(tmp_path)
    written.write_all(build_blueprint(build_model("http://models.example/v1")))
    return written


def _folder(files: ConfigFiles) -> ConfigFolder:
    return ConfigFolder(files.root)


def test_reads_what_the_operator_wrote(files: ConfigFiles) -> None:
    """Blueprint, trust and keys come back as they were written, with the same digest."""
    folder = _folder(files)
    blueprint = build_blueprint(build_model("http://models.example/v1"))
    assert load_blueprint(folder.blueprint).digest == blueprint.digest
    assert load_trust(folder.trust).uid
    assert load_encryption_key(folder.kek.parent).key_id == "kek-1"
    assert len(load_encryption_key(folder.kek.parent).key) == 32


def _change(files: ConfigFiles, change: Callable[[dict[str, object]], object]) -> Path:
    path = _folder(files).blueprint
    document = json.loads(path.read_bytes())
    change(document)
    path.write_text(json.dumps(document))
    return path


@pytest.mark.parametrize("version", [2, 0, "1", None, 1.5, MARKER])
def test_refuses_a_blueprint_of_another_version(files: ConfigFiles, version: object) -> None:
    """A newer document could be misread, so nothing of it is used."""
    path = _change(files, lambda document: document.update(schemaVersion=version))
    with pytest.raises(BlueprintRefused, match="schema version") as refusal:
        load_blueprint(path)
    assert MARKER not in refusal.value.message


def test_looks_at_the_version_before_anything_else(files: ConfigFiles) -> None:
    """A newer Blueprint with other members is refused for its version, not for its members."""
    path = _folder(files).blueprint
    path.write_text('{"schemaVersion": 7, "entirely": "new"}')
    with pytest.raises(BlueprintRefused, match="schema version 7"):
        load_blueprint(path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda document: document.pop("prompt"), "prompt (missing)"),
        (lambda document: document.update({MARKER[:6]: 1}), "marker (extra_forbidden)"),
        (lambda document: document.update(purpose=[MARKER]), "purpose (string_type)"),
        (lambda document: document["limits"].update(requestBytes=MARKER), "limits.requestBytes"),
        (lambda document: document.update(models=[{}] * 9), "more"),
    ],
)
def test_names_the_fields_of_a_misshapen_blueprint(
    files: ConfigFiles, change: Callable[[dict[str, object]], object], said: str
) -> None:
    """The error lists paths and kinds of faults, and no value."""
    path = _change(files, change)
    with pytest.raises(ConfigRefused) as refusal:
        load_blueprint(path)
    assert said in refusal.value.message
    assert str(path) in refusal.value.message
    assert MARKER not in refusal.value.message


@pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b"\xff", b'"x"'])
def test_refuses_a_document_that_is_no_object(files: ConfigFiles, content: bytes | None) -> None:
    """Absent, empty, broken or of another type: each error names the file and what to do."""
    path = _folder(files).trust
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    with pytest.raises(ConfigRefused, match=r"trust\.json"):
        load_trust(path)


def test_reads_bindings_on_a_laptop_alone(files: ConfigFiles) -> None:
    """Without --local the file is refused; without the file there are no bindings."""
    path = _folder(files).bindings
    assert load_bindings(path, is_local=False) == Bindings()
    files.write_bindings(hosts={"a.example": "127.0.0.1:9"})
    assert load_bindings(path, is_local=True).hosts == {"a.example": "127.0.0.1:9"}
    with pytest.raises(ConfigRefused, match="--local"):
        load_bindings(path, is_local=False)


@pytest.mark.parametrize("content", [None, b"", b"  \n", b"\xff\xfe"])
def test_refuses_a_key_file_without_a_key(tmp_path: Path, content: bytes | None) -> None:
    """Absent, empty, blank or not text."""
    path = tmp_path / "apiKey"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(KeyMissing, match="apiKey is absent or empty"):
        read_secret(path)


@pytest.mark.parametrize(("name", "content"), [("kek", b"%%"), ("kek", b""), ("keyId", b"")])
def test_refuses_an_encryption_key_that_cannot_be_used(
    files: ConfigFiles, name: str, content: bytes
) -> None:
    """No data key could be opened, so nothing is served; the key is not shown."""
    files.write(f"keys/encryption/{name}", content)
    with pytest.raises(EncryptionKeyMissing):
        load_encryption_key(_folder(files).kek.parent)


def test_shows_no_key_in_its_own_text(files: ConfigFiles) -> None:
    """A key that ends up in a message shows its name alone."""
    assert repr(load_encryption_key(_folder(files).kek.parent)) == "EncryptionKey('kek-1')"


def test_lists_older_generations_of_a_key_the_newest_first(tmp_path: Path) -> None:
    """By number and not by letter; what is no generation is passed over."""
    folder = ConfigFolder(tmp_path)
    assert folder.list_older("api") == ()
    for name in ("2", "10", "..data", "x"):
        (tmp_path / "keys/older/api" / name).mkdir(parents=True)
    assert [each.name for each in folder.list_older("api")] == ["10", "2"]
