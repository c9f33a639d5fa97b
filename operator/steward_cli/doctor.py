"""`steward doctor`: what a cluster lacks for Steward, asked of its API server.

Exit codes: 0 all is well, 1 something is missing or not enforced, 2 wrong arguments or no way to
the cluster, 4 something could not be told.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from datetime import UTC, datetime
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from steward_cli.errors import InputError
from steward_cli.output import write_json, write_line

if TYPE_CHECKING:
    from steward_operator.doctor.examine import Account
    from steward_operator.doctor.findings import Finding

DEFAULT_NAMESPACE: Final = "steward-system"


class DoctorCode(IntEnum):
    """Exit codes of `steward doctor`."""

    OK = 0
    FAILED = 1
    UNKNOWN = 4


class ReportFormat(StrEnum):
    """How the report is written."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


KubeconfigOption = Annotated[
    Path | None, typer.Option("--kubeconfig", help="File to connect with; default: kubectl's.")
]
NamespaceOption = Annotated[
    str, typer.Option("--namespace", "-n", help="Namespace of the operator.")
]
SelfOption = Annotated[
    bool, typer.Option("--self", help="Review your own rights, not the operator's.")
]
ImageOption = Annotated[
    str | None,
    typer.Option("--image", help="Image with Python for the probe; default: the runtime's."),
]
ProbeOption = Annotated[
    bool,
    typer.Option(
        "--probe/--no-probe",
        help="Tell by two small Pods in a namespace of their own whether NetworkPolicy acts.",
    ),
]
ReportOption = Annotated[
    ReportFormat, typer.Option("--output", "-o", help="How to write the report.")
]


def doctor(
    *,
    kubeconfig: KubeconfigOption = None,
    namespace: NamespaceOption = DEFAULT_NAMESPACE,
    is_self: SelfOption = False,
    image: ImageOption = None,
    is_probing: ProbeOption = True,
    output: ReportOption = ReportFormat.TABLE,
) -> None:
    """Check a cluster: clock, definitions, rights, storage, and whether NetworkPolicy acts.

    Exit codes: 0 all is well, 1 something is missing, 2 wrong input, 4 something could not be told.
    """
    from steward_operator.doctor.examine import Account

    account = Account(namespace, is_self=is_self)
    findings = asyncio.run(_examine(kubeconfig, account, image, is_probing=is_probing))
    _write(findings, output)
    raise typer.Exit(_choose_code(findings))


def register_doctor(app: typer.Typer) -> None:
    """Add the word to the command line."""
    app.command()(doctor)


async def _examine(
    kubeconfig: Path | None, account: Account, image: str | None, *, is_probing: bool
) -> tuple[Finding, ...]:
    from steward_operator.doctor.examine import examine
    from steward_operator.doctor.probe import NetworkProbe, Patience
    from steward_operator.errors import OperatorError
    from steward_operator.kube.connection import Connection, default_kubeconfig
    from steward_operator.kube.throttle import Throttle
    from steward_operator.kube.transport import Transport
    from steward_operator.settings import OperatorSettings

    connection = Connection(kubeconfig or default_kubeconfig())
    try:
        await connection.load()
        transport = Transport(connection, Throttle(time.monotonic))
        findings = await examine(transport, account, _now)
        if is_probing:
            probe = NetworkProbe(
                transport,
                image or OperatorSettings().runtime_image,
                f"steward-doctor-{secrets.token_hex(4)}",
                clock=time.monotonic,
                patience=Patience(),
            )
            findings = (*findings, *await probe.run())
    except OperatorError as error:
        raise InputError(str(error)) from None
    finally:
        await connection.close()
    return findings


def _now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - the API server's clock is compared with this one


def _choose_code(findings: tuple[Finding, ...]) -> DoctorCode:
    from steward_operator.doctor.findings import Verdict, decide_verdict

    codes = {Verdict.OK: DoctorCode.OK, Verdict.FAILED: DoctorCode.FAILED}
    return codes.get(decide_verdict(findings), DoctorCode.UNKNOWN)


def _write(findings: tuple[Finding, ...], output: ReportFormat) -> None:
    from steward_operator.doctor.findings import build_report

    if output is ReportFormat.JSON:
        write_json(build_report(findings))
    elif output is ReportFormat.YAML:
        import yaml

        write_line(yaml.safe_dump(build_report(findings), sort_keys=True, width=1_000).rstrip())
    else:
        width = max(len(finding.check) for finding in findings)
        for finding in findings:
            write_line(f"{finding.check:<{width}}  {finding.verdict:<7}  {finding.message}")
