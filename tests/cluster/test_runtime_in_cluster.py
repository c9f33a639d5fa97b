"""The whole chain in a cluster: apply, operator, Pod, `openai` client, purge, receipt.

Everything is real but the model, the tool and the node: the operator runs under its own identity,
and the kubelet starts the command of the Deployment's Pod with the files that it mounts. The tests
share two assistants; each leaves them serving.
"""

from __future__ import annotations

import json
import os
import signal
from typing import Any

import httpx
import openai
import pytest
import yaml

from steward_api.meta import API_VERSION
from steward_api.verification import Verdict
from steward_cli.render import render_directory
from steward_cluster_chain.administration import Administration
from steward_cluster_chain.chain import Asked, Chain, find_end, find_process, wait_until_aged
from steward_lab.kube_client import Manifest
from steward_lab.kubelet import Kubelet
from steward_loopback.polling import wait_until
from steward_model_server import Call, Hang, ModelServer, Say
from steward_model_server.script import Answer
from steward_model_server.serving import Received
from steward_operator.archive.shelf import Shelf
from steward_operator.labels import BLUEPRINT_DIGEST
from steward_operator_lab.contract import Keeper
from steward_operator_lab.reading import ASSISTANT_KIND, find_condition
from steward_tool_server import ToolServer

pytest_plugins = ("steward_operator_lab.fixtures", "steward_cluster_chain.fixtures")
pytestmark = pytest.mark.cluster

SECONDS = 30.0
PROMPT_KIND = f"{API_VERSION}/Prompt"


@pytest.fixture(autouse=True)
def _grown(aged: Any, aged_neighbour: Any) -> None:
    """Conversations begin to age before the first test, whichever that is."""
    assert aged
    assert aged_neighbour


def system_text(received: Received) -> str:
    """Return the system message of a request to the model."""
    messages = received.body["messages"]
    return str(next(each["content"] for each in messages if each["role"] == "system"))


def count_restarts(pod: Manifest) -> int:
    """Return how often the one container of a Pod was started again."""
    return int(pod["status"]["containerStatuses"][0]["restartCount"])


def list_archived(keeper: Keeper, uid: str) -> set[str]:
    """Return the digests of the receipts that the operator has archived for an Assistant."""
    return set(Shelf(keeper.archive).list_digests(uid))


def administration(chain: Chain, keeper: Keeper) -> Administration:
    """Return the administration port of an assistant, opened with the operator's key."""
    url = chain.find_endpoint(is_admin=True).url
    return Administration(url, chain.read()["metadata"]["uid"], keeper.key)


