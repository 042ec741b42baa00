"""An answer that is gone on with: one text in one node, whatever comes of the rest."""

from __future__ import annotations

import threading

import pytest

from lib.chat.turns import generation as module
from lib.chat.turns import turn
from lib.chat.turns.registry import GenerationRegistry
from lib.chat.turns.turn import TurnServices
from lib.config.settings import Settings
from lib.core import errors
from lib.core.conversation import Message, Outcome, TextPart, ThinkingPart, Usage
from lib.core.events import (
    Finish,
    ProviderMetadata,
    RedactedThinking,
    SignatureDelta,
    TextDelta,
    ThinkingDelta,
    UsageReport,
)
from lib.core.params import Params
from lib.core.target import Target
from lib.gateway.client import Gateway
from tests.fake_gateway import FakeGateway
from tests.unit.chat.services import Scripted, settled, until

CLAUDE = Target("claude-x", "anthropic")
GPT = Target("gpt-x", "openai")
UNTOUCHED = Params()
CUT = (
    ProviderMetadata({"id": "one"}),
    TextDelta("The moon pulls at the"),
    UsageReport(Usage(10, 5, cache_read=2)),
    Finish(Outcome.LENGTH, "length"),
)
REST = (
    ProviderMetadata({"id": "two"}),
    TextDelta("pulls at the"),
    TextDelta(" water."),
    UsageReport(Usage(20, 3, reasoning=1)),
    Finish(Outcome.COMPLETE, "stop"),
)


def last(desk: TurnServices, conversation: str) -> str:
    """The id of the answer that a reader sees last."""
    return settled(desk, conversation)[-1].id


def begun(store, *later, first=CUT, target: Target = GPT):
    """A desk, its gateway, and a conversation whose only answer has ended; `later` are still to come."""
    gateway = Scripted(first, *later)
    desk = TurnServices(store, gateway, GenerationRegistry())
    talk = turn.ask(desk, "ann", None, "Why tides?", target, Params()).conversation
    settled(desk, talk.id)
    return desk, gateway, talk


def test_both_parts_are_one_text_in_the_same_answer_and_their_usage_is_added_up(store):
    desk, gateway, talk = begun(store, REST)
    before = settled(desk, talk.id)[-1]
    turn.continue_answer(desk, "ann", talk.id, last(desk, talk.id), Params(n=4, temperature=0.5))
    path = settled(desk, talk.id)
    after = path[-1]
    assert [node.id for node in path] == [path[0].id, before.id]
    assert after.message.parts == (TextPart("The moon pulls at the water."),)
    assert (after.outcome, after.finish_reason, after.failure) == (Outcome.COMPLETE, "stop", None)
    assert after.usage == Usage(30, 8, cache_read=2, reasoning=1)
    assert after.provider_metadata["id"] == "two"
    assert after.timing.first_token == before.timing.first_token
    assert after.timing.total >= before.timing.total
    assert len(desk.store.messages.nodes("ann", talk.id)) == 2


def test_the_model_is_sent_its_own_words_and_asked_for_one_answer_only(store):
    desk, gateway, talk = begun(store, REST)
    turn.continue_answer(desk, "ann", talk.id, last(desk, talk.id), Params(n=4, temperature=0.5))
    settled(desk, talk.id)
    target, messages, params = gateway.sent[-1]
    assert target == GPT
    assert [message.role for message in messages] == ["user", "assistant", "user"]
    assert messages[1].text == "The moon pulls at the"
    assert messages[2].text == turn.CONTINUE_PROMPT
    assert (params.n, params.temperature) == (None, 0.5)
    assert desk.store.conversations.get("ann", talk.id).params == Params(n=4, temperature=0.5)


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        (errors.Overloaded("Busy", status=529), Outcome.FAILED),
        (errors.StreamInterrupted(), Outcome.INTERRUPTED),
    ],
)
@pytest.mark.parametrize("came", [(), (TextDelta(" wat"),)])
def test_a_rest_that_fails_keeps_the_text_and_can_be_gone_on_with(store, fault, outcome, came):
    desk, _, talk = begun(store, (*came, fault), REST)
    turn.continue_answer(desk, "ann", talk.id, last(desk, talk.id), Params())
    node = settled(desk, talk.id)[-1]
    text = "The moon pulls at the" + "".join(event.text for event in came)
    assert (node.outcome, node.message.text, node.failure.code) == (outcome, text, fault.code)
    assert node.usage.output == 5
    turn.continue_answer(desk, "ann", talk.id, last(desk, talk.id), Params())
    node = settled(desk, talk.id)[-1]
    assert (node.outcome, node.failure) == (Outcome.COMPLETE, None)


