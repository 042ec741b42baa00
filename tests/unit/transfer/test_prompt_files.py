"""Files of prompts and links to prompts: Antler's own, Open WebUI's, plain text; hostile content is harmless."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib import transfer
from lib.core.errors import TransferError
from lib.core.params import Params
from lib.core.prompts import MAX_PROMPTS, Prompt, PromptLink
from lib.core.target import Target
from lib.transfer import share_links
from lib.transfer.prompt_files import parse_prompt_file
from tests.unit.transfer.test_transfer import PROMPTS


def parse(value: Any, filename: str = "prompts.json") -> list[Prompt]:
    return parse_prompt_file(value if isinstance(value, bytes) else json.dumps(value).encode(), filename)


def get_refusal(value: Any, filename: str = "prompts.json") -> str:
    with pytest.raises(TransferError) as error:
        parse(value, filename)
    return error.value.reason


def antler(*prompts: Any, **fields: Any) -> dict[str, Any]:
    return {"format": "antler", "version": 1, "prompts": list(prompts), **fields}


def test_prompts_survive_a_round_trip():
    assert parse(b"".join(transfer.write_export([], PROMPTS))) == PROMPTS


def test_ids_that_exist_are_replaced():
    kept, replaced = transfer.replace_existing_prompt_ids(PROMPTS, lambda _: {"prompt-2"})
    assert kept == PROMPTS[0] and replaced.id != "prompt-2" and replaced.text == PROMPTS[1].text
    twice = transfer.replace_existing_prompt_ids([PROMPTS[0], PROMPTS[0]], lambda _: set())
    assert len({prompt.id for prompt in twice}) == 2


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("Sum up {{text}}", "Sum up {{text}}"),
        ("{{text | textarea}} {{ name }}", "{{text...}} {{name}}"),
        ('{{tone | select:options=["calm","loud; very"]}}', r"{{tone|calm;loud\; very}}"),
        ('{{tone | select:options=["a","b"]:default="b"}}', "{{tone|b;a}}"),
        ('{{city | text:placeholder="x":default="Rome"}}', "{{city|Rome}}"),
        ("{{tone | select:options=[broken}}", "{{tone}}"),
        ("{{CURRENT_DATE}} {{CURRENT_TIME}}", "{{date}} {{time}}"),
    ],
)
def test_open_webuis_prompts_keep_their_variables(content, text):
    (prompt,) = parse([{"command": "/brief", "title": "Brief", "content": content}])
    assert (prompt.kind, prompt.name, prompt.text) == ("prompt", "Brief", text)


def test_open_webuis_models_are_personas():
    model = {
        "id": "bear",
        "base_model_id": "gpt-x",
        "name": "Bear",
        "meta": {"description": "Growls", "profile_image_url": "http://evil.example/x.png"},
        "params": {"system": "Growl {{x}}.", "temperature": 0.2},
    }
    model["meta"]["suggestion_prompts"] = [{"content": "Honey?"}, {"content": 7}, "x"]
    (persona,) = parse([model, {"base_model_id": None, "name": "No system", "params": {}}, 7, {"id": "x"}])
    assert (persona.kind, persona.name, persona.description) == ("persona", "Bear", "Growls")
    assert (persona.text, persona.avatar, persona.suggestions) == ("Growl \\{{x}}.", "", ("Honey?",))
    assert persona.target == Target("gpt-x", "openai")


def test_a_text_file_is_a_prompt_with_the_name_of_the_file():
    (prompt,) = parse("\ufeffSum up {{text...}}\n海".encode(), "My prompt.md")
    assert (prompt.name, prompt.text) == ("My prompt", "Sum up {{text...}}\n海")
    assert get_refusal(b"\xff", "x.txt") == "text"
    assert get_refusal(b" \n", "x.txt") == "no_prompts"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ([], "no_prompts"),
        ({"a": 1}, "no_prompts"),
        (antler(), "no_prompts"),
        (antler({"kind": "spell", "name": "x", "text": "y"}), "no_prompts"),
        (antler({"kind": "prompt", "name": "x", "text": "y" * 50_001}), "no_prompts"),
        (antler(7), "shape"),
        (antler({"kind": "prompt", "name": "x", "text": {}}), "shape"),
        (antler(version=3), "newer"),
        ([{"command": "x", "content": "y"}] * (MAX_PROMPTS + 1), "many_prompts"),
        (b"{", "json"),
        (b" " * (8 * 1024 * 1024 + 1), "size"),
    ],
)
def test_a_file_that_is_no_list_of_prompts_is_refused(value, reason):
    assert get_refusal(value) == reason


def test_hostile_fields_are_cleaned():
    (persona,) = parse(
        antler(
            {
                "id": "../../etc",
                "kind": "persona",
                "name": "A\nB\u0000" + "x" * 200,
                "avatar": "http://evil.example/x.png",
                "text": "Bear \ud83d",
                "suggestions": ["a" * 900, "", "b"] + ["c"] * 99,
                "target": {"model": "m", "wire": "pigeon"},
                "params": {"system": "Other", "temperature": 99, "unknown": 1, "seed": 3},
            }
        )
    )
    assert len(persona.name) == 80 and persona.name.startswith("A B")
    assert (persona.avatar, persona.target, persona.params) == ("", None, Params(seed=3))
    assert [len(question) for question in persona.suggestions] == [300, 1, 1]
    persona.text.encode()
    assert set(persona.id) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text('a{|}:"[;\\', max_size=30),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["command", "content", "params", "system", "meta", "name"]), inner, max_size=4
        )
    ),
    max_leaves=8,
)


@settings(deadline=None)
@given(json_values)
def test_any_json_is_a_list_of_prompts_or_refused(value):
    try:
        assert all(prompt.name and prompt.text for prompt in parse(value))
    except TransferError as error:
        assert error.reason


class Links:
    """Snapshots by the hash of their token, as the database keeps them."""

    def __init__(self) -> None:
        self.snapshots: dict[str, Any] = {}

    def add_link(self, owner: str, link: PromptLink, token_hash: str, snapshot: Any) -> bool:
        self.snapshots[token_hash] = json.loads(json.dumps(snapshot))
        return owner == "ann"

    def snapshot(self, token_hash: str) -> Any:
        return self.snapshots.get(token_hash)


def test_a_link_opens_a_snapshot_without_the_id_of_the_entry():
    store = Links()
    token = share_links.create_prompt_link(store, "ann", PROMPTS[1])
    (shared,) = share_links.read_prompt_link(store, token)
    assert (shared.name, shared.text, shared.target) == (PROMPTS[1].name, PROMPTS[1].text, PROMPTS[1].target)
    assert "prompt-2" not in json.dumps(store.snapshots) and token not in json.dumps(store.snapshots)
    assert share_links.create_prompt_link(store, "bob", PROMPTS[1]) == ""
    assert share_links.read_prompt_link(store, token[:-1] + "!") == []
    assert share_links.read_prompt_link(store, "x" * 32) == []
    (token_hash, *_) = store.snapshots
    store.snapshots[token_hash] = {"format": "antler", "version": 1, "prompts": [7]}
    assert share_links.read_prompt_link(store, token) == []
