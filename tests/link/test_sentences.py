# SPDX-License-Identifier: GPL-3.0-or-later
"""Sentences that can be translated: what they keep, and that English stays what it was."""

import copy
import json
import pickle

import pytest

from engine.errors import EngineError
from engine.sentences import Sentence, described, listed, restored

SIZE = Sentence("{amount} MB", amount=2.0)
FULL = Sentence("{folder} has {size} free.", folder="/mnt/{size}", size=SIZE)


def german(pattern):
    known = {"{folder} has {size} free.": "Nur {size} sind in {folder} frei.", "{amount} MB": "{amount} Mo"}
    return known.get(pattern, pattern)


def test_it_is_the_english_sentence():
    assert FULL == "/mnt/{size} has 2.0 MB free."
    assert json.dumps([FULL]) == '["/mnt/{size} has 2.0 MB free."]'


def test_its_pattern_is_translated_and_its_values_are_put_in_once():
    assert FULL.translated(german) == "Nur 2.0 Mo sind in /mnt/{size} frei."


def test_a_translation_may_leave_a_value_out_and_invent_none():
    assert FULL.translated(lambda _: "Voll: {folder} {other}") == "Voll: /mnt/{size} {other}"


def test_a_text_without_values_is_taken_as_it_is():
    assert Sentence("{name}.png is gone.") == "{name}.png is gone."
    assert Sentence("Gone.").translated({"Gone.": "Weg."}.get) == "Weg."
    assert Sentence(FULL) is FULL


@pytest.mark.parametrize("pattern", ["{a}", "{a} {b} {c}", "{a} {b} {b}", "{a} {b!r}", "{a} {b.real}"])
def test_names_that_do_not_fit_the_pattern_are_refused(pattern):
    with pytest.raises(ValueError):
        Sentence(pattern, a=1, b=2)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))])
def test_copies_can_be_translated_too(copied):
    error = copied(EngineError("io", FULL, "Make room."))
    assert error.text == FULL
    assert error.text.translated(german) == FULL.translated(german)


def test_a_list_is_translated_part_by_part():
    ways = listed([Sentence("go"), "eat", Sentence("go")], ", or ")
    assert ways == "go, or eat, or go"
    assert ways.translated({"go": "geh", "eat": "iss", "{0}, or {1}, or {2}": "{0}; {1}; {2}"}.get) == (
        "geh; eat; geh"
    )


def test_json_keeps_the_english_and_the_description_the_rest():
    tree = {"info": {"warnings": [FULL, "Plain."], "count": 3}}
    told = json.loads(json.dumps([tree, described(tree)]))
    back = restored(*told)
    assert back == tree
    assert described(back) == described(tree)
    assert described(told[0]) == {}


def test_a_foreign_description_is_not_filled_in_for_every_use():
    # A megabyte, as much as a header may be. Filled in as it says, the first pattern would take 60 GB.
    long = "x" * 600_000
    tree = ["t"] * 10_000 + [long]
    many = {"pattern": "{a}" * 100_000, "values": {"a": long}}
    restored_tree = restored(tree, {"t": many, long: {"pattern": "{a}", "values": {"a": long}}})
    assert restored_tree == tree
    assert restored_tree[-1].pattern == "{a}"
