"""What a client sends becomes labelled messages (pure). A claimed role grants nothing."""

from __future__ import annotations

from typing import Final

from steward_runtime.labels import DataClass, Integrity, Label, Sensitivity
from steward_runtime.turn.messages import Caller, ClientMessage, Message, Role

CLAIMED_ROLES: Final = frozenset({"assistant", "developer", "system", "tool", "user"})
SYSTEM_ROLES: Final = frozenset({"developer", "system"})


def label_request(
    messages: tuple[ClientMessage, ...],
    caller: Caller,
    *,
    purpose: str,
    history: tuple[Message, ...] = (),
) -> tuple[Message, ...]:
    """Label what a client sent, with at most User integrity.

    A message that claims to be of the system or the developer is shown to the model as the user's.
    A tool message counts as one only where it answers a call of an assistant message before it.

    Raises:
        ValueError: if a role is none of the five.
    """
    labels = _RequestLabels(caller, purpose)
    calls = {call.call_id for message in history for call in message.tool_calls}
    labelled: list[Message] = []
    for message in messages:
        calls.update(call.call_id for call in message.tool_calls)
        labelled.append(_label_message(message, labels, answers_call=message.call_id in calls))
    return tuple(labelled)


def label_prompt(name: str, text: str, purpose: str) -> Message:
    """Return the system message of a Prompt."""
    label = Label(
        integrity=Integrity.SYSTEM,
        sensitivity=Sensitivity.INTERNAL,
        purpose=frozenset({purpose}),
        retention=DataClass.CONVERSATIONS,
        origin=frozenset({f"prompt:{name}"}),
    )
    return Message(Role.SYSTEM, text, label)


class _RequestLabels:
    """Labels of one caller's messages by claimed role."""

    def __init__(self, caller: Caller, purpose: str) -> None:
        self._readers = frozenset({caller.owner})
        self._subjects = frozenset() if caller.subject is None else frozenset({caller.subject})
        self._purpose = frozenset({purpose})

    def label(self, claimed_role: str) -> Label:
        """Return the label of a message that claims `claimed_role`."""
        return Label(
            integrity=Integrity.UNTRUSTED if claimed_role == "tool" else Integrity.USER,
            readers=self._readers,
            sensitivity=Sensitivity.INTERNAL,
            subjects=self._subjects,
            purpose=self._purpose,
            retention=DataClass.CONVERSATIONS,
            origin=frozenset({f"client:{claimed_role}"}),
        )


def _label_message(
    message: ClientMessage, labels: _RequestLabels, *, answers_call: bool
) -> Message:
    if message.role not in CLAIMED_ROLES:
        raise ValueError("a message has one of the roles system, developer, user, assistant, tool")
    label = labels.label(message.role)
    if message.role == "assistant":
        return Message(Role.ASSISTANT, message.text, label, message.tool_calls)
    if message.role == "tool" and answers_call:
        return Message(Role.TOOL, message.text, label, call_id=message.call_id)
    return Message(Role.USER, message.text, label)
