"""A small HTTP server that Pods of the lab's own tests run; a program, not a module to import.

    GET /file/<path>     the file's content
    PUT /file/<path>     writes the body there; 507 if that isn't possible
    GET /health          200, or 503 once /health was PUT with the body "bad"
    GET /environment     the variables, as JSON
    GET /ask/<url>       what another server answers

Arguments: address and port. On SIGTERM it writes a termination message and ends with code 7, or
ignores the signal where a third argument says so.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

health = {"state": "good"}


class Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    def do_GET(self) -> None:
        """Answers a file, the health, the environment, or another server's answer."""
        is_bad = self.path == "/health" and health["state"] != "good"
        try:
            self.answer(503 if is_bad else 200, self.read())
        except OSError as error:
            self.answer(404, str(error).encode())

    def do_PUT(self) -> None:
        """Writes a file or the health."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/health":
            health["state"] = body.decode()
            self.answer(200, b"")
            return
        try:
            Path(self.path.removeprefix("/file")).write_bytes(body)
        except OSError as error:
            self.answer(507, str(error).encode())
        else:
            self.answer(200, b"")

    def read(self) -> bytes:
        """What a GET asks for."""
        if self.path == "/health":
            return health["state"].encode()
        if self.path == "/environment":
            return json.dumps(dict(os.environ)).encode()
        if self.path.startswith("/ask/"):
            url = self.path.removeprefix("/ask/")
            with urllib.request.urlopen(url, timeout=5) as found:  # noqa: S310 - loopback only
                return bytes(found.read())
        return Path(self.path.removeprefix("/file")).read_bytes()

    def answer(self, status: int, body: bytes) -> None:
        """Sends an answer."""
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def end(*_: object) -> None:
    """Leaves a termination message and ends."""
    Path("/dev/termination-log").write_text("asked to end", encoding="utf-8")
    os._exit(7)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.SIG_IGN if len(sys.argv) > 3 else end)
    ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Handler).serve_forever()
