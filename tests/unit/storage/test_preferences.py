"""Preferences of users."""

from __future__ import annotations

import threading

import pytest

from lib.core.preferences import Preferences
from lib.core.target import Target
from lib.storage.store import Store


def test_a_user_without_preferences_has_the_defaults(store):
    assert store.preferences.load("ann") == Preferences()


def test_favourites_keep_the_order_in_which_they_were_added(store):
    for model in ("z-model", '你好/"a"', "a-model"):
        store.preferences.set_favourite("ann", model, True)
    store.preferences.set_favourite("ann", "z-model", True)
    store.preferences.set_favourite("ann", "never-chosen", False)
    assert store.preferences.load("ann").favourites == ('你好/"a"', "a-model", "z-model")
    store.preferences.set_favourite("ann", "a-model", False)
    assert store.preferences.load("ann").favourites == ('你好/"a"', "z-model")


@pytest.mark.parametrize("wire", ["openai", "anthropic"])
def test_a_default_target_survives_a_restart_and_can_be_cleared(store, url, wire):
    store.preferences.set_default_target("ann", Target("other", "openai"))
    store.preferences.set_default_target("ann", Target("m-one", wire))
    store.preferences.set_favourite("ann", "m-two", True)
    reopened = Store(url)
    assert reopened.preferences.load("ann") == Preferences(("m-two",), Target("m-one", wire))
    reopened.preferences.set_default_target("ann", None)
    assert store.preferences.load("ann") == Preferences(("m-two",))
    reopened.close()


def test_preferences_are_separate_for_each_user(store):
    store.preferences.set_favourite("ann", "m-one", True)
    store.preferences.set_favourite("bob", "m-two", True)
    store.preferences.set_default_target("bob", Target("m-two", "openai"))
    assert store.preferences.load("ann") == Preferences(("m-one",))
    assert store.preferences.load("bob") == Preferences(("m-two",), Target("m-two", "openai"))


def test_concurrent_favourites_are_all_saved(url):
    stores = [Store(url) for _ in range(2)]

    def add_favourites(index: int) -> None:
        for number in range(20):
            stores[index].preferences.set_favourite("ann", f"{index}-{number}", True)

    threads = [threading.Thread(target=add_favourites, args=(index,)) for index in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(stores[0].preferences.load("ann").favourites) == 40
    for store in stores:
        store.close()


def test_the_voice_and_its_speed_are_kept_for_the_user(store):
    assert (store.preferences.load("ann").voice, store.preferences.load("ann").speech_speed) == ("", 1.0)
    store.preferences.set_speech("ann", "nova", 1.5)
    assert (store.preferences.load("ann").voice, store.preferences.load("ann").speech_speed) == ("nova", 1.5)
    store.preferences.set_speech("ann", "echo", 99.0)
    assert (store.preferences.load("ann").voice, store.preferences.load("ann").speech_speed) == ("echo", 1.0)
    assert store.preferences.load("ben").voice == ""
