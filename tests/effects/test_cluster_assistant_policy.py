"""What the fields of a ClusterAssistantPolicy do, seen at the doors of a running assistant.

Each assistant here was accepted before the policy came: what it may still do is decided by the
real plan and shown by the real runtime.
"""

from __future__ import annotations

from typing import Any

from steward_effects import Chain, assistant_set, plan_blueprint
from steward_effects.chain import Answer
from steward_effects.objects import OTHER_MODEL_HOST, model, tool
from steward_kinds.objects import Manifest, build_object
from steward_model_server import Say

HOUR = 3_600
TWO_MODELS = {"modelRefs": [{"name": "m"}, {"name": "other"}]}


def policy(**spec: Any) -> Manifest:
    """Return a policy that governs every namespace unless it says otherwise."""
    return build_object("ClusterAssistantPolicy", "platform", **spec)


def ask_under(chain: Chain, bounds: Manifest, *others: Manifest, **spec: Any) -> Answer:
    """Accept an assistant, then let it run under a policy, and ask it something."""
    manifests = assistant_set(*others, **spec)
    accepted = plan_blueprint(*manifests)
    chain.play(Say("first"))
    with chain.serve(*manifests, bounds, last=accepted) as served:
        return served.ask()


def is_denied(answer: Answer) -> bool:
    """Tell whether a request was refused because of a policy."""
    code = (answer.document or {}).get("error", {}).get("code")
    return (answer.status, code) == (503, "PolicyMissing")


def test_allowed_hosts_of_models_choose_who_may_be_asked(chain: Chain) -> None:
    """The first model is at a host that is not allowed, so it hears nothing; the other answers."""
    bounds = policy(models={"allowedHosts": [OTHER_MODEL_HOST.partition(":")[0]]})
    answer = ask_under(chain, bounds, model("other", OTHER_MODEL_HOST), **TWO_MODELS)
    assert chain.model.received == []
    assert answer.document["choices"][0]["message"]["content"] == "other"


def test_namespaces_choose_who_is_governed(chain: Chain) -> None:
    """A policy of other namespaces leaves this assistant alone."""
    bounds = policy(namespaces=["other", "team-*"], models={"allowedHosts": []})
    answer = ask_under(chain, bounds)
    assert (answer.status, is_denied(answer)) == (200, False)


def test_allowed_hosts_of_tools_choose_what_may_be_called(chain: Chain) -> None:
    """The model is not even told of a tool at a host that is not allowed."""
    refs = {"toolRefs": [{"name": "look"}]}
    bounds = policy(tools={"allowedHosts": ["*.example.com"]})
    answer = ask_under(chain, bounds, tool(), **refs)
    assert answer.status == 200
    assert [body.get("tools", []) for body in chain.sent_to_model()] == [[]]


def keep(**seconds: int) -> Manifest:
    """Return a policy that bounds the windows of memory."""
    return policy(retention={"windows": [{"class": "Memory", **seconds}]})


def test_min_keep_seconds_deny_a_shorter_window(chain: Chain) -> None:
    """With windows of an hour and a minimum of two, nothing new is taken in."""
    assert is_denied(ask_under(chain, keep(minKeepSeconds=2 * HOUR)))


def test_max_keep_seconds_deny_a_longer_window(chain: Chain) -> None:
    """With windows of an hour and a maximum of a minute, nothing new is taken in."""
    assert is_denied(ask_under(chain, keep(maxKeepSeconds=60)))


def test_class_says_which_windows_are_bounded(chain: Chain) -> None:
    """A minimum for audit details says nothing of other classes."""
    windows = [
        {"class": name, "keepSeconds": 3 * HOUR if name == "AuditDetail" else HOUR}
        for name in ("Conversations", "Tasks", "Memory", "AuditDetail")
    ]
    bounds = policy(retention={"windows": [{"class": "AuditDetail", "minKeepSeconds": 2 * HOUR}]})
    answer = ask_under(chain, bounds, build_object("RetentionPolicy", "r", windows=windows))
    assert not is_denied(answer)


def test_required_deletion_policy_denies_another_one(chain: Chain) -> None:
    """An assistant that would leave its data behind takes nothing new in."""
    assert is_denied(ask_under(chain, policy(requiredDeletionPolicy="Erase")))
