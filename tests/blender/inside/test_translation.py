# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tab says can be translated, and is written in one style."""

import ast
import re
from pathlib import Path
from types import SimpleNamespace

import bpy
import pytest
from conftest import choose, wait_for

NOT_OURS = ("rna_type", "name", "bl_idname")


class Layout:
    """Takes everything a panel draws, and keeps the texts."""

    def __init__(self, texts):
        self._texts = texts

    def __getattr__(self, _name):
        def draw(*_, **how):
            if how.get("text"):
                self._texts.append(how["text"])
            return Layout(self._texts)

        return draw


def drawn(panel):
    """The texts that a panel draws, in a sidebar so wide that each is one line."""
    texts = []
    context = SimpleNamespace(
        scene=bpy.context.scene,
        object=bpy.context.object,
        space_data=SimpleNamespace(type="IMAGE_EDITOR"),
        region=SimpleNamespace(width=100_000),
        preferences=SimpleNamespace(system=SimpleNamespace(ui_scale=1.0)),
    )
    panel.layout = Layout(texts)
    panel.draw(context)
    return texts


@pytest.fixture
def pseudo(ext, monkeypatch):
    """A language whose every text is the English one in these marks; a bpy module has no languages at all."""
    look_up = SimpleNamespace(pgettext_iface=lambda text: f"<{text}>")
    monkeypatch.setattr(ext.labels, "bpy", SimpleNamespace(app=SimpleNamespace(translations=look_up)))


def test_blender_is_asked_for_the_pattern_before_it_is_filled_in(ext):
    text = ext.labels.words("{count} people found: person {number}", count=3, number=1)
    assert text == "3 people found: person 1"


def test_what_a_running_job_shows_is_translated(ext, fake, photo, pseudo):
    choose(photo)
    ext.people.remember(bpy.context.scene.pifuhd.image, [[0, 0, 1, 2], [1, 0, 2, 2]], 1)
    fake.mode = "held"
    ext.jobs.start("ada", b"a photo", {"resolution": 64}, bpy.context.scene, bpy.context.view_layer)
    job = ext.jobs.current()
    wait_for(lambda: ext.jobs._tick() and job.preview is not None)
    texts = drawn(ext.panels._Main())
    assert "<2 people found: person 1>" in texts
    assert "<<Reading features>, 40 %>" in texts
    assert any(re.fullmatch("<<.+> left>", text) for text in texts), texts
    assert any(re.fullmatch("<About <.+>, 0.5 GB, 46,000 vertices>", text) for text in texts), texts
    assert "<1: 1 x 2 pixels>" in drawn(ext.settings_panels._Person())
    job.cancel()
    wait_for(lambda: ext.jobs._tick() is None)


def test_what_went_wrong_is_translated_over_all_its_lines(ext, fake, pseudo):
    error = ext.errors.EngineError("out_of_memory", "The memory ran out.", "Lower the resolution.")
    ext.jobs.set_notice(error)
    texts = drawn(ext.panels._Main())
    assert "<The memory ran out.>" in texts
    assert "<Lower the resolution.>" in texts
    assert "<Set Resolution to 128>" in texts


def test_the_engines_state_is_translated(ext, pseudo):
    state = {"device": "cuda:0", "resident": 9e8, "device_memory": 2e9}
    words = "<Ready <on the graphics card>: <2.0 GB there, 900 MB here>>"
    assert ext.engine_status.described(state) == words


def nodes(files):
    """(file name, node) of the syntax trees of Python files."""
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            yield file.name, node


def test_panels_compose_nothing_that_cannot_be_translated(ext):
    rooms = [Path(room.__file__) for room in (ext.panels, ext.settings_panels, ext.setup_panel)]
    composed = [
        (name, ast.unparse(node))
        for name, node in nodes(rooms)
        if isinstance(node, ast.JoinedStr)
        and any(isinstance(part, ast.Constant) and " " in part.value for part in node.values)
    ]
    assert composed == []


def test_descriptions_have_no_full_stop_which_blender_adds(ext):
    described = [(name, getattr(bpy.ops.pifuhd, name).get_rna_type()) for name in dir(bpy.ops.pifuhd)]
    addon = bpy.context.preferences.addons[ext.package].preferences
    for owner in (bpy.context.scene.pifuhd, addon):
        described += [(key, rna) for key, rna in owner.bl_rna.properties.items() if key not in NOT_OURS]
    assert len(described) > 30
    assert [name for name, rna in described if not rna.description or rna.description.endswith(".")] == []


def test_reasons_and_reports_are_sentences(ext):
    rooms = Path(ext.jobs.__file__).parent.glob("*.py")
    said = [
        (name, words.value)
        for name, node in nodes(rooms)
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ("poll_message_set", "report")
        for words in ast.walk(node)
        if isinstance(words, ast.Constant) and " " in str(words.value)
    ]
    assert len(said) > 5
    assert [pair for pair in said if not re.match("[A-Z].*[.]$", pair[1])] == []
