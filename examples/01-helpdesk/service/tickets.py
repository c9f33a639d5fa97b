"""A small ticket service, so that the example's tools have something real to act on.

`python tickets.py --port 18100 --data DIR --token-file FILE` listens on loopback. It needs the
standard library alone and keeps its tickets in a SQLite file:

    GET  /healthz                       no token needed
    GET  /tickets/1001                  a ticket with its comments
    POST /tickets/1001/comments         {"text": "..."}; honours Idempotency-Key
    GET  /ledger                        every comment that was written, in order

A repeated Idempotency-Key with the same body is answered as the first time and writes nothing;
with another body it is refused.
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import json
import re
import sqlite3
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

BODY_BYTES_MAX: Final = 64 * 1024
TEXT_LENGTH_MAX: Final = 2_000
TICKET_PATH: Final = re.compile(r"^/tickets/([0-9]{1,9})$")
COMMENTS_PATH: Final = re.compile(r"^/tickets/([0-9]{1,9})/comments$")

SEED: Final = (
    (1001, "Printer on floor 2 prints blank pages", "open", "Mira"),
    (1002, "Laptop is slow after the update", "in progress", "Jonas"),
    (1003, "Meeting room screen flickers", "open", "Mira"),
    (1004, "Cannot reach the payroll site", "in progress", "Aisha"),
    (1005, "New keyboard for the front desk", "ordered", "Jonas"),
    (1006, "Phone shows no caller names", "closed", "Aisha"),
)
"""Tickets of a new data folder: number, title, state, who works on it."""

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS tickets (
  number INTEGER PRIMARY KEY, title TEXT NOT NULL, state TEXT NOT NULL, assignee TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS comments (
  id INTEGER PRIMARY KEY, number INTEGER NOT NULL REFERENCES tickets(number), text TEXT NOT NULL,
  idempotency_key TEXT UNIQUE, body_digest TEXT NOT NULL);
"""


class KeyReused(Exception):
    """An Idempotency-Key came back with another body."""


class Desk:
    """The tickets, in one SQLite file; every method is one transaction."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, check_same_thread=False)
        with self._lock, self._connection as connection:
            connection.executescript(SCHEMA)
            connection.executemany("INSERT OR IGNORE INTO tickets VALUES (?, ?, ?, ?)", SEED)

    def find(self, number: int) -> dict[str, Any] | None:
        """Return one ticket with its comments, or None."""
        with self._lock, self._connection as connection:
            row = connection.execute(
                "SELECT number, title, state, assignee FROM tickets WHERE number = ?", (number,)
            ).fetchone()
            texts = connection.execute(
                "SELECT text FROM comments WHERE number = ? ORDER BY id", (number,)
            ).fetchall()
        if row is None:
            return None
        ticket = dict(zip(("number", "title", "state", "assignee"), row, strict=True))
        return {**ticket, "comments": [text for (text,) in texts]}

    def comment(self, number: int, text: str, key: str | None) -> dict[str, Any] | None:
        """Write one comment once per key; None where there is no such ticket.

        Raises:
            KeyReused: if `key` was used for another ticket or text.
        """
        digest = hashlib.sha256(json.dumps([number, text]).encode()).hexdigest()
        with self._lock, self._connection as connection:
            known = connection.execute(
                "SELECT id, number, body_digest FROM comments WHERE idempotency_key = ?", (key,)
            ).fetchone()
            if known is not None:
                if known[2] != digest:
                    raise KeyReused
                return {"comment": known[0], "number": known[1]}
            found = connection.execute("SELECT 1 FROM tickets WHERE number = ?", (number,))
            if found.fetchone() is None:
                return None
            cursor = connection.execute(
                "INSERT INTO comments (number, text, idempotency_key, body_digest)"
                " VALUES (?, ?, ?, ?)",
                (number, text, key, digest),
            )
            return {"comment": cursor.lastrowid, "number": number}

    def ledger(self) -> list[dict[str, Any]]:
        """Return every comment in the order of writing."""
        with self._lock, self._connection as connection:
            rows = connection.execute(
                "SELECT id, number, text, idempotency_key FROM comments ORDER BY id"
            ).fetchall()
        names = ("comment", "number", "text", "idempotencyKey")
        return [dict(zip(names, row, strict=True)) for row in rows]


class Handler(BaseHTTPRequestHandler):
    """HTTP in front of the desk."""

    protocol_version = "HTTP/1.1"
    desk: Desk
    token: str

    def do_GET(self) -> None:  # http.server looks for this name
        """Answer reads."""
        if self.path == "/healthz":
            self._answer(HTTPStatus.OK, {"status": "ok"})
        elif not self._has_leave():
            self._answer(HTTPStatus.UNAUTHORIZED, {"error": "a bearer token is needed"})
        elif self.path == "/ledger":
            self._answer(HTTPStatus.OK, {"comments": self.desk.ledger()})
        elif match := TICKET_PATH.match(self.path):
            self._answer_found(self.desk.find(int(match[1])), HTTPStatus.OK)
        else:
            self._answer(HTTPStatus.NOT_FOUND, {"error": "no such path"})

    def do_POST(self) -> None:  # http.server looks for this name
        """Answer writes."""
        body = self._body()
        match = COMMENTS_PATH.match(self.path)
        if not self._has_leave():
            self._answer(HTTPStatus.UNAUTHORIZED, {"error": "a bearer token is needed"})
        elif match is None:
            self._answer(HTTPStatus.NOT_FOUND, {"error": "no such path"})
        elif body is None:
            self._answer(
                HTTPStatus.BAD_REQUEST,
                {"error": f'send {{"text": ...}} of 1 to {TEXT_LENGTH_MAX} characters'},
            )
        else:
            self._comment(int(match[1]), body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class's name
        """Keep quiet: paths and bodies are content."""

    def _comment(self, number: int, text: str) -> None:
        try:
            written = self.desk.comment(number, text, self.headers.get("Idempotency-Key"))
        except KeyReused:
            message = "this Idempotency-Key was used for something else"
            self._answer(HTTPStatus.CONFLICT, {"error": message})
            return
        self._answer_found(written, HTTPStatus.CREATED)

    def _has_leave(self) -> bool:
        given = self.headers.get("Authorization", "")
        return hmac.compare_digest(given.encode(), f"Bearer {self.token}".encode())

    def _body(self) -> str | None:
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit() or int(length) > BODY_BYTES_MAX:
            self.close_connection = True
            return None
        try:
            document = json.loads(self.rfile.read(int(length)))
        except ValueError:
            return None
        text = document.get("text") if isinstance(document, dict) else None
        return text if isinstance(text, str) and 0 < len(text) <= TEXT_LENGTH_MAX else None

    def _answer_found(self, found: dict[str, Any] | None, status: HTTPStatus) -> None:
        if found is None:
            self._answer(HTTPStatus.NOT_FOUND, {"error": "no such ticket"})
        else:
            self._answer(status, found)

    def _answer(self, status: HTTPStatus, document: dict[str, Any]) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    """Parse the command line and serve until the process is ended."""
    parser = argparse.ArgumentParser(description="the helpdesk example's ticket service")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--token-file", type=Path, required=True)
    arguments = parser.parse_args()
    arguments.data.mkdir(parents=True, exist_ok=True)
    Handler.desk = Desk(arguments.data / "tickets.sqlite")
    Handler.token = arguments.token_file.read_text().strip()
    ThreadingHTTPServer((arguments.host, arguments.port), Handler).serve_forever()


if __name__ == "__main__":
    main()
