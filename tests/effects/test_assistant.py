"""What the fields of an Assistant do, seen from outside."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from steward_effects import Chain, assistant_set, plan_blueprint
from steward_effects.objects import OTHER_MODEL_HOST, memory, model, tool
from steward_kinds.objects import build_object
from steward_loopback import wait_until
from steward_model_server import Call, Hang, Say
from steward_operator.plan.parsing import parse_object
from steward_operator.plan.prompt import digest_of_prompt
from steward_serving import ConfigFiles

LOOK = Call((("look", {"id": "1"}),))


def test_purpose_reaches_the_model_where_the_prompt_names_it(chain: Chain) -> None:
    """The template's `{{purpose}}` is the Assistant's purpose."""
    chain.play(Say("Hi"))
    prompt = build_object("Prompt", "p", template="Serve {{purpose}}.")
    with chain.serve(*assistant_set(prompt, purpose="the-support-desk")) as desk:
        desk.ask()
    assert chain.system_message() == "Serve the-support-desk."


def test_owner_answers_for_the_model_that_clients_see(chain: Chain) -> None:
    """`/v1/models` names the owner."""
    with chain.serve(*assistant_set(owner="team-blue")) as desk:
        listed = desk.request("GET", "/v1/models").document["data"]
    assert [(each["id"], each["owned_by"]) for each in listed] == [("desk", "team-blue")]


def test_prompt_ref_chooses_the_system_message(chain: Chain) -> None:
    """Of two Prompts the named one is sent."""
    chain.play(Say("Hi"))
    prompts = [
        build_object("Prompt", "chosen", template="Chosen."),
        build_object("Prompt", "other", template="Other."),
    ]
    with chain.serve(*assistant_set(*prompts, promptRef={"name": "chosen"})) as desk:
        desk.ask()
    assert chain.system_message() == "Chosen."


def test_a_pinned_digest_keeps_the_text_that_was_accepted(chain: Chain) -> None:
    """While the Prompt differs from the pinned revision, the old text is served."""
    chain.play(Say("Hi"))
    before = build_object("Prompt", "p", template="Before.")
    digest = digest_of_prompt(parse_object(before))  # type: ignore[arg-type]  # a Prompt, as built
    pinned = {"promptRef": {"name": "p", "digest": digest}}
    last = plan_blueprint(*assistant_set(before, **pinned))
    after = build_object("Prompt", "p", template="After.")
    with chain.serve(*assistant_set(after, **pinned), last=last) as desk:
        desk.ask()
    assert chain.system_message() == "Before."


def test_model_refs_choose_who_is_asked(chain: Chain) -> None:
    """The named Model gets the request, and another one of the namespace does not."""
    chain.play(Say("mine"))
    with chain.serve(*assistant_set(model("unused", OTHER_MODEL_HOST))) as desk:
        answer = desk.ask()
    assert answer.status == 200
    assert answer.document["choices"][0]["message"]["content"] == "mine"


def test_tool_refs_let_a_tool_be_called(chain: Chain) -> None:
    """A call of a named Tool reaches it."""
    chain.play(LOOK, Say("Done"))
    with chain.serve(*assistant_set(tool(), toolRefs=[{"name": "look"}])) as desk:
        desk.ask()
    assert [call.path for call in chain.tools.called] == ["/look"]


def test_a_memory_policy_makes_the_assistant_remember(chain: Chain) -> None:
    """What Paula said is in her memory."""
    chain.play(Say("Noted"))
    with chain.serve(*assistant_set(memory(), memoryPolicyRef={"name": "mem"})) as desk:
        desk.ask("My desk is in room 12")
        texts = [record["text"] for record in desk.memories()]
    assert texts == ["My desk is in room 12"]


def test_bound_keys_let_their_holders_in(chain: Chain) -> None:
    """A key of the named Secret chats for its subject."""
    chain.play(Say("Hi"))
    keys = {"keysSecretRef": {"name": "team-keys"}}

    def prepare(files: ConfigFiles) -> None:
        files.write_bound_key("team-keys", "one", "k" * 40, mayActFor="*")

    with chain.serve(*assistant_set(authentication=keys), prepare=prepare) as desk:
        answer = desk.ask(key="k" * 40)
    assert answer.status == 200


def test_requests_per_minute_bound_a_key(chain: Chain) -> None:
    """The second request within a minute is told to come later."""
    chain.play(Say("one"), Say("two"))
    with chain.serve(*assistant_set(limits={"requestsPerMinute": 1})) as desk:
        statuses = [desk.ask().status, desk.ask().status]
    assert statuses == [200, 429]


def test_concurrent_tasks_bound_what_runs_at_once(chain: Chain) -> None:
    """With one place and no queue, a second request beside the first is refused."""
    limits = {"concurrentTasks": 1, "queuedTasks": 0, "turnDeadlineSeconds": 8}
    assert _ask_beside_another(chain, limits) == 503


def test_queued_tasks_bound_who_may_wait(chain: Chain) -> None:
    """With a queue of none nobody waits; with the default one a request waits its turn."""
    limits = {"concurrentTasks": 1, "queuedTasks": 0, "turnDeadlineSeconds": 8}
    assert _ask_beside_another(chain, limits) == 503


def _ask_beside_another(chain: Chain, limits: dict[str, int]) -> int:
    """Return the status of a request while another one is being answered."""
    chain.play(Say("slow", pieces=4, pause_seconds=0.6), Say("quick"))
    with chain.serve(*assistant_set(limits=limits)) as desk, ThreadPoolExecutor(1) as pool:
        first = pool.submit(desk.ask)
        wait_until(lambda: chain.model.received, "the first request at the model")
        status = desk.ask().status
        assert first.result().status == 200
    return status


def test_a_turn_ends_at_its_deadline(chain: Chain) -> None:
    """A model that never answers is given up after a second."""
    chain.play(Hang())
    with chain.serve(*assistant_set(limits={"turnDeadlineSeconds": 1})) as desk:
        answer = desk.ask()
    assert answer.document is not None
    assert answer.document["error"]["code"] == "DeadlineExceeded"


def test_model_calls_per_turn_end_a_loop(chain: Chain) -> None:
    """A model that calls tools without end is asked once only."""
    chain.play(LOOK, Say("Done"))
    spec = {"toolRefs": [{"name": "look"}], "limits": {"modelCallsPerTurn": 1}}
    with chain.serve(*assistant_set(tool(), **spec)) as desk:
        desk.ask()
    assert len(chain.sent_to_model()) == 1


def test_request_bytes_bound_a_body(chain: Chain) -> None:
    """A body of more than a kibibyte is refused."""
    chain.play(Say("Hi"))
    with chain.serve(*assistant_set(limits={"requestBytes": 1_024})) as desk:
        answer = desk.ask("x" * 2_000)
    assert answer.status == 413
