# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking the engine's Python how it is, whatever that Python does instead of answering."""

import time

import pytest

from engine.errors import Cancelled
from engine.findings import Finding, examine, from_json, to_json
from engine.sentences import Sentence
from tests.link.processes import PATIENCE, is_running, wait_until

FOUND = [Finding("python", "ok", "Python 3.11."), Finding("torch", "problem", "It is gone.", "Install it.")]


@pytest.fixture
def python(tmp_path):
    """Makes a Python that runs a shell script whatever it is asked."""

    def make(*lines):
        path = tmp_path / "python"
        path.write_text("\n".join(["#!/bin/sh", *lines]) + "\n")
        path.chmod(0o755)
        return str(path)

    return make


def the_only(findings):
    (finding,) = findings
    assert (finding.name, finding.state) == ("python", "problem")
    assert "Set up the engine" in finding.hint
    return finding.text


def test_findings_survive_the_way_through_json():
    assert from_json(to_json(FOUND)) == FOUND


def test_findings_can_still_be_translated_after_it():
    text = Sentence("The disk of {folder} is full.", folder="/tmp")
    (found,) = from_json(to_json([Finding("disk", "problem", text, "Free some space.")]))
    assert found.text == "The disk of /tmp is full."
    assert found.text.translated({"The disk of {folder} is full.": "{folder}: plein."}.get) == "/tmp: plein."


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        '["ok"]',
        '[{"name": "python", "state": "ok", "text": "yes"}]',
        '[{"name": "python", "state": "fine", "text": "yes", "hint": ""}]',
        '[{"name": "python", "state": "ok", "text": 1, "hint": ""}]',
    ],
)
def test_anything_else_is_refused(text):
    with pytest.raises(ValueError):
        from_json(text)


def test_what_doctor_prints_is_returned_also_where_it_found_problems(python, tmp_path):
    (tmp_path / "found.json").write_text(to_json(FOUND))
    assert examine(python(f"cat {tmp_path}/found.json", "exit 1"), tmp_path) == FOUND


def test_doctor_is_asked_without_blenders_variables(python, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONHOME", "/nonexistent")
    examine(python('echo "$@" > asked', "env > environment"), tmp_path)
    assert (tmp_path / "asked").read_text() == "-E -s -u -X utf8 -m engine doctor --json\n"
    assert "PYTHONHOME" not in (tmp_path / "environment").read_text()


def test_a_python_that_does_not_start_is_a_finding(tmp_path):
    assert "cannot be started: No such file" in the_only(examine("/nonexistent/python", tmp_path))


def test_a_python_that_cannot_run_doctor_is_a_finding_with_its_last_words(python, tmp_path):
    broken = python("echo greetings", "echo 'ModuleNotFoundError: No module named encodings.' >&2", "exit 3")
    assert "ModuleNotFoundError: No module named encodings" in the_only(examine(broken, tmp_path))
    assert "exited with code 3" in the_only(examine(python("exit 3"), tmp_path))


def test_an_examination_that_does_not_end_is_ended_with_what_it_started(python, tmp_path):
    slow = python("sleep 600 &", f"echo $! > {tmp_path}/pid", "wait")
    assert "did not end within 1 seconds" in the_only(examine(slow, tmp_path, seconds=1.0))
    assert wait_until(lambda: not is_running(int((tmp_path / "pid").read_text())))


def test_an_examination_can_be_cancelled(python, tmp_path):
    slow = python(f"echo $$ > {tmp_path}/pid", "sleep 600")
    began = time.monotonic()
    with pytest.raises(Cancelled):
        examine(slow, tmp_path, cancelled=(tmp_path / "pid").exists)
    assert time.monotonic() - began < PATIENCE
    assert wait_until(lambda: not is_running(int((tmp_path / "pid").read_text())))
