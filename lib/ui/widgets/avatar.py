"""Avatars of personas: an emoji, or letters on a badge; never an image from elsewhere."""

from __future__ import annotations

import hashlib
from html import escape

from lib.core.prompts import Persona, PromptSummary, initials
from lib.ui.text import escape_markdown

# The fonts of all systems first: a general one may have an emoji without its colours. For the few machines without any
# of them, the name stands beside the avatar.
_EMOJI_FONTS = "Apple Color Emoji, Segoe UI Emoji, Noto Color Emoji, Twemoji Mozilla, sans-serif"
# Dark enough for white letters: a contrast of 4.5 and more.
_COLOURS = ("#7c3aed", "#b91c5c", "#0f766e", "#1d4ed8", "#9a3412", "#4d7c0f", "#6b21a8", "#155e75")
_BADGE = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="9" fill="{colour}"/>'
    '<text x="16" y="16" dy=".36em" text-anchor="middle" font-family="{fonts}" font-weight="600" font-size="{size}"'
    ' fill="#fff">{letters}</text></svg>'
)


def avatar_image(persona: Persona | PromptSummary) -> str:
    """Return an avatar for `st.chat_message` and `st.image`: an SVG with an emoji or with letters."""
    if is_emoji(persona.avatar):
        return _BADGE.format(colour="none", size=24, letters=escape(persona.avatar), fonts=_EMOJI_FONTS)
    letters = avatar_letters(persona)
    colour, size = avatar_colour(persona.name), 17 if len(letters) == 1 else 14
    return _BADGE.format(colour=colour, size=size, letters=escape(letters), fonts="sans-serif")


def avatar_letters(persona: Persona | PromptSummary) -> str:
    """Return the emoji or the letters of an avatar; without any, the initials of the name."""
    return persona.avatar.upper() or initials(persona.name)


def avatar_colour(name: str) -> str:
    """Return the colour of a badge, always the same for one name."""
    return _COLOURS[hashlib.sha256(name.encode()).digest()[0] % len(_COLOURS)]


def is_emoji(avatar: str) -> bool:
    return bool(avatar) and not avatar.isalnum()


def name_with_avatar(persona: Persona | PromptSummary) -> str:
    """Return the name in Markdown, after the emoji if there is one."""
    name = escape_markdown(persona.name)
    return f"{persona.avatar} {name}" if is_emoji(persona.avatar) else name
