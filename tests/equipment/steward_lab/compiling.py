"""Compiles one command of the control plane, saying every few seconds how far it is."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from pathlib import Path

from steward_lab.errors import BuildError
from steward_lab.pins import KUBERNETES_MODULE, Target, parse_module_version
from steward_lab.processes import build_launch_command, write_launch_specification
from steward_lab.toolchain import Report, Toolchain

REPORT_SECONDS = 10.0
# Below the tests and editors of the people at the machine; the build takes all cores otherwise.
NICENESS = "10"


def build_linker_flags(target: Target) -> str:
    """The linker flags: no symbol tables, and for Kubernetes the version it answers with."""
    if target.module != "kubernetes":
        return "-s -w"
    version = parse_module_version("kubernetes", KUBERNETES_MODULE)
    major, minor, _ = version.removeprefix("v").split(".")
    package = "k8s.io/component-base/version"
    stamps = {"gitVersion": version, "gitMajor": major, "gitMinor": minor}
    return "-s -w " + " ".join(f"-X {package}.{key}={value}" for key, value in stamps.items())


def compile_target(go: Toolchain, target: Target, directory: Path, report: Report) -> None:
    """Builds one command into `directory`, with its log beside it.

    Raises:
        BuildError: Go refused; the message ends with the last lines of its output.
    """
    report(f"{target.name}: listing its packages (downloads its modules the first time)")
    total = len(go.query("list", "-deps", target.package, folder=target.folder).splitlines())
    log_path = directory / f"{target.name}.log"
    output = directory / target.name
    nice = shutil.which("nice")
    command = [str(go.command), "build", "-v", "-trimpath", "-ldflags", build_linker_flags(target)]
    command += ["-o", str(output), target.package]
    if nice is not None:
        command = [nice, "-n", NICENESS, *command]
    # By way of the launcher, so that a killed build does not go on compiling.
    specification = directory / f"{target.name}.launch.json"
    write_launch_specification(
        specification, command, environment=go.environment(), directory=str(target.folder)
    )
    with log_path.open("wb") as log:
        launch = build_launch_command(specification)
        process = subprocess.Popen(launch, stdout=log, stderr=log)
        try:
            _wait_reporting(process, log_path, f"{target.name}: {{}} of at most {total}", report)
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
    if process.returncode != 0:
        tail = "\n".join(log_path.read_text(encoding="utf-8").splitlines()[-20:])
        raise BuildError(f"building {target.name} with {go.version} failed:\n{tail}")
    log_path.unlink()
    specification.unlink()
    report(f"{target.name}: built, {output.stat().st_size // 2**20} MB")


def _wait_reporting(
    process: subprocess.Popen[bytes], log_path: Path, line: str, report: Report
) -> None:
    """Waits for the compiler, reporting the packages that its verbose log names."""
    started = time.monotonic()
    while True:
        try:
            process.wait(timeout=REPORT_SECONDS)
        except subprocess.TimeoutExpired:
            names = re.findall(r"^(?!go: )\S+$", log_path.read_text(encoding="utf-8"), re.M)
            seconds = round(time.monotonic() - started)
            report(f"{line.format(len(names))} packages compiled, {seconds} s")
        else:
            return
