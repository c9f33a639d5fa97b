"""The command `steward-runtime`: serve one assistant, or purge what is due.

Exit codes: 0 done; 1 a defect; 2 refused (arguments, files, keys, ports); 3 purge ended Partial.
What a user reads goes to standard error as one sentence; logs go to standard output as JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from steward_runtime.errors import StewardError
from steward_runtime.telemetry.logs import configure_logs
from steward_runtime.telemetry.names import LogField

if TYPE_CHECKING:
    _Commands = argparse._SubParsersAction[argparse.ArgumentParser]
    from steward_runtime.wiring import Foundation, ServeSettings

DEFECT: Final = 1
REFUSED: Final = 2
CONFIG_DEFAULT: Final = "/etc/steward"
DATA_DEFAULT: Final = "/var/lib/steward"
HOST_DEFAULT: Final = "127.0.0.1"
TRACES_VARIABLES: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_log = logging.getLogger("steward_runtime.main")  # also where this file is `__main__`


def run(arguments: Sequence[str] | None = None) -> None:
    """Run the command and exit with its code."""
    raise SystemExit(main(sys.argv[1:] if arguments is None else arguments))


def main(arguments: Sequence[str]) -> int:
    """Run the command and return its exit code; no traceback reaches the user."""
    options = build_parser().parse_args(arguments)
    configure_logs(sys.stdout)
    try:
        return int(options.handler(options))
    except StewardError as error:
        _log.error("Refused", extra={LogField.REASON.value: error.reason})
        _tell(error.message)
        return REFUSED
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except Exception:  # noqa: BLE001 - the last line before the user
        _log.exception("Defect")
        _tell("a defect ended the runtime; the log line `Defect` says where")
        return DEFECT


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of the command line."""
    parser = argparse.ArgumentParser(prog="steward-runtime", description="Runs one assistant.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    serve = commands.add_parser("serve", help="serve the assistant")
    _add_config(serve)
    serve.add_argument("--data", type=Path, default=DATA_DEFAULT, help="folder of the database")
    serve.add_argument("--host", default=HOST_DEFAULT, help="address to listen on")
    serve.add_argument("--port", type=int, default=8080, help="port of the public API")
    serve.add_argument("--admin-port", type=int, default=8081, help="port of administration")
    serve.add_argument("--metrics-port", type=int, default=9090, help="port of metrics")
    serve.add_argument("--local", action="store_true", help="read bindings.json (laptops only)")
    serve.set_defaults(handler=_serve)
    _add_purge(commands)
    return parser


def _add_purge(commands: _Commands) -> None:
    purge = commands.add_parser("purge", help="purge what is due and wait for the end")
    _add_config(purge)
    place = purge.add_mutually_exclusive_group(required=True)
    place.add_argument("--server", help="administration API of the running runtime")
    place.add_argument("--data", type=Path, help="folder of the database, while no runtime runs")
    purge.set_defaults(handler=_purge)


def _add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config", type=Path, default=CONFIG_DEFAULT, help="folder of Blueprint, keys, credentials"
    )


def _serve(options: argparse.Namespace) -> int:
    from steward_runtime.config import ConfigFolder
    from steward_runtime.wiring import ServeSettings, build_foundation

    settings = ServeSettings(
        config=ConfigFolder(Path(options.config)),
        data=Path(options.data),
        host=HOST_DEFAULT if options.local else options.host,
        port=options.port,
        admin_port=options.admin_port,
        metrics_port=options.metrics_port,
        is_local=options.local,
        sends_traces=any(os.environ.get(name) for name in TRACES_VARIABLES),
    )
    foundation = build_foundation(settings)
    try:
        asyncio.run(_serve_until_stopped(settings, foundation))
    finally:
        foundation.close()
    return 0


def _purge(options: argparse.Namespace) -> int:
    from steward_runtime.config import ConfigFolder, read_secret

    folder = ConfigFolder(Path(options.config))
    if options.server is None:
        from steward_runtime.retention.direct import run_purge_direct

        is_local = folder.bindings.exists()
        return run_purge_direct(folder, Path(options.data), _tell, is_local=is_local)
    from steward_runtime.retention.client import Server, run_purge_client

    return run_purge_client(Server(options.server, read_secret(folder.purge_token)), _tell)


async def _serve_until_stopped(settings: ServeSettings, foundation: Foundation) -> None:
    from steward_runtime.wiring import Runtime

    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()

    def stop(number: signal.Signals) -> None:
        _log.info("Stopping", extra={LogField.SIGNAL.value: number.name})
        stopping.set()
        for each in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(each)  # the second one ends the process at once

    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stop, each)
    runtime = Runtime(settings, foundation)
    await runtime.start()
    gc.collect()
    gc.freeze()  # what start made lives as long as the process; it need not be looked at again
    await stopping.wait()
    await runtime.stop()


def _tell(sentence: str) -> None:
    sys.stderr.write(f"steward-runtime: {sentence}\n")


if __name__ == "__main__":
    run()
