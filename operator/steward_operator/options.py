"""The command line of the operator: every flag, its default and what it decides."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from steward_operator.settings import OperatorSettings


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says."""

    namespace: str | None
    kubeconfig: Path | None
    host: str | None
    health_port: int
    metrics_port: int
    log_level: str
    is_elected: bool
    key_path: Path | None
    archive_path: Path | None
    settings: OperatorSettings


def parse_options(arguments: Sequence[str]) -> Options:
    """Parse the command line; exits with 2 and a usage line where it is wrong."""
    parser = argparse.ArgumentParser(
        prog="steward-operator", description="Runs governed AI assistants declared as objects."
    )
    _add_process_flags(parser)
    _add_runtime_flags(parser)
    _add_cluster_flags(parser)
    given = parser.parse_args(arguments)
    if given.archive_dir is not None and given.key_file is None:
        parser.error("--archive-dir needs --key-file: receipts are co-signed with that key")
    return Options(
        namespace=given.namespace,
        kubeconfig=given.kubeconfig,
        host=given.host,
        health_port=given.health_port,
        metrics_port=given.metrics_port,
        log_level=given.log_level,
        is_elected=given.leader_elect,
        key_path=given.key_file,
        archive_path=given.archive_dir,
        settings=_build_settings(given),
    )


def _add_process_flags(parser: argparse.ArgumentParser) -> None:
    defaults = OperatorSettings()
    scope = parser.add_mutually_exclusive_group()
    scope.add_argument("--namespace", help="serve this namespace alone")
    scope.add_argument("--all-namespaces", action="store_true", help="serve all (the default)")
    parser.add_argument(
        "--kubeconfig", type=Path, help="file to connect with; default: the Pod's service account"
    )
    parser.add_argument(
        "--resync-seconds",
        type=int,
        default=defaults.requeue_seconds,
        help="seconds between two looks at an object of which nothing was heard",
    )
    parser.add_argument(
        "--operator-namespace",
        default=os.environ.get("POD_NAMESPACE", defaults.operator_namespace),
        help="namespace of the operator itself; default: POD_NAMESPACE",
    )
    parser.add_argument(
        "--leader-elect",
        action="store_true",
        help="write only while holding the Lease, for more than one replica",
    )
    parser.add_argument(
        "--key-file",
        type=Path,
        help="file or folder of the operator's Ed25519 key; made as a Secret where it is absent; "
        "without this flag runtimes are not asked",
    )
    parser.add_argument(
        "--archive-dir",
        type=Path,
        help="folder that receipts of all runtimes are archived in; needs --key-file",
    )
    parser.add_argument("--host", help="address to listen on; default: all")
    parser.add_argument("--health-port", type=int, default=8081, help="/livez, /readyz; 0: none")
    parser.add_argument("--metrics-port", type=int, default=9090, help="/metrics; 0: none")
    parser.add_argument("--log-level", default="info", choices=("debug", "info", "warning"))


def _add_runtime_flags(parser: argparse.ArgumentParser) -> None:
    defaults = OperatorSettings()
    parser.add_argument(
        "--runtime-image", default=defaults.runtime_image, help="image of the runtime's containers"
    )
    parser.add_argument(
        "--upgrade-max-concurrent",
        type=_parse_count,
        default=defaults.upgrade_max_concurrent,
        help="assistants that restart at a time for a changed image; the first failure stops all",
    )
    parser.add_argument(
        "--runtime-image-pull-policy",
        default=defaults.runtime_image_pull_policy,
        choices=("Always", "IfNotPresent", "Never"),
        help="when the runtime's image is pulled",
    )
    parser.add_argument(
        "--runtime-image-pull-secret",
        action="append",
        default=[],
        help="Secret in the namespace of each assistant that pulls the image; may be repeated",
    )


def _add_cluster_flags(parser: argparse.ArgumentParser) -> None:
    defaults = OperatorSettings()
    parser.add_argument(
        "--dns-namespace",
        default=defaults.dns_namespace,
        help="namespace of the cluster's DNS Pods, which assistants may reach",
    )
    parser.add_argument(
        "--dns-pod-label",
        action="append",
        type=_parse_label,
        help="label NAME=VALUE of the cluster's DNS Pods; may be repeated",
    )
    parser.add_argument(
        "--dns-port", type=int, default=defaults.dns_port, help="port on which those Pods listen"
    )
    parser.add_argument(
        "--monitoring-namespace",
        default=defaults.monitoring_namespace,
        help="namespace whose Pods may read the metrics of assistants",
    )


def _parse_count(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


def _parse_label(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator or not name:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


def _build_settings(given: argparse.Namespace) -> OperatorSettings:
    defaults = OperatorSettings()
    return OperatorSettings(
        runtime_image=given.runtime_image,
        upgrade_max_concurrent=given.upgrade_max_concurrent,
        runtime_image_pull_policy=given.runtime_image_pull_policy,
        runtime_image_pull_secrets=tuple(given.runtime_image_pull_secret),
        requeue_seconds=given.resync_seconds,
        operator_namespace=given.operator_namespace,
        dns_namespace=given.dns_namespace,
        dns_pod_labels=tuple(given.dns_pod_label or defaults.dns_pod_labels),
        dns_port=given.dns_port,
        monitoring_namespace=given.monitoring_namespace,
    )
