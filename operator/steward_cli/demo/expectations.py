"""What `expect.yaml` may say: steps of a conversation, and what must be seen outside the model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal

import yaml
from pydantic import Field, StringConstraints, ValidationError, model_validator

from steward_api.meta import Frozen
from steward_api.v1alpha1.retention_policy import DataClass
from steward_cli.errors import InputError

EXPECTATIONS_FILE: Final = "expect.yaml"
QUESTIONS_MAX: Final = 64
REPLY: Final = "reply"
"""What a question wants when no tool fits."""

Text = Annotated[str, StringConstraints(min_length=1, max_length=2_000)]
Label = Annotated[str, StringConstraints(min_length=1, max_length=63)]
"""Name of a conversation inside one file: the same label goes on with the same conversation."""


class Chat(Frozen):
    """One message, streamed."""

    subject: Annotated[Text | None, Field(alias="as")] = None
    """Header Steward-Subject; without it there is no subject, and no long-term memory."""
    say: Text
    conversation: Label
    tools: tuple[Label, ...] | None = None
    """Tools that the journal must show as done, in order; None where it does not matter."""
    recalls: Label | None = None
    """The journal must show that something was recalled which this conversation wrote."""


class Question(Frozen):
    """One message with the choice that fits."""

    say: Text
    wants: Label
    """Name of a tool, or `reply`."""


class Ledger(Frozen):
    """The tool's own account of what was done to it."""

    tool: Label
    """Tool whose calls the service counts."""
    host: Text
    """Logical host of the service in `local.yaml`."""
    path: Annotated[str, StringConstraints(pattern="^/", max_length=256)]
    secret: Label
    """Secret whose token opens the service."""
    member: Label
    """Member of the answer that is the list."""


class Questions(Frozen):
    """Fixed questions, each in a conversation of its own; nothing is forced on the model."""

    subject: Annotated[Text | None, Field(alias="as")] = None
    ask: Annotated[tuple[Question, ...], Field(min_length=1, max_length=QUESTIONS_MAX)]
    hits: Annotated[int, Field(ge=1)]
    """Questions of which the first choice must be the one that fits."""
    done: Annotated[tuple[Label, ...], Field(max_length=16)] = ()
    """Tools of which the journal must show at least one call as done."""
    ledger: Ledger | None = None
    """The service must have counted exactly the calls that the journal shows as done."""


class Memories(Frozen):
    """What is remembered of one subject."""

    subject: Annotated[Text | None, Field(alias="as")] = None
    segment: Label | None = None
    records: Annotated[int, Field(ge=0)] | None = None
    """Exactly so many; None for at least one."""
    within_seconds: Annotated[int, Field(ge=0, le=600)] = 0
    """Time that it may take to become so, for example while a purge run is under way."""


class Request(Frozen):
    """One plain HTTP request and its status."""

    method: Literal["GET", "POST", "DELETE"] = "GET"
    path: Annotated[str, StringConstraints(pattern="^/v1/", max_length=512)]
    """Path below the endpoint's host; `{label}` is replaced by that conversation's id."""
    subject: Annotated[Text | None, Field(alias="as")] = None
    key: bool = True
    """False sends no key."""
    body: dict[str, object] | None = None
    status: Annotated[int, Field(ge=100, le=599)]
    code: Label | None = None
    """Code of OpenAI's error body."""


class Purged(Frozen):
    """A conversation that the schedule must purge, in its own time."""

    conversation: Label
    subject: Annotated[Text | None, Field(alias="as")] = None
    within_seconds: Annotated[int, Field(ge=1, le=600)] = 200
    """Window, plus up to one interval of the schedule, plus the run itself."""


class Receipt(Frozen):
    """A receipt in the archive that must be Complete, and must not survive a changed byte."""

    data_class: Annotated[DataClass, Field(alias="class")]
    deleted: Annotated[int, Field(ge=1)] = 1
    """Records of that class that it must count as deleted, at least."""
    within_seconds: Annotated[int, Field(ge=1, le=600)] = 90


class Step(Frozen):
    """One step: a name for people, and exactly one thing to do."""

    name: Text
    chat: Chat | None = None
    questions: Questions | None = None
    memories: Memories | None = None
    request: Request | None = None
    purged: Purged | None = None
    receipt: Receipt | None = None

    @property
    def deed(self) -> Chat | Questions | Memories | Request | Purged | Receipt:
        """The one thing to do."""
        deeds = (
            self.chat,
            self.questions,
            self.memories,
            self.request,
            self.purged,
            self.receipt,
        )
        return next(deed for deed in deeds if deed is not None)

    @model_validator(mode="after")
    def _check_one_deed(self) -> Step:
        if len(self.model_fields_set - {"name"}) != 1:
            raise ValueError(
                "set name and exactly one of chat, questions, memories, request, purged, receipt"
            )
        return self


class Expectations(Frozen):
    """The whole of `expect.yaml`."""

    steps: Annotated[tuple[Step, ...], Field(min_length=1, max_length=64)]


def gather_expectations(folder: Path) -> Expectations:
    """Read `expect.yaml` of an example.

    Raises:
        InputError: if it is absent or misshapen; the message names the field.
    """
    path = folder / EXPECTATIONS_FILE
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        return Expectations.model_validate(document)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as fault:
        raise InputError(f"{path} cannot be read as YAML") from fault
    except ValidationError as fault:
        first = fault.errors(include_input=False, include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{path}: {field}: {first['msg']}") from fault
