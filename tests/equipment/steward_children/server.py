"""A program that answers 200 at /health: `python -m steward_children.server PORT [--fail-after N]`.

`GET /exit/N` ends it with exit code N. With `--stubborn` it ignores SIGTERM. `--broken` makes it
answer 503 for ever; `--dead` ends it at once.
"""

from __future__ import annotations

import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer


class Handler(BaseHTTPRequestHandler):
    """Health, and an end on request."""

    def do_GET(self) -> None:
        """Answer, or end the process."""
        if self.path.startswith("/exit/"):
            os._exit(int(self.path.rpartition("/")[2]))
        self.send_response(503 if "--broken" in sys.argv else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()


def main() -> None:
    """Serve until ended."""
    if "--dead" in sys.argv:
        sys.exit(7)
    if "--stubborn" in sys.argv:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()


if __name__ == "__main__":
    main()
