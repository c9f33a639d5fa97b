"""options: each flag reaches the setting it names, and contradictions are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from steward_operator.options import parse_options
from steward_operator.settings import OperatorSettings


def test_has_the_defaults_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """A flag that is absent changes nothing."""
    monkeypatch.delenv("POD_NAMESPACE", raising=False)
    options = parse_options([])
    assert options.settings == OperatorSettings()
    assert options.namespace is None
    assert options.host is None
    assert not options.is_elected


def test_takes_the_namespace_of_the_pod(monkeypatch: pytest.MonkeyPatch) -> None:
    """The downward API says where the operator is."""
    monkeypatch.setenv("POD_NAMESPACE", "platform")
    assert parse_options([]).settings.operator_namespace == "platform"


def test_describes_cluster_and_runtime() -> None:
    """What differs between clusters is a flag."""
    flags = "--dns-namespace openshift-dns --dns-pod-label a=b --dns-pod-label c= --dns-port 5353"
    image = "--runtime-image r:1 --runtime-image-pull-policy Always --runtime-image-pull-secret s"
    image += " --upgrade-max-concurrent 7"
    others = "--monitoring-namespace watch --host 10.0.0.7 --key-file /k --archive-dir /a"
    options = parse_options([*flags.split(), *image.split(), *others.split()])
    settings = options.settings
    assert settings.dns_namespace == "openshift-dns"
    assert settings.dns_pod_labels == (("a", "b"), ("c", ""))
    assert settings.dns_port == 5353
    assert settings.runtime_image == "r:1"
    assert settings.upgrade_max_concurrent == 7
    assert settings.runtime_image_pull_policy == "Always"
    assert settings.runtime_image_pull_secrets == ("s",)
    assert settings.monitoring_namespace == "watch"
    assert (options.host, options.archive_path) == ("10.0.0.7", Path("/a"))


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ("--archive-dir /a", "--archive-dir needs --key-file"),
        ("--namespace a --all-namespaces", "not allowed with"),
        ("--dns-pod-label kube-dns", "is not NAME=VALUE"),
        ("--upgrade-max-concurrent 0", "is not a whole number from 1"),
    ],
)
def test_refuses_contradictions(flags: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The usage line says what is wrong."""
    with pytest.raises(SystemExit) as stopped:
        parse_options(flags.split())
    assert stopped.value.code == 2
    assert words in capsys.readouterr().err