def test_serves_the_blueprint_that_render_shows(
    desk: Chain, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Status, Pod and `steward render` of the same files name one digest."""
    folder = tmp_path_factory.mktemp("declared")
    documents = yaml.safe_dump_all(desk.declared.build_objects())
    (folder / "all.yaml").write_text(documents, encoding="utf-8")
    rendered = json.loads(render_directory(folder, "json"))["items"]
    (deployment,) = (each for each in rendered if each["kind"] == "Deployment")
    offline = deployment["spec"]["template"]["metadata"]["annotations"][BLUEPRINT_DIGEST]
    assert desk.read()["status"]["blueprintDigest"] == offline
    assert desk.find_pod()["metadata"]["annotations"][BLUEPRINT_DIGEST] == offline


def test_says_that_the_runtime_itself_named_its_blueprint(desk: Chain) -> None:
    """The operator asked the runtime in its Pod, which knows the operator's key."""
    desk.wait_condition("RuntimeVerified", "True", "Verified")


def test_answers_the_openai_client(desk: Chain, model: ModelServer) -> None:
    """Whole, with the system text of the Prompt and the user's Secret on the way to the model."""
    model.play([Say("Good day.")])
    with desk.open_client() as client:
        done = client.chat.completions.create(
            model="desk", messages=[{"role": "user", "content": "Hello"}]
        )
    assert done.choices[0].message.content == "Good day."
    assert "You are desk." in system_text(model.received[-1])
    assert model.received[-1].headers["authorization"] == "Bearer model-token-1"


def test_streams_to_the_openai_client(desk: Chain, model: ModelServer) -> None:
    """Text comes in several chunks."""
    model.play([Say("One two three four", pieces=4, pause_seconds=0.02)])
    with desk.open_client() as client:
        chunks = list(
            client.chat.completions.create(
                model="desk", messages=[{"role": "user", "content": "Count"}], stream=True
            )
        )
    texts = [choice.delta.content or "" for chunk in chunks for choice in chunk.choices]
    assert "".join(texts) == "One two three four"
    assert len([text for text in texts if text]) >= 2


def test_calls_the_tool_with_its_secret(desk: Chain, model: ModelServer, tools: ToolServer) -> None:
    """The tool gets its own credential, and its result reaches the model."""
    model.play([Call(((desk.declared.tool, {"id": "T-1"}),)), Say("It is open.")])
    assert desk.ask("What of T-1?").text == "It is open."
    assert tools.called[-1].path == "/tickets/T-1"
    assert tools.called[-1].headers["authorization"] == "Bearer tool-token-1"
    assert model.received[-1].body["messages"][-1]["content"] == '{"state":"open"}'


def test_refuses_the_key_of_another_assistant(desk: Chain, neighbour: tuple[Chain, str]) -> None:
    """Two assistants side by side have keys of their own."""
    other = neighbour[0]
    with (
        desk.open_client(key=other.read_key()) as client,
        pytest.raises(openai.AuthenticationError),
    ):
        client.models.list()
    with other.open_client() as client:
        assert [each.id for each in client.models.list().data] == ["clerk"]


def test_hides_conversations_from_another_assistant(
    desk: Chain, neighbour: tuple[Chain, str], model: ModelServer
) -> None:
    """What one assistant holds the other one does not have, for the same subject."""
    model.play([Say("Noted.")])
    asked = desk.ask("Keep this.", "nora")
    assert desk.find_conversation(asked, "nora") == 200
    assert neighbour[0].find_conversation(asked, "nora") == 404


def test_names_the_secret_that_a_pod_waits_for(neighbour: tuple[Chain, str]) -> None:
    """The condition named the Secret; when it was made the assistant recovered by itself."""
    chain, message = neighbour
    assert chain.declared.model_secret in message
    assert chain.declared.tool_secret not in message
    assert find_condition(chain.wait_ready(), "Ready")["status"] == "True"


def test_takes_a_rotated_credential_without_a_restart(
    desk: Chain, model: ModelServer, tools: ToolServer
) -> None:
    """The changed Secret reaches the running process; the Pod stays."""
    before = desk.find_pod()
    model.play(call_tool_once_per_turn(desk))
    desk.give_credential(desk.declared.tool_secret, "tool-token-2")

    def sees_new_token() -> bool:
        desk.ask("What of T-1?")
        return tools.called[-1].headers["authorization"] == "Bearer tool-token-2"

    wait_until(sees_new_token, "the new token", SECONDS)
    after = desk.find_pod()
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert count_restarts(after) == count_restarts(before)


def call_tool_once_per_turn(chain: Chain) -> Any:
    """Return a script: the tool first, then words."""

    def answer(received: Received) -> Answer:
        if received.body["messages"][-1]["role"] == "tool":
            return Say("It is open.")
        return Call(((chain.declared.tool, {"id": "T-1"}),))

    return answer


def test_rolls_the_pod_when_the_prompt_changes(desk: Chain, model: ModelServer) -> None:
    """Another digest, another Pod, and the new system text before the model."""
    pod, digest = desk.find_pod(), desk.read()["status"]["blueprintDigest"]
    desk.edit(PROMPT_KIND, {"spec": {"template": "You are {{assistant}}. Second."}})
    wait_until(lambda: desk.read()["status"]["blueprintDigest"] != digest, "a new digest", SECONDS)
    desk.wait_ready()
    after = desk.find_pod()
    assert after["metadata"]["uid"] != pod["metadata"]["uid"]
    assert after["metadata"]["annotations"][BLUEPRINT_DIGEST] != digest
    model.play([Say("Yes.")])
    desk.ask("Are you new?")
    assert system_text(model.received[-1]).startswith("You are desk. Second.")


def test_serves_the_last_accepted_prompt_while_a_new_one_is_broken(
    desk: Chain, model: ModelServer
) -> None:
    """An undeclared variable is named in the condition; chat goes on with the text before it."""
    served = desk.admin.get(PROMPT_KIND, desk.name, desk.namespace)["spec"]
    desk.edit(PROMPT_KIND, {"spec": {"template": "You are {{nobody}}."}})
    desk.wait_condition("Accepted", "False", "PromptNotAccepted")
    model.play([Say("Still here.")])
    desk.ask("Are you there?")
    assert "{{nobody}}" not in system_text(model.received[-1])
    assert system_text(model.received[-1]).startswith("You are desk.")
    desk.edit(PROMPT_KIND, {"spec": served})
    desk.wait_condition("Accepted", "True")
    desk.wait_ready()


def test_finishes_what_it_streams_before_its_pod_goes(desk: Chain, model: ModelServer) -> None:
    """A roll in the middle of a stream waits for the turn; the client gets the whole text."""
    pod = desk.find_pod()["metadata"]
    model.play([Say("one two three four five six", pieces=6, pause_seconds=0.5)])
    texts, is_edited = [""], False
    with desk.open_client() as client:
        stream = client.chat.completions.create(
            model="desk", messages=[{"role": "user", "content": "Count"}], stream=True
        )
        for chunk in stream:
            texts += [choice.delta.content or "" for choice in chunk.choices]
            if not is_edited and texts[-1]:
                desk.edit(PROMPT_KIND, {"spec": {"template": "You are {{assistant}}. Third."}})
                is_edited = True
    assert "".join(texts) == "one two three four five six"
    desk.admin.wait_gone("v1/Pod", pod["name"], desk.namespace)
    desk.wait_ready()


def test_remembers_beyond_its_pod(desk: Chain, model: ModelServer) -> None:
    """Memory lies on the claim: a new Pod recalls what the old one was told."""
    model.play([Say("Noted."), Say("Green.")])
    desk.ask("My bicycle is green and fast.", "ruth")
    pod = desk.find_pod()["metadata"]
    desk.admin.delete("v1/Pod", pod["name"], desk.namespace)
    desk.admin.wait_gone("v1/Pod", pod["name"], desk.namespace)
    desk.ask("Which colour has my bicycle?", "ruth")
    assert desk.find_pod()["metadata"]["uid"] != pod["uid"]
    assert "green and fast" in json.dumps(model.received[-1].body["messages"][:-1])


def test_finishes_a_turn_whose_process_was_killed(
    desk: Chain, model: ModelServer, tools: ToolServer
) -> None:
    """SIGKILL while the model thinks: the kubelet restarts, the turn goes on, and the outcome can
    be fetched; the tool that had answered is not called again.
    """
    asked, called = len(model.received), len(tools.called)
    restarts = count_restarts(desk.find_pod())
    model.play([Call(((desk.declared.tool, {"id": "T-1"}),)), Hang(), Say("It was open.")])
    with (
        desk.open_client() as client,
        client.chat.completions.with_streaming_response.create(
            model="desk", messages=[{"role": "user", "content": "What of T-1?"}], stream=True
        ) as response,
    ):
        task = response.headers["steward-task"]
        wait_until(lambda: len(model.received) == asked + 2, "the second model call", SECONDS)
        os.kill(find_process(desk.find_endpoint().host), signal.SIGKILL)

    def find_outcome() -> Any:
        with desk.open_client() as client:
            try:
                found = client.get(f"/tasks/{task}", cast_to=dict[str, Any])
            except openai.APIConnectionError:
                return None
        return found if found["status"] == "Replied" else None

    outcome = wait_until(find_outcome, "the outcome", SECONDS)
    assert outcome["completion"]["choices"][0]["message"]["content"] == "It was open."
    assert len(tools.called) == called + 1
    assert count_restarts(desk.find_pod()) == restarts + 1


def test_purges_by_the_cron_job_of_a_running_assistant(
    desk: Chain, aged: tuple[Asked, float], purged: Manifest, keeper: Keeper
) -> None:
    """The Job asks the Service of the admin port and waits: the conversation is gone, a receipt
    that verifies says so, and memory within its window is still there.
    """
    asked, _ = aged
    assert find_end(purged) == "Complete", desk.read_purge_logs()
    assert desk.find_conversation(asked, "walter") == 404
    receipt = administration(desk, keeper).verify_receipts()[-1]
    assert receipt.verdict in {Verdict.UNCOSIGNED, Verdict.COMPLETE}
    assert receipt.statement.predicate.assistant_uid == desk.read()["metadata"]["uid"]


def test_purges_while_it_is_suspended(
    neighbour: tuple[Chain, str], aged_neighbour: tuple[Asked, float]
) -> None:
    """Suspended it answers nobody, and its Job opens the volume; resumed it serves again, without
    the conversation whose window had passed.
    """
    chain, (asked, since) = neighbour[0], aged_neighbour
    url = f"{chain.find_endpoint().url}/readyz"
    chain.edit(ASSISTANT_KIND, {"spec": {"suspend": True}})
    chain.wait_condition("Ready", "False", "Suspended")
    wait_until(lambda: not chain.list_pods(), "no Pod", SECONDS)
    with pytest.raises(httpx.ConnectError):
        httpx.get(url, trust_env=False)
    wait_until(lambda: "--data" in purge_arguments(chain), "the direct purge", SECONDS)
    wait_until_aged(since)
    job = chain.run_purge()
    assert find_end(job) == "Complete", chain.read_purge_logs()
    chain.edit(ASSISTANT_KIND, {"spec": {"suspend": False}})
    chain.wait_ready()
    assert chain.find_conversation(asked, "walter") == 404
    wait_until(lambda: "--server" in purge_arguments(chain), "the client again", SECONDS)


def test_takes_up_what_a_deleted_assistant_has_left(
    desk: Chain, purged: Manifest, model: ModelServer, keeper: Keeper
) -> None:
    """Retain keeps volume and keys: a new Assistant of the name remembers, and the archive goes on
    with its receipts.
    """
    assert find_end(purged) == "Complete"
    model.play([Say("Noted."), Say("In the cellar.")])
    desk.ask("The red lantern is in the cellar.", "ivy")
    old = desk.read()["metadata"]["uid"]
    desk.admin.delete(ASSISTANT_KIND, desk.name, desk.namespace)
    wait_until(lambda: not desk.list_pods(), "no Pod", SECONDS)
    desk.apply()
    new = desk.wait_ready()["metadata"]["uid"]
    assert new != old
    desk.ask("Where is the red lantern?", "ivy")
    assert "in the cellar" in json.dumps(model.received[-1].body["messages"][:-1])
    assert find_end(desk.run_purge()) == "Complete", desk.read_purge_logs()
    keeper.process.restart()  # a start pulls at once, not half a minute later
    listed = [each["digest"] for each in administration(desk, keeper).list_receipts()]
    assert listed
    wait_until(lambda: set(listed) == list_archived(keeper, new), "the archive", SECONDS)
    verdicts = {each.verdict for each in administration(desk, keeper).verify_receipts()}
    assert verdicts == {Verdict.COMPLETE}


def test_shows_nothing_of_what_was_said_in_any_log(
    desk: Chain, purged: Manifest, home: str, kubelet: Kubelet, keeper: Keeper
) -> None:
    """Neither the runtimes' logs nor the operator's hold messages, tool results or tokens."""
    said = ("crimson", "vermilion", "bicycle", "lantern", "T-1", "-token-", desk.read_key())
    paths = sorted((kubelet.directory / "logs" / home).rglob("*.log"))
    assert {path.name for path in paths} >= {"runtime.log", "purge.log"}
    assert find_end(purged) == "Complete"
    texts = [path.read_text(encoding="utf-8") for path in paths] + [keeper.process.read_log()]
    assert not [word for word in said for text in texts if word in text]


def purge_arguments(chain: Chain) -> list[str]:
    """Return the arguments of the next purge Job."""
    cron = chain.admin.get("batch/v1/CronJob", f"{chain.name}-purge", chain.namespace)
    pod = cron["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    return list(pod["containers"][0]["args"])
