"""The demo model server: chat and embeddings behind one OpenAI-compatible port.

Starts the two servers that `steward up` starts, on loopback, and passes each connection on to one
of them by the path of its request: embeddings to the embedder, everything else to the model. Ends
when one of them ends. For demonstrations and tests: the model is small, and there is no key.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from asyncio import StreamReader, StreamWriter
from dataclasses import dataclass

EMBEDDINGS_PATH = b"/v1/embeddings"
HEAD_BYTES_MAX = 64 * 1024
HEAD_SECONDS = 30
CHUNK_BYTES = 64 * 1024
HEALTHY_SECONDS = 120
"""Loading takes 2 s on a quiet core; a starved one may take a minute."""
ANSWER_BAD = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
ANSWER_GONE = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Backend:
    """One server of ours on loopback."""

    module: str
    port: int


@dataclass(frozen=True, slots=True)
class Front:
    """The two servers, and the choice between them."""

    chat: Backend
    embedder: Backend

    def choose(self, head: bytes) -> Backend | None:
        """Return the server for a request's head, or None if its first line is no request."""
        words = head.split(b"\r\n", 1)[0].split(b" ")
        if len(words) != 3 or not words[2].startswith(b"HTTP/1."):
            return None
        path = words[1].split(b"?", 1)[0]
        return self.embedder if path.rstrip(b"/") == EMBEDDINGS_PATH else self.chat

    async def pass_on(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Serve one connection: read the head, choose a server, then copy bytes both ways."""
        try:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), HEAD_SECONDS)
            backend = self.choose(head)
            if backend is None:
                writer.write(ANSWER_BAD)
                return
            await _exchange(head, backend, reader, writer)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # the client left, or never said what it wants
        finally:
            await _close(writer)


def close_after_one(head: bytes) -> bytes:
    """Return the head with `Connection: close`: the next request may be for the other server."""
    lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    kept = [line for line in lines if line.partition(b":")[0].lower() not in _PER_CONNECTION]
    return b"\r\n".join((*kept, b"Connection: close", b"", b""))


_PER_CONNECTION = frozenset({b"connection", b"keep-alive", b"proxy-connection"})


async def _exchange(
    head: bytes, backend: Backend, reader: StreamReader, writer: StreamWriter
) -> None:
    try:
        from_backend, to_backend = await asyncio.open_connection("127.0.0.1", backend.port)
    except OSError:
        writer.write(ANSWER_GONE)
        return
    try:
        to_backend.write(close_after_one(head))
        upwards = asyncio.create_task(_copy(reader, to_backend))
        try:
            await _copy(from_backend, writer)
        finally:
            upwards.cancel()
            await asyncio.gather(upwards, return_exceptions=True)
    finally:
        await _close(to_backend)


async def _copy(reader: StreamReader, writer: StreamWriter) -> None:
    while chunk := await reader.read(CHUNK_BYTES):
        writer.write(chunk)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()


async def _close(writer: StreamWriter) -> None:
    try:
        writer.close()
        await writer.wait_closed()
    except OSError:
        pass


async def wait_until_healthy(backend: Backend) -> None:
    """Return when a server answers 200 to `GET /health`."""
    request = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    while True:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", backend.port)
            writer.write(request)
            status = await reader.readline()
            await _close(writer)
            if status.split(b" ")[1:2] == [b"200"]:
                return
        except OSError:
            pass
        await asyncio.sleep(0.2)


async def serve(front: Front, port: int) -> int:
    """Serve until SIGTERM (0), or until one of the two servers ends (1)."""
    children = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-m", backend.module, "--port", str(backend.port)
        )
        for backend in (front.chat, front.embedder)
    ]
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    ends = [asyncio.create_task(child.wait()) for child in children]
    stopping = asyncio.create_task(stopped.wait())
    serving = asyncio.create_task(_listen(front, port))
    await asyncio.wait({*ends, stopping, serving}, return_when=asyncio.FIRST_COMPLETED)
    for child in children:
        if child.returncode is None:
            child.terminate()
    await asyncio.gather(*ends)
    if serving.done() and not serving.cancelled() and (fault := serving.exception()):
        sys.stderr.write(f"demo model: {type(fault).__name__}: {fault}\n")
    return 0 if stopping.done() else 1


async def _listen(front: Front, port: int) -> None:
    healthy = (wait_until_healthy(backend) for backend in (front.chat, front.embedder))
    await asyncio.wait_for(asyncio.gather(*healthy), HEALTHY_SECONDS)
    server = await asyncio.start_server(front.pass_on, port=port, limit=HEAD_BYTES_MAX)
    sys.stderr.write(f"demo model listens on port {port}\n")
    async with server:
        await server.serve_forever()


def main() -> None:
    """Parse the command line and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--chat-port", type=int, default=18_091, help="on loopback")
    parser.add_argument("--embedder-port", type=int, default=18_092, help="on loopback")
    options = parser.parse_args()
    front = Front(
        Backend("steward_cli.local.model_server", options.chat_port),
        Backend("steward_cli.local.embedder_server", options.embedder_port),
    )
    sys.exit(asyncio.run(serve(front, options.port)))


if __name__ == "__main__":
    main()
