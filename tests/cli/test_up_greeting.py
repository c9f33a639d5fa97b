"""What a newcomer reads when `steward up` is ready."""

from __future__ import annotations

import dataclasses
import json
import shlex
from pathlib import Path

from steward_cli.local.greeting import Greeting, render_curl, render_greeting
from steward_cli.local.record import RunRecord, RunState

RECORD = RunRecord(
    assistant="helpdesk",
    state=RunState.READY,
    pid=1,
    folder="",
    endpoint="http://127.0.0.1:8080/v1",
    admin_url="",
    metrics_url="",
    key_file="/state/with space/apiKey",
    blueprint_digest="",
    model="smollm2-135m-instruct",
)
GREETING = Greeting(RECORD, Path("/logs"), None, is_bundled=True, is_served=True)


def test_says_plainly_what_the_bundled_model_is() -> None:
    """Plumbing, not wit; and how to have another."""
    text = render_greeting(GREETING)
    assert "it shows the plumbing, not the wit" in text
    assert "Set OPENAI_API_KEY" in text
    other = dataclasses.replace(GREETING, is_bundled=False)
    assert "plumbing" not in render_greeting(other)


def test_names_endpoint_key_and_what_to_type() -> None:
    """Everything that the next minute needs."""
    text = render_greeting(GREETING)
    for part in ("http://127.0.0.1:8080/v1", RECORD.key_file, "steward chat helpdesk\n", "Ctrl-C"):
        assert part in text


def test_words_to_type_name_the_state_folder_where_it_was_named() -> None:
    """Otherwise they would look elsewhere."""
    text = render_greeting(dataclasses.replace(GREETING, state=Path("/my state")))
    assert "steward chat helpdesk --state '/my state'" in text
    assert "steward down helpdesk --state '/my state'" in text


def test_the_curl_line_can_be_pasted() -> None:
    """A shell splits it into what curl needs, and its body is JSON."""
    words = shlex.split(render_curl(RECORD).replace("$(cat ", "KEY"))
    assert words[0] == "curl"
    body = json.loads(words[words.index("-d") + 1])
    assert body["model"] == "helpdesk"
    assert body["stream"] is True


def test_a_suspended_assistant_has_no_endpoint_to_try() -> None:
    """What does not listen is not advertised."""
    text = render_greeting(dataclasses.replace(GREETING, is_served=False))
    assert "suspended" in text
    assert "curl" not in text
