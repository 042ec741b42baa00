"""Avatars of personas: SVG images that hold nothing but an emoji or letters."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from lib.core.prompts import Persona
from lib.ui.widgets.avatar import avatar_colour, avatar_image, avatar_letters, name_with_avatar


@pytest.mark.parametrize(
    ("persona", "letters"),
    [
        (Persona("Bear", "🐻"), "🐻"),
        (Persona("Bear", "ab"), "AB"),
        (Persona("careful reviewer"), "CR"),
        (Persona("熊猫"), "熊"),
        (Persona("<script>"), "S"),
        (Persona("x", '"/>'), '"/>'),  # a row that another program has written
    ],
)
def test_an_avatar_is_an_image_with_one_text(persona, letters):
    image = ElementTree.fromstring(avatar_image(persona))
    assert [re.sub(r"\{.*\}", "", part.tag) for part in image.iter()] == ["svg", "rect", "text"]
    assert "".join(image.itertext()) == letters == avatar_letters(persona)


def test_a_name_has_always_the_same_colour_and_white_letters_are_readable_on_it():
    colours = {avatar_colour(f"Persona {number}") for number in range(200)}
    assert len(colours) > 4
    assert avatar_colour("Bear") == avatar_colour("Bear")
    for colour in colours:
        channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
        luminance = sum(weight * value for weight, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
        assert 1.05 / (luminance + 0.05) >= 4.5, colour


def test_only_an_emoji_stands_before_a_name_and_the_name_is_escaped():
    assert name_with_avatar(Persona("*B*", "🐻")) == r"🐻 \*B\*"
    assert name_with_avatar(Persona("Bear", "AB")) == "Bear"