def test_a_rest_that_is_stopped_keeps_the_text(store):
    desk, _, talk = begun(store, (TextDelta(" water and all that"), threading.Event()))
    turn.continue_answer(desk, "ann", talk.id, last(desk, talk.id), Params())
    answer = desk.generations.find("ann", talk.id)
    until(lambda: answer.wait(-1, 0).node.message.text.endswith("all that"))
    answer.stop()
    node = settled(desk, talk.id)[-1]
    assert (node.outcome, node.failure) == (Outcome.STOPPED, None)
    assert node.message.text == "The moon pulls at the water and all that"


def test_a_rest_whose_process_dies_leaves_what_was_saved(store, monkeypatch):
    monkeypatch.setattr(module, "CHECKPOINT_INTERVAL", 0.01)
    over = threading.Event()
    desk, _, talk = begun(store, (TextDelta(" water and all that"), over))
    turn.continue_answer(desk, "ann", talk.id, last(desk, talk.id), Params())
    arriving = desk.generations.find("ann", talk.id).node_ids[0]
    assert store.messages.node("ann", arriving).message.text.startswith("The moon pulls at the")
    until(lambda: store.messages.node("ann", arriving).message.text.endswith("all that"))
    assert store.messages.mark_stale(-1.0) == 1
    assert store.messages.node("ann", arriving).outcome is Outcome.INTERRUPTED
    assert store.messages.node("ann", arriving).message.text == "The moon pulls at the water and all that"
    over.set()
    settled(desk, talk.id)


def test_nothing_is_sent_when_the_database_refuses(store, monkeypatch):
    desk, gateway, talk = begun(store, REST)

    def refuse(*_):
        raise errors.StoreError("disk full")

    monkeypatch.setattr(store.messages, "reopen", refuse)
    with pytest.raises(errors.StoreError):
        turn.continue_answer(desk, "ann", talk.id, last(desk, talk.id), Params())
    assert len(gateway.sent) == 1
    assert settled(desk, talk.id)[-1].outcome is Outcome.LENGTH
    monkeypatch.undo()
    turn.continue_answer(desk, "ann", talk.id, last(desk, talk.id), Params())
    assert settled(desk, talk.id)[-1].outcome is Outcome.COMPLETE


def test_an_answer_without_words_and_anothers_cannot_be_gone_on_with(store):
    desk, gateway, talk = begun(store, first=(ThinkingDelta("Hm."), Finish(Outcome.LENGTH, "length")))
    turn.continue_answer(desk, "ann", talk.id, last(desk, talk.id), Params())
    with pytest.raises(errors.ConversationNotFound):
        turn.continue_answer(desk, "bob", talk.id, last(desk, talk.id), Params())
    assert len(gateway.sent) == 1
    assert settled(desk, talk.id)[-1].outcome is Outcome.LENGTH


def test_a_second_click_goes_on_with_nothing_that_has_ended_or_is_not_the_last(store):
    desk, gateway, talk = begun(store, REST, REST)
    first = last(desk, talk.id)
    turn.continue_answer(desk, "ann", talk.id, first, Params())
    text = settled(desk, talk.id)[-1].message.text
    turn.continue_answer(desk, "ann", talk.id, first, Params())
    turn.continue_answer(desk, "ann", talk.id, "another", Params())
    assert (settled(desk, talk.id)[-1].message.text, len(gateway.sent)) == (text, 2)


def test_thinking_that_comes_with_the_rest_is_kept_with_its_signature(store):
    first = (ThinkingDelta("Hm."), SignatureDelta("c2ln"), TextDelta("The moon", 1), CUT[-1])
    rest = (ThinkingDelta("So."), SignatureDelta("b3Ro"), TextDelta(" pulls.", 1), REST[-1])
    desk, gateway, talk = begun(store, rest, first=first, target=CLAUDE)
    turn.continue_answer(desk, "ann", talk.id, last(desk, talk.id), Params())
    node = settled(desk, talk.id)[-1]
    assert node.message.thinking == "Hm.\n\nSo."
    assert node.message.text == "The moon pulls."
    assert gateway.sent[-1][1][1].parts == (ThinkingPart("Hm.", "c2ln"), TextPart("The moon"))


