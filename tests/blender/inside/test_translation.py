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
    """A language whose every text is the English one in these marks; a bpy module has no languages at all.

    What was looked up in it.
    """
    asked = []

    def look_up(text):
        asked.append(text)
        return f"<{text}>"

    translations = SimpleNamespace(pgettext_iface=look_up)
    monkeypatch.setattr(ext.labels, "bpy", SimpleNamespace(app=SimpleNamespace(translations=translations)))
    return asked


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
    assert any(re.fullmatch("<About <.+>, 0.6 GB, 46,000 vertices>", text) for text in texts), texts
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
    words = "<Ready <on the graphics card>: <<2.0 GB> there, <900 MB> here>>"
    assert ext.engine_status.described(state) == words


def finished(ext):
    """Wait for the end of the job."""
    wait_for(lambda: ext.jobs._tick() is None)


def test_an_error_with_a_name_in_it_is_looked_up_without_the_name(ext, pseudo):
    image = bpy.data.images.new("{pattern}", 2, 2)
    image.source = 'MOVIE'
    with pytest.raises(ext.errors.EngineError) as caught:
        ext.images.encode(image)
    ext.jobs.set_notice(caught.value)
    assert "<{pattern} is a movie.>" in drawn(ext.panels._Main())
    assert "{image} is a movie." in pseudo
    assert ext.labels.told(caught.value) == "<{pattern} is a movie.> <Choose a still photograph.>"


def test_an_error_of_the_engine_is_looked_up_without_the_name(ext, fake, photo, pseudo):
    choose(photo)
    fake.mode = "empty"
    ext.jobs.start("ada", b"a photo", {"resolution": 64}, bpy.context.scene, bpy.context.view_layer)
    finished(ext)
    assert "<The picture {ada}.png is empty.>" in drawn(ext.panels._Main())
    assert "The picture {file} is empty." in pseudo


def test_what_the_engine_warns_of_is_shown_and_translated(ext, fake, photo, pseudo):
    choose(photo)
    fake.mode = "cut"
    ext.jobs.start("ada", b"a photo", {"resolution": 64}, bpy.context.scene, bpy.context.view_layer)
    finished(ext)
    assert len(bpy.data.objects) == 1
    shown = "<<The person reaches the border (<<left>, <top>>).> <Be careful.>>"
    assert shown in drawn(ext.panels._Main())
    assert {"The person reaches the border ({sides}).", "left", "top"} <= set(pseudo)


def test_whose_turn_it_is_is_translated(ext, fake, photo, pseudo):
    choose(photo)
    fake.mode = "two"
    everybody = ext.finish.Finish(people="SEPARATE")
    scene, layer = bpy.context.scene, bpy.context.view_layer
    ext.jobs.start("ada", b"a photo", {"resolution": 64}, scene, layer, everybody)
    job, labels = ext.jobs.current(), set()
    while ext.jobs._tick() is not None:
        labels.add(job.label)
        assert any(text.startswith("<" + ext.labels.words(job.label)) for text in drawn(ext.panels._Main()))
    second = {label for label in labels if label.startswith("Person 2 of 2: ")}
    assert second
    assert "Person {number} of {count}" in pseudo
    assert {ext.labels.words(label) for label in second} <= {
        f"<<Person 2 of 2>: <{stage}>>" for stage in ext.job.LABELS.values()
    }


def test_what_the_examination_warns_of_is_translated(ext, pseudo, monkeypatch):
    free = ext.labels.Sentence("{free} GB are free in {folder}", free=1.5, folder="/mnt")
    text = ext.labels.Sentence("{here}, and downloading needs {needed} GB.", here=free, needed=2.5)
    warning = ext.engine_status.Finding("disk", "warning", text, "Free some space.")
    monkeypatch.setattr(ext.engine_status, "_findings", [warning])
    texts = []
    context = SimpleNamespace(
        region=SimpleNamespace(width=100_000), preferences=SimpleNamespace(system=SimpleNamespace(ui_scale=1))
    )
    ext.setup_panel._draw_findings(context, Layout(texts))
    assert texts[:2] == ["<<1.5 GB are free in /mnt>, and downloading needs 2.5 GB.>", "<Free some space.>"]
    assert "{here}, and downloading needs {needed} GB." in pseudo


def test_why_a_button_is_off_is_translated(ext, pseudo):
    problem = ext.weights.problem("PIFUHD", "")
    assert ext.labels.told(problem) == (
        "<PIFuHD's weights are not downloaded (about <1.5 GB>).> "
        "<Download them under Engine, or choose the embedded ones.>"
    )
    assert "PIFuHD's weights are not downloaded (about {size})." in pseudo


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
