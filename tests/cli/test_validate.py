"""`steward validate`: every fault with file, line and field, and the right exit code."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from steward_api.meta import API_VERSION
from steward_cli.errors import ExitCode, InputError, MissingExtraError
from steward_cli.output import OutputFormat
from steward_cli.rules import _compile
from steward_cli.validate import check_path, validate
from steward_kinds.objects import Manifest, build_object


def valid_set() -> list[Manifest]:
    """Return an Assistant and everything that it names."""
    names = {"Prompt": "p", "Model": "m", "RetentionPolicy": "r"}
    referred = [build_object(kind, name) for kind, name in names.items()]
    return [build_object("Assistant"), *referred]


def write(folder: Path, *manifests: Manifest, name: str = "all.yaml") -> Path:
    """Write manifests into one file of a folder and return the folder."""
    (folder / name).write_text(yaml.safe_dump_all(manifests, sort_keys=False), encoding="utf-8")
    return folder


def fields_of(folder: Path) -> dict[str, str]:
    """Return field and message of every fault of a folder."""
    return {fault.field: fault.message for fault in check_path(folder).faults}


def test_accepts_a_complete_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Four objects that fit together are valid."""
    assert validate(write(tmp_path, *valid_set()), OutputFormat.TEXT) is ExitCode.OK
    assert capsys.readouterr().out == "4 objects valid\n"


def test_prints_file_line_field_and_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line is where the field is written."""
    model = build_object("Model", requestTimeoutSeconds=0)
    assert validate(write(tmp_path, model), OutputFormat.TEXT) is ExitCode.WRONG_INPUT
    lines = capsys.readouterr().err.splitlines()
    place = f"{tmp_path / 'all.yaml'}:10"
    assert lines == [f"{place}: spec.requestTimeoutSeconds: must be at least 1", "1 fault to mend"]


def test_reports_all_faults_of_all_objects(tmp_path: Path) -> None:
    """Shape, rules and references are reported together."""
    prompt, model, policy = valid_set()[1:]
    prompt["metadata"]["name"] = "kind"
    wrong = build_object("Assistant", ownr="x", promptRef={"name": "kid"})
    objects = (wrong, prompt, model, policy, build_object("Tool", http=None))
    assert fields_of(write(tmp_path, *objects)) == {
        "spec.ownr": "is not a field; did you mean owner?",
        "spec.promptRef.name": "names Prompt kid, which is not in these files; did you mean kind?",
        "spec.http": "http must be set when type is HTTP, and only then",
    }


def test_refuses_fields_that_no_crd_serves(tmp_path: Path) -> None:
    """What is not built is not offered, and a file that asks for it is told so."""
    assistant = build_object("Assistant", exposure={"tls": {}})
    assert "is not a field" in fields_of(write(tmp_path, assistant))["spec.exposure.tls"]


@pytest.mark.parametrize(
    ("change", "field", "message"),
    [
        ({"apiVersion": f"{API_VERSION}x"}, "apiVersion", f"must be {API_VERSION}"),
        ({"kind": "Promt"}, "kind", "did you mean Prompt?"),
        ({"metadata": {}}, "metadata.name", "must be set"),
        ({"metadata": {"name": "Upper"}}, "metadata.name", "must match"),
        ({"metadata": {"name": "a", "lables": {}}}, "metadata.lables", "did you mean labels?"),
        ({"metadata": {"name": "a", "labels": {"b": 1}}}, "metadata.labels.b", "a string"),
        ({"specs": {}}, "specs", "did you mean spec?"),
        ({"spec": None}, "spec", "must be a map"),
        ({"spec": {"template": 5}}, "spec.template", "must be a string, not an integer"),
    ],
)
def test_checks_the_envelope_as_well_as_the_spec(
    tmp_path: Path, change: dict[str, Any], field: str, message: str
) -> None:
    """Version, kind and metadata are checked as the API server checks them."""
    found = fields_of(write(tmp_path, {**build_object("Prompt"), **change}))
    assert message in found[field]


def test_refuses_two_objects_of_one_name(tmp_path: Path) -> None:
    """The second of two equal names is a fault, even in another file."""
    write(tmp_path, build_object("Prompt"), name="a.yaml")
    found = check_path(write(tmp_path, build_object("Prompt"), name="b.yaml")).faults
    assert [(fault.file.name, fault.field) for fault in found] == [("b.yaml", "metadata.name")]


def test_looks_for_references_in_the_same_namespace(tmp_path: Path) -> None:
    """An object of another namespace is not the one that is meant."""
    objects = valid_set()
    objects[1]["metadata"]["namespace"] = "elsewhere"
    assert list(fields_of(write(tmp_path, *objects))) == ["spec.promptRef.name"]


def test_leaves_secrets_to_the_cluster(tmp_path: Path) -> None:
    """A Secret is not expected beside the manifests."""
    endpoint = {"baseUrl": "http://m.test/v1", "credentialSecretRef": {"name": "token"}}
    assert fields_of(write(tmp_path, build_object("Model", openAI=endpoint))) == {}


def test_passes_over_foreign_objects_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Other kinds may lie beside ours; they are counted, not judged."""
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}}
    assert validate(write(tmp_path, *valid_set(), secret), OutputFormat.TEXT) is ExitCode.OK
    assert capsys.readouterr().out == "4 objects valid; 1 object of other groups not checked\n"