def test_signed_thinking_goes_back_only_to_the_target_that_signed_it(store):
    first = (
        ThinkingDelta("Hm."),
        SignatureDelta("c2ln"),
        RedactedThinking("c2VhbGVk", 1),
        TextDelta("Yes.", 2),
        REST[-1],
    )
    desk, _, talk = begun(store, first=first, target=CLAUDE)
    path = settled(desk, talk.id)
    whole = (ThinkingPart("Hm.", "c2ln"), ThinkingPart("", "", "c2VhbGVk"), TextPart("Yes."))
    plain = [Message("user", (TextPart("Why tides?"),)), Message("assistant", (TextPart("Yes."),))]
    assert turn.build_messages(path, CLAUDE)[1].parts == whole
    for other in (GPT, Target("claude-y", "anthropic"), Target("claude-x", "openai")):
        assert turn.build_messages(path, other) == plain


def test_that_thinking_stays_behind_is_said_before_it_does(store):
    first = (ThinkingDelta("Hm."), SignatureDelta("c2ln"), TextDelta("Yes.", 1), REST[-1])
    desk, _, talk = begun(store, first=first, target=CLAUDE)
    path = settled(desk, talk.id)

    def rules(target: Target, params: Params = UNTOUCHED) -> list[tuple[str, str]]:
        return [(loss.code, loss.param_names) for loss in turn.dropped_params(path, target, params)]

    assert rules(CLAUDE) == []
    assert rules(GPT) == []
    assert rules(Target("claude-y", "anthropic")) == [("thinking_stays", "")]
    assert ("not_on_wire", "seed") in rules(CLAUDE, Params(seed=1))
    assert rules(GPT, Params(seed=1)) == []


@pytest.mark.parametrize("wire", ["openai", "anthropic"])
@pytest.mark.parametrize("model", ["demo-cut-by-length", "demo-repeats", "demo-breaks", "demo-pause-turn"])
def test_the_demos_open_answers_are_gone_on_with_over_both_wires(store, wire, model):
    server = FakeGateway(pace=50)
    client = Gateway(Settings(base_url=server.url))
    try:
        desk = TurnServices(store, client, GenerationRegistry())
        talk = turn.ask(desk, "ann", None, "Tell me of tides", Target(model, wire), Params()).conversation
        before = settled(desk, talk.id)[-1]
        assert before.outcome in (Outcome.LENGTH, Outcome.INTERRUPTED)
        turn.continue_answer(desk, "ann", talk.id, last(desk, talk.id), Params())
        after = settled(desk, talk.id)[-1]
        assert after.outcome is not Outcome.FAILED, after.failure
        assert after.message.text.startswith(before.message.text)
        assert len(after.message.text) > len(before.message.text)
        again = before.message.text[-40:]
        assert after.message.text.count(again) == 1
    finally:
        client.close()
        server.close()


class Deaf(Scripted):
    """A gateway whose first answer hears of no stop: it hangs where no socket is yet."""

    def __init__(self, *answers) -> None:
        super().__init__(*answers)
        self.free, self.left = threading.Event(), threading.Event()

    def _say(self, said, cancel):
        if len(self.sent) > 1:
            yield from super()._say(said, cancel)
            return
        yield from said
        self.free.wait(20)
        self.left.set()


def test_a_worker_that_outlives_its_stop_does_not_end_what_goes_on(store, monkeypatch):
    monkeypatch.setattr(module, "STOP_TIMEOUT", 0.05)
    over = threading.Event()
    gateway = Deaf((TextDelta("The moon"),), (TextDelta(" pulls."), over, REST[-1]))
    desk = TurnServices(store, gateway, GenerationRegistry())
    talk = turn.ask(desk, "ann", None, "Why tides?", GPT, UNTOUCHED).conversation
    first = desk.generations.find("ann", talk.id)
    until(lambda: first.wait(-1, 0).node.message.text)
    first.stop()
    turn.continue_answer(desk, "ann", talk.id, first.node_ids[0], UNTOUCHED)
    gateway.free.set()
    assert gateway.left.wait(20)
    until(lambda: store.messages.node("ann", first.node_ids[0]).message.text == "The moon pulls.")
    assert store.messages.node("ann", first.node_ids[0]).outcome is Outcome.ARRIVING
    over.set()
    assert settled(desk, talk.id)[-1].outcome is Outcome.COMPLETE
