"""Preferences of users."""

from __future__ import annotations

import threading

import pytest

from lib.core.preferences import Preferences
from lib.core.target import Target
from lib.storage.store import Store


def test_who_has_chosen_nothing_has_none(store):
    assert store.preferences.load("ann") == Preferences()


def test_favourites_come_back_in_the_order_they_were_chosen(store):
    for model in ("z-model", '你好/"a"', "a-model"):
        store.preferences.set_favourite("ann", model, True)
    store.preferences.set_favourite("ann", "z-model", True)
    store.preferences.set_favourite("ann", "never-chosen", False)
    assert store.preferences.load("ann").favourites == ('你好/"a"', "a-model", "z-model")
    store.preferences.set_favourite("ann", "a-model", False)
    assert store.preferences.load("ann").favourites == ('你好/"a"', "z-model")


@pytest.mark.parametrize("wire", ["openai", "anthropic"])
def test_a_default_is_kept_over_a_restart_and_can_be_forgotten(store, url, wire):
    store.preferences.set_default_target("ann", Target("other", "openai"))
    store.preferences.set_default_target("ann", Target("m-one", wire))
    store.preferences.set_favourite("ann", "m-two", True)
    again = Store(url)
    assert again.preferences.load("ann") == Preferences(("m-two",), Target("m-one", wire))
    again.preferences.set_default_target("ann", None)
    assert store.preferences.load("ann") == Preferences(("m-two",))
    again.close()


def test_each_person_has_their_own(store):
    store.preferences.set_favourite("ann", "m-one", True)
    store.preferences.set_favourite("bob", "m-two", True)
    store.preferences.set_default_target("bob", Target("m-two", "openai"))
    assert store.preferences.load("ann") == Preferences(("m-one",))
    assert store.preferences.load("bob") == Preferences(("m-two",), Target("m-two", "openai"))


def test_stars_from_two_tabs_at_once_lose_nothing(url):
    stores = [Store(url) for _ in range(2)]

    def star(place: int) -> None:
        for number in range(20):
            stores[place].preferences.set_favourite("ann", f"{place}-{number}", True)

    threads = [threading.Thread(target=star, args=(place,)) for place in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(stores[0].preferences.load("ann").favourites) == 40
    for opened in stores:
        opened.close()
