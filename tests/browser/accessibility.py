"""Audits of a page with axe-core, in both themes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

AXE = (Path(__file__).parent / "axe/axe.min.js").read_text(encoding="utf-8")
COLOR_RULES = ["color-contrast", "link-in-text-block"]
BACKGROUNDS = {"light": "rgb(252, 251, 248)", "dark": "rgb(20, 24, 21)"}
# Frames are previews without scripts, which axe-core cannot enter.
RUN = """async ([within, only]) => {
  const options = { resultTypes: ["violations"], iframes: false, preload: false };
  if (only) options.runOnly = { type: "rule", values: only };
  const { violations } = await axe.run(within ?? document, options);
  const found = violations.filter(({ impact }) => ["serious", "critical"].includes(impact));
  return found.flatMap(({ id, impact, nodes }) => nodes.map((node) => ({
    rule: id, impact, target: node.target.flat().join(" "), html: node.html, summary: node.failureSummary,
  })));
}"""
# An icon is a word until its font is there, which axe-core takes for a part of the label. The browser asks for a font
# when it draws the first text in it, and says until then that all are loaded.
LOAD_ICONS = """async () => {
  await document.fonts.load('1em "Material Symbols Rounded"');
  await document.fonts.ready;
}"""
IS_IN_THEME = """color => {
  if (document.fonts.status !== "loaded") return false;
  const app = document.querySelector('[data-testid="stApp"]') ?? document.body;
  if (getComputedStyle(app).backgroundColor !== color) return false;
  const isEndless = ({ effect }) => effect.getTiming().iterations === Infinity;
  return document.getAnimations().every((animation) => animation.playState !== "running" || isEndless(animation));
}"""


class Audit:
    """Collects the serious and critical findings of axe-core at the states of a page."""

    def __init__(self) -> None:
        self.findings: list[str] = []
        self._themes = ["light", "dark"]

    def check(self, page: Page, state: str, within: str | None = None, *, in_both_themes: bool = True) -> None:
        """Run all rules in one theme, and those of colors in the other one: the rest is the same in both.

        `within` is the selector of the part of the page that this state is about.
        """
        if not page.evaluate("() => Boolean(window.axe)"):
            page.evaluate(AXE)
        page.evaluate(LOAD_ICONS)
        themes = self._themes if in_both_themes else self._themes[:1]
        for theme, only in zip(themes, (None, COLOR_RULES), strict=False):
            self._set_theme(page, theme)
            found = page.evaluate(RUN, [within, only])
            self.findings += [f"{state}, {theme}: {_format(one)}" for one in found]
        # The next state begins in the theme of this one: a change of the theme takes longer than all rules.
        if in_both_themes:
            self._themes.reverse()

    def _set_theme(self, page: Page, theme: str) -> None:
        page.emulate_media(color_scheme=theme)
        page.wait_for_function(IS_IN_THEME, arg=BACKGROUNDS[theme], polling="raf")


def _format(finding: Mapping[str, Any]) -> str:
    return "\n  ".join(
        (f"{finding['impact']} {finding['rule']} {finding['target']}", finding["html"], finding["summary"])
    )