def test_says_what_the_operator_would_say(tmp_path: Path) -> None:
    """Templates, schemas and addresses are judged by the plan, and shown with their line."""
    objects = (
        build_object("Prompt", template="Hello {{nobody}}"),
        build_object("Tool", inputSchema={"type": "nonsense"}),
    )
    found = fields_of(write(tmp_path, *objects))
    assert "nobody" in found["spec.template"]
    assert [field for field in found if field.startswith("spec.inputSchema")]


def test_follows_references_to_what_they_must_be(tmp_path: Path) -> None:
    """An Assistant whose Model cannot chat is a fault at the reference to it."""
    assistant, prompt, model, policy = valid_set()
    assistant["spec"]["modelRefs"] = [{"name": "m"}, {"name": "e"}]
    embedder = build_object("Model", "e", abilities=["Embeddings"])
    (fault,) = check_path(write(tmp_path, assistant, prompt, model, embedder, policy)).faults
    assert (fault.field, fault.line) == ("spec.modelRefs[1]", 12)
    assert "Chat" in fault.message


def test_is_not_content_with_nothing(tmp_path: Path) -> None:
    """A folder without an object of ours is a mistake, not a success."""
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}}
    assert "holds no object of" in fields_of(write(tmp_path, secret))[""]


@pytest.mark.parametrize(
    ("content", "line"),
    [(b"a: [\n", 2), (b"a: 1\na: 2\n", 2), (b"\xff\xfe\x00", 1), (b"[1, 2]\n", 1)],
)
def test_reports_what_is_no_manifest(tmp_path: Path, content: bytes, line: int) -> None:
    """Broken YAML, repeated keys, other encodings and other documents are faults with a line."""
    (tmp_path / "a.yaml").write_bytes(content)
    assert line in [fault.line for fault in check_path(tmp_path).faults]


def test_stops_aliases_that_multiply(tmp_path: Path) -> None:
    """A few lines that stand for a billion values are refused."""
    levels = [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 10)]
    (tmp_path / "a.yaml").write_text("l0: &l0 [x]\n" + "\n".join(levels), encoding="utf-8")
    assert len(check_path(tmp_path).faults) == 1


def test_says_that_a_path_is_missing(tmp_path: Path) -> None:
    """A path that is not there is wrong input."""
    with pytest.raises(InputError, match="neither a folder nor a file"):
        check_path(tmp_path / "no")


def test_answers_programs_in_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`-o json` holds counts and every fault."""
    write(tmp_path, build_object("Prompt", extra=1))
    assert validate(tmp_path, OutputFormat.JSON) is ExitCode.WRONG_INPUT
    assert json.loads(capsys.readouterr().out) == {
        "objects": 1,
        "foreignObjects": 0,
        "faults": [
            {
                "file": str(tmp_path / "all.yaml"),
                "line": 7,
                "field": "spec.extra",
                "message": "is not a field",
            }
        ],
    }


def test_names_the_extra_that_evaluates_rules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the extra nothing is called valid."""
    monkeypatch.setitem(sys.modules, "cel_expr_python", None)
    _compile.cache_clear()
    with pytest.raises(MissingExtraError, match=r"steward-operator\[cli\]") as missing:
        check_path(write(tmp_path, *valid_set()))
    assert missing.value.exit_code is ExitCode.NOT_INSTALLED


def test_reports_other_faults_without_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Faults that need no rules are reported either way."""
    monkeypatch.setitem(sys.modules, "cel_expr_python", None)
    _compile.cache_clear()
    objects = [*valid_set(), build_object("Tool", extra=1)]
    assert list(fields_of(write(tmp_path, *objects))) == ["spec.extra"]
