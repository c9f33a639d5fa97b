"""What `steward up` says when it is ready (pure)."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from steward_cli.local.record import RunRecord

BUNDLED_REMARK: Final = (
    "bundled, 135M parameters: it shows the plumbing, not the wit. Set OPENAI_API_KEY (and "
    "OPENAI_BASE_URL, MODEL) for a model of your own"
)


@dataclass(frozen=True, slots=True)
class Greeting:
    """What there is to say."""

    record: RunRecord
    logs: Path
    state: Path | None
    """Folder that `--state` named, so that the words to type next name it too."""
    is_bundled: bool
    is_served: bool
    """False while the Assistant is suspended."""


def render_greeting(greeting: Greeting) -> str:
    """Say what runs, where the key is and what to type next."""
    record = greeting.record
    option = "" if greeting.state is None else f" --state {shlex.quote(str(greeting.state))}"
    stop = f"  stop      Ctrl-C, or steward down {record.assistant}{option}\n"
    if not greeting.is_served:
        return (
            f"\n{record.assistant} is suspended: it is not served, and purging goes on.\n"
            f"  logs      {greeting.logs}\n{stop}"
        )
    model = f"{record.model} ({BUNDLED_REMARK})" if greeting.is_bundled else record.model
    return (
        f"\n{record.assistant} is ready.\n"
        f"  endpoint  {record.endpoint}\n"
        f"  key       {record.key_file}\n"
        f"  model     {model}\n"
        f"  logs      {greeting.logs}\n"
        f"  talk      steward chat {record.assistant}{option}\n"
        f"  or        {render_curl(record)}\n{stop}"
    )


def render_curl(record: RunRecord) -> str:
    """Return a command line that sends one message and streams the reply."""
    body = {
        "model": record.assistant,
        "stream": True,
        "messages": [{"role": "user", "content": "Hello"}],
    }
    key = shlex.quote(record.key_file)
    return (
        f"curl -N {record.endpoint}/chat/completions "
        f'-H "Authorization: Bearer $(cat {key})" '
        "-H 'Content-Type: application/json' -H 'Steward-Subject: local:you' "
        f"-d {shlex.quote(json.dumps(body))}"
    )
