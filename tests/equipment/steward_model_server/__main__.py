"""Run the scripted server by hand: it repeats what the last user message says."""

from __future__ import annotations

import argparse
import threading

from steward_model_server.script import Answer, Say
from steward_model_server.serving import ModelServer, Received


def echo_user(received: Received) -> Answer:
    """Answer with the last user message."""
    users = [each for each in received.body["messages"] if each["role"] == "user"]
    return Say(f"You said: {users[-1]['content']}" if users else "Hello.")


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="steward_model_server", description=__doc__)
    parser.add_argument("--port", type=int, default=18_091)
    with ModelServer(echo_user, parser.parse_args().port):
        threading.Event().wait()


if __name__ == "__main__":
    main()
