"""Manifests: a folder is read as Kubernetes reads it, and every fault has file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from steward_api.meta import API_VERSION
from steward_cli.manifests import FILE_BYTES_MAX, Folder, load_folder

PROMPT = f"""\
# A comment.
apiVersion: {API_VERSION}
kind: Prompt
metadata:
  name: greeting
spec:
  template: Hello.
  variables:
    - name: team
      value: desk
"""


def load(tmp_path: Path, text: str | bytes, name: str = "a.yaml") -> Folder:
    """Load a folder with one file."""
    content = text.encode() if isinstance(text, str) else text
    (tmp_path / name).write_bytes(content)
    return load_folder(tmp_path)


def faults_of(folder: Folder) -> list[tuple[int, str]]:
    """Return line and field of every fault."""
    return [(fault.line, fault.field) for fault in folder.faults]


def test_reads_objects_with_the_line_of_every_field(tmp_path: Path) -> None:
    """Lines count from 1, and lead to the key or the list item."""
    folder = load(tmp_path, PROMPT)
    (document,) = folder.documents
    assert folder.faults == ()
    assert document.object is not None
    assert document.line_of(("spec", "template")) == 7
    assert document.line_of(("spec", "variables", 0, "value")) == 10
    assert document.line_of(("spec", "variables", 0, "missing")) == 9
    assert document.line_of(("nowhere",)) == 2


def test_reads_several_documents_and_json(tmp_path: Path) -> None:
    """A file may hold many documents, and JSON is YAML."""
    (tmp_path / "b.json").write_text(
        f'{{"apiVersion": "{API_VERSION}", "kind": "Prompt",'
        '"metadata": {"name": "b"}, "spec": {"template": "x"}}'
    )
    folder = load(tmp_path, PROMPT + "---\n---\n" + PROMPT.replace("greeting", "other"))
    names = [object_.metadata.name for object_ in folder.objects]
    assert (folder.faults, names) == ((), ["greeting", "other", "b"])


def test_passes_over_foreign_kinds_and_files_of_the_example(tmp_path: Path) -> None:
    """A Namespace is no business of ours, and `expect.yaml` is no manifest."""
    (tmp_path / "kustomization.yaml").write_text("resources: []\n")
    (tmp_path / "expect.yaml").write_text("steps: []\n")
    (tmp_path / "local.yaml").write_text("services: []\n")
    (tmp_path / "README.md").write_text("# Hello\n")
    folder = load(tmp_path, "apiVersion: v1\nkind: Namespace\nmetadata: {name: x}\n")
    assert (folder.faults, folder.objects) == ((), ())
    assert folder.documents[0].manifest["kind"] == "Namespace"


@pytest.mark.parametrize(
    ("old", "new", "line", "field"),
    [
        ("  template: Hello.", "  template: 5", 7, "spec.template"),
        ("  template: Hello.", "  tmplate: Hello.", 6, "spec.template"),
        ("      value: desk", "      valu: desk", 10, "spec.variables[0].valu"),
        ("      value: desk", "      value: 1.5", 10, "spec.variables[0].value"),
        ("      value: desk", "      name: other", 10, "spec.variables[0].name"),
        ("  name: greeting", "  names: greeting", 4, "metadata.name"),
        ("kind: Prompt", "kind: Promt", 3, "kind"),
        ("/v1alpha1", "/v7", 2, "apiVersion"),
        ("      value: desk", "      value: !secret desk", 10, "spec.variables[0].value"),
        ("  template: Hello.", "  <<: {a: b}", 7, "spec"),
        ("      value: desk", '      value: "\\ud800"', 10, "spec.variables[0].value"),
    ],
)
def test_a_fault_has_line_and_field(
    tmp_path: Path, old: str, new: str, line: int, field: str
) -> None:
    """An editor can jump to it."""
    folder = load(tmp_path, PROMPT.replace(old, new))
    assert (line, field) in faults_of(folder)
    assert folder.objects == ()
    assert any(fault.text.startswith(f"{tmp_path}/a.yaml:{line}: ") for fault in folder.faults)


@pytest.mark.parametrize(
    "text",
    [
        b"\xff\xfe\x00",
        b"a: [1, 2\n",
        b"a: \x07\n",
        b"- just\n- a list\n",
        b"kind: ''\n",
        b"a: &x [*x]\n",
        b"[" * 20_000,
        b"x: " + b"y" * (FILE_BYTES_MAX + 1),
        b"a: &a [1,2,3,4,5,6,7,8,9]\n"
        + b"".join(
            b"%c: &%c [%s]\n" % (98 + i, 98 + i, b",".join([b"*%c" % (97 + i)] * 9))
            for i in range(8)
        ),
    ],
    ids=["bytes", "cut", "control", "list", "kindless", "cycle", "deep", "large", "bomb"],
)
def test_a_hostile_file_is_a_fault_and_never_an_error(tmp_path: Path, text: bytes) -> None:
    """Whatever a file holds, loading ends with a message."""
    folder = load(tmp_path, text)
    assert folder.faults
    assert folder.objects == ()


def test_two_objects_of_one_name_are_a_fault(tmp_path: Path) -> None:
    """The second would silently replace the first."""
    folder = load(tmp_path, PROMPT + "---\n" + PROMPT)
    (fault,) = folder.faults
    assert (fault.field, fault.line) == ("metadata.name", 16)
    assert "declared in a.yaml" in fault.message


def test_an_empty_folder_is_a_fault(tmp_path: Path) -> None:
    """Nothing to read is told, not passed over."""
    assert "holds no manifest" in load_folder(tmp_path).faults[0].message


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    """The caller says so in its own words."""
    with pytest.raises(FileNotFoundError):
        load_folder(tmp_path / "nowhere")


def test_values_are_those_that_kubernetes_would_see(tmp_path: Path) -> None:
    """No timestamps, no base-60 numbers; YAML 1.1 booleans and octals as `kubectl` reads them."""
    text = """\
kind: Foreign
date: 2026-01-02
time: 1:30
quoted: "5"
number: -5
octal: 0640
hex: 0x1F
on: yes
off: no
nothing:
word: null
float: 1.5
empty: ""
tagged: !!str 7
"""
    (document,) = load(tmp_path, text).documents
    assert document.manifest == {
        "kind": "Foreign",
        "date": "2026-01-02",
        "time": "1:30",
        "quoted": "5",
        "number": -5,
        "octal": 0o640,
        "hex": 31,
        "on": True,
        "off": False,
        "nothing": None,
        "word": None,
        "float": 1.5,
        "empty": "",
        "tagged": "7",
    }
