"""What the fields of a Model do, seen from outside."""

from __future__ import annotations

from typing import Any

from steward_effects import Chain, assistant_set
from steward_effects.objects import MODEL_HOST, OTHER_MODEL_HOST, memory, model, tool
from steward_kinds.objects import Manifest, build_object
from steward_model_server import Hang, Say
from steward_serving import ConfigFiles

LIMITS = {"turnDeadlineSeconds": 6}


def ask_once(chain: Chain, *manifests: Manifest, **spec: Any) -> int:
    """Serve, ask once, and return the status."""
    with chain.serve(*assistant_set(*manifests, limits=LIMITS, **spec)) as desk:
        return desk.ask().status


def test_an_endpoint_of_type_open_ai_is_asked(chain: Chain) -> None:
    """The model that is declared is the one that answers."""
    chain.play(Say("Hi"))
    assert ask_once(chain, model(type="OpenAI")) == 200
    assert len(chain.sent_to_model()) == 1


def test_model_name_is_what_the_endpoint_is_asked_for(chain: Chain) -> None:
    """The request names the model as its endpoint knows it."""
    chain.play(Say("Hi"))
    ask_once(chain, model(modelName="large-3"))
    assert [body["model"] for body in chain.sent_to_model()] == ["large-3"]


def test_base_url_is_where_requests_go(chain: Chain) -> None:
    """The endpoint of the URL answers, and nobody else is asked."""
    chain.play(Say("Hi"))
    ask_once(chain, model(openAI={"baseUrl": f"http://{MODEL_HOST}/v1"}))
    assert (len(chain.model.received), len(chain.other.received)) == (1, 0)


def test_a_credential_is_sent_as_bearer_token(chain: Chain) -> None:
    """The token of the named Secret reaches the host that the Secret lists."""
    chain.play(Say("Hi"))
    endpoint = {
        "baseUrl": f"http://{MODEL_HOST}/v1",
        "credentialSecretRef": {"name": "model-token"},
    }

    def prepare(files: ConfigFiles) -> None:
        files.write_credential("model-token", "sesame", MODEL_HOST)

    with chain.serve(*assistant_set(model(openAI=endpoint)), prepare=prepare) as desk:
        desk.ask()
    assert [each.headers.get("authorization") for each in chain.model.received] == ["Bearer sesame"]


def test_the_ability_embeddings_lets_a_model_find_memories(chain: Chain) -> None:
    """A Model with that ability is asked for vectors."""
    chain.play(Say("Noted"))
    recall = {"mode": "Hybrid", "embedderRef": {"name": "e"}}
    embedder = model("e", OTHER_MODEL_HOST, abilities=["Embeddings"])
    ask_once(chain, embedder, memory(recall=recall), memoryPolicyRef={"name": "mem"})
    assert {each.path for each in chain.other.received} == {"/v1/embeddings"}


def test_constrained_tool_calling_asks_for_json_by_schema(chain: Chain) -> None:
    """The request holds a schema to answer in, and no `tools`."""
    chain.play(Say('{"reply": "Hi"}'))
    ask_once(chain, model(toolCalling="Constrained"), tool(), toolRefs=[{"name": "look"}])
    (body, *_) = chain.sent_to_model()
    assert "response_format" in body
    assert not body.get("tools")


def test_request_timeout_lets_the_next_model_answer(chain: Chain) -> None:
    """After a second of silence the second Model is asked, well before the turn's deadline."""
    chain.play(Hang())
    first, second = model(requestTimeoutSeconds=1), model("n", OTHER_MODEL_HOST)
    spec: dict[str, Any] = {"modelRefs": [{"name": "m"}, {"name": "n"}]}
    assert ask_once(chain, first, second, **spec) == 200


def test_context_tokens_leave_the_oldest_messages_out(chain: Chain) -> None:
    """What does not fit into 512 tokens stays behind, from the oldest on."""
    chain.play(Say("Hi"))
    said = [{"role": "user", "content": f"{number} " + "x" * 1_000} for number in range(5)]
    small = model(contextTokens=512, maxOutputTokens=16)
    with chain.serve(*assistant_set(small)) as desk:
        desk.send(said)
    (body,) = chain.sent_to_model()
    told = [message["content"][0] for message in body["messages"] if message["role"] == "user"]
    assert told == ["4"]


def test_max_output_tokens_bound_the_reply(chain: Chain) -> None:
    """The request says how long the reply may be."""
    chain.play(Say("Hi"))
    ask_once(chain, model(maxOutputTokens=17))
    (body,) = chain.sent_to_model()
    assert 17 in (body.get("max_tokens"), body.get("max_completion_tokens"))


def test_prompt_object_is_needed(chain: Chain) -> None:
    """The set of these tests is right by itself: a plain Assistant is answered."""
    chain.play(Say("Hi"))
    assert ask_once(chain, build_object("Prompt", "p")) == 200
