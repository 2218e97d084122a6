# SPDX-License-Identifier: GPL-3.0-or-later
"""Downloads against a real server that knows ranges, ignores them, breaks off, changes its file, or fails."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request

import pytest
import torch

from engine.errors import Cancelled, EngineError
from engine.weights import REGISTRY, download, find_weights, load_weights
from engine.weights.download import fetch, install
from engine.weights.registry import PUBLISHED_LICENCE, Entry, weights_folder
from tests.networks import released
from tests.networks.file_server import Shelf, served
from tests.networks.released import Released, fine_options, options

CONTENT = random.Random(1).randbytes(3_000_000)
OTHER = random.Random(2).randbytes(3_000_000)


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    with served(CONTENT) as shelf:
        yield shelf


@pytest.fixture
def part(tmp_path: Path) -> Path:
    return tmp_path / "pifuhd.pt.part"


def silent(done: int, total: int | None) -> None:
    """Progress that nobody watches."""


def stops_after(count: int) -> download.Progress:
    def progress(done: int, total: int | None) -> None:
        if done >= count:
            raise Cancelled

    return progress


def interrupted(shelf: Shelf, part: Path, after: int = 1_000_000) -> int:
    """Begin a download and stop it; how much of it is there."""
    with pytest.raises(Cancelled):
        fetch(shelf.address, part, stops_after(after))
    have = part.stat().st_size
    assert after <= have < len(shelf.content)
    shelf.requests.clear()
    return have


def refusal(shelf: Shelf, part: Path, **more: int) -> EngineError:
    with pytest.raises(EngineError) as caught:
        fetch(shelf.address, part, silent, **more)
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize("length", [True, False], ids=["of a known length", "of an unknown length"])
def test_a_file_arrives_whole_and_is_counted(shelf: Shelf, part: Path, length: bool) -> None:
    shelf.length = length
    seen: list[tuple[int, int | None]] = []
    fetch(shelf.address, part, lambda done, total: seen.append((done, total)))
    assert part.read_bytes() == CONTENT
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1] == (len(CONTENT), len(CONTENT) if length else None)
    fetch(shelf.address, part, silent)  # it is whole: the server is not asked again
    assert len(shelf.requests) == 1


@pytest.mark.parametrize("tag", ["strong", "weak"])
def test_an_interrupted_download_goes_on_where_it_was(shelf: Shelf, part: Path, tag: str) -> None:
    shelf.tag = tag
    have = interrupted(shelf, part)
    seen: list[int] = []
    fetch(shelf.address, part, lambda done, total: seen.append(done))
    assert part.read_bytes() == CONTENT
    assert seen[0] == have
    (request,) = shelf.requests
    assert request["Range"] == f"bytes={have}-"
    assert request["If-Range"] == shelf.headers()["ETag" if tag == "strong" else "Last-Modified"]


def test_a_server_that_ignores_ranges_gives_it_all_again(shelf: Shelf, part: Path) -> None:
    interrupted(shelf, part)
    shelf.ranges = False
    seen: list[int] = []
    fetch(shelf.address, part, lambda done, total: seen.append(done))
    assert part.read_bytes() == CONTENT
    assert seen[0] == 0


@pytest.mark.parametrize("if_range", [True, False], ids=["knows If-Range", "does not"])
@pytest.mark.parametrize("size", [len(OTHER), 2_500_000, 4], ids=["as long", "shorter", "than what is here"])
def test_another_file_at_the_server_is_never_mixed_with_this_one(
    shelf: Shelf, part: Path, if_range: bool, size: int
) -> None:
    interrupted(shelf, part)
    shelf.content, shelf.if_range = OTHER[:size], if_range
    fetch(shelf.address, part, silent)
    assert part.read_bytes() == OTHER[:size]


def test_what_cannot_be_identified_is_downloaded_anew(shelf: Shelf, part: Path) -> None:
    shelf.tag = "none"
    interrupted(shelf, part)
    fetch(shelf.address, part, silent)
    assert part.read_bytes() == CONTENT
    assert ["Range" in request for request in shelf.requests] == [False]


@pytest.mark.parametrize("broken", ["", "{", "[1]", '{"address": 1}', None])
def test_a_part_of_unknown_origin_is_downloaded_anew(shelf: Shelf, part: Path, broken: str | None) -> None:
    interrupted(shelf, part)
    origin = part.with_suffix(".origin")
    assert origin.is_file()
    if broken is None:
        origin.unlink()
    else:
        origin.write_text(broken, encoding="utf-8")
    fetch(shelf.address, part, silent)
    assert part.read_bytes() == CONTENT


def test_a_part_from_another_address_is_not_continued(shelf: Shelf, part: Path) -> None:
    interrupted(shelf, part)
    fetch(shelf.address + "?newer", part, silent)
    assert part.read_bytes() == CONTENT
    assert "Range" not in shelf.requests[0]


def test_a_connection_that_ends_early_keeps_what_came(shelf: Shelf, part: Path) -> None:
    shelf.cut_after = 1_200_000
    error = refusal(shelf, part)
    assert (error.code, error.text) == ("io", "The connection ended after 1 of 3 MB.")
    assert "continues where it stopped" in error.hint
    assert part.read_bytes() == CONTENT[:1_200_000]
    shelf.cut_after = None
    fetch(shelf.address, part, silent)
    assert part.read_bytes() == CONTENT
    assert shelf.requests[-1]["Range"] == "bytes=1200000-"


def test_a_connection_that_stalls_is_given_up(
    shelf: Shelf, part: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "TIMEOUT", 0.3)
    shelf.stall_after = 1_200_000
    error = refusal(shelf, part)
    assert (error.code, "timed out" in error.text) == ("io", True)
    assert part.stat().st_size == 1_200_000


@pytest.mark.parametrize("status", [403, 404, 500, 503])
def test_an_answer_that_is_an_error_is_told(shelf: Shelf, part: Path, status: int) -> None:
    shelf.status = status
    error = refusal(shelf, part)
    assert error.code == "io"
    assert f"answered {status}" in error.text
    assert not part.exists()


def test_an_unreachable_server_is_named(tmp_path: Path, part: Path) -> None:
    with served(b"") as shelf:
        pass
    error = refusal(shelf, part)
    assert (error.code, shelf.address in error.text) == ("io", True)
    assert "Check the network" in error.hint


@pytest.mark.parametrize("length", [True, False])
def test_a_file_of_the_wrong_size_is_refused(shelf: Shelf, part: Path, length: bool) -> None:
    shelf.length = length
    error = refusal(shelf, part, size=len(CONTENT) + 1)
    assert error.code == "bad_weights"
    assert f"3000000 bytes instead of {len(CONTENT) + 1}" in error.text
    assert not part.exists()
    fetch(shelf.address, part, silent, size=len(CONTENT))


def test_a_full_disk_is_told_before_anything_is_written(shelf: Shelf, part: Path) -> None:
    error = refusal(shelf, part, room=1 << 60)
    assert (error.code, "MB are needed" in error.text) == ("io", True)
    assert "PIFUHD_WEIGHTS" in error.hint
    assert not part.exists()


def test_two_programs_that_write_one_file_are_noticed(shelf: Shelf, part: Path) -> None:
    def progress(done: int, total: int | None) -> None:
        if done:
            with part.open("ab") as other:
                other.write(b"x")

    with pytest.raises(EngineError, match="Another program writes"):
        fetch(shelf.address, part, progress)


def test_redirects_are_followed_but_never_out_of_encryption(shelf: Shelf, part: Path) -> None:
    shelf.redirect = shelf.address
    fetch(shelf.address.replace("pifuhd.pt", "moved"), part, silent)
    assert part.read_bytes() == CONTENT
    request = Request("https://example.org/a")
    redirects = download._SafeRedirects()
    with pytest.raises(URLError, match="not encrypted"):
        redirects.redirect_request(request, None, 302, "Found", {}, "http://example.org/b")  # type: ignore[arg-type]
    onwards = redirects.redirect_request(request, None, 302, "Found", {}, "https://example.org/b")  # type: ignore[arg-type]
    assert onwards is not None
    assert onwards.full_url == "https://example.org/b"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A small checkpoint without normals: 38 of 40 MB are repeated values, which are stored once."""
    nothing = {"use_front_normal": False, "use_back_normal": False}
    network = Released(options(**nothing), fine_options())
    with torch.inference_mode():
        network.compute(torch.zeros(1, 3, 32, 32), torch.zeros(1, 3, 64, 64), torch.zeros(2, 3))
    state = network.state
    network.state = {name: value.flatten()[:1].clone().expand(value.shape) for name, value in state.items()}
    path = tmp_path_factory.mktemp("checkpoint") / "a.pt"
    return released.write(path, released.content(network)).read_bytes()


@pytest.fixture
def entry(shelf: Shelf, checkpoint: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Entry:
    """The registry's pifuhd, at the local server, in a folder of its own."""
    monkeypatch.setenv("PIFUHD_WEIGHTS", str(tmp_path / "data" / "weights"))
    shelf.content = checkpoint
    entry = replace(REGISTRY["pifuhd"], address=shelf.address, about_mb=1)
    monkeypatch.setitem(REGISTRY, "pifuhd", entry)
    return entry


def installed() -> list[str]:
    return sorted(path.name for path in weights_folder().iterdir())


def test_an_installed_checkpoint_is_found_by_its_name(entry: Entry, checkpoint: bytes) -> None:
    with pytest.raises(EngineError, match="engine weights download pifuhd") as caught:
        find_weights("pifuhd")
    assert caught.value.code == "bad_weights"
    install(entry, silent)
    assert installed() == ["pifuhd.json", "pifuhd.safetensors"]
    assert entry.state == "downloaded"
    loaded = load_weights(find_weights("pifuhd"))
    digest = hashlib.sha256(checkpoint).hexdigest()
    assert (loaded.card["source sha256"], loaded.card["licence"]) == (digest, PUBLISHED_LICENCE)
    assert "pifuhd.pt," in loaded.card["made"]
    record = json.loads(entry.record.read_text(encoding="utf-8"))
    assert record == {"source sha256": digest, "sha256": loaded.sha256}


def test_a_known_hash_and_size_are_checked(entry: Entry, checkpoint: bytes) -> None:
    right = hashlib.sha256(checkpoint).hexdigest()
    with pytest.raises(EngineError, match=f"has the SHA-256 {right} instead of 0000"):
        install(replace(entry, sha256="0" * 64), silent)
    assert not entry.path.exists()
    assert "pifuhd.pt.part" not in installed()
    with pytest.raises(EngineError, match="bytes instead of 7"):
        install(replace(entry, size=7), silent)
    install(replace(entry, sha256=right, size=len(checkpoint)), silent)
    assert entry.state == "downloaded"


def test_what_is_no_checkpoint_is_kept_aside_and_not_installed(
    entry: Entry, shelf: Shelf, checkpoint: bytes
) -> None:
    shelf.content = b"<html>Please log in to the hotel's network</html>"
    with pytest.raises(EngineError, match="kept as") as caught:
        install(entry, silent)
    assert caught.value.code == "bad_weights"
    assert installed() == ["pifuhd.pt.refused"]
    shelf.content = checkpoint
    install(entry, silent)
    assert entry.state == "downloaded"


def test_a_broken_download_installs_nothing_and_goes_on(entry: Entry, shelf: Shelf) -> None:
    shelf.cut_after = len(shelf.content) // 2
    with pytest.raises(EngineError, match="The connection ended"):
        install(entry, silent)
    assert installed() == ["pifuhd.pt.origin", "pifuhd.pt.part"]
    assert entry.state == "not downloaded"
    shelf.cut_after = None
    install(entry, silent)
    assert shelf.requests[-1]["Range"] == f"bytes={len(shelf.content) // 2}-"
    assert installed() == ["pifuhd.json", "pifuhd.safetensors"]


def test_a_whole_checkpoint_in_the_folder_needs_no_network(
    entry: Entry, shelf: Shelf, checkpoint: bytes
) -> None:
    weights_folder().mkdir(parents=True)
    (weights_folder() / "pifuhd.pt").write_bytes(checkpoint)
    install(entry, silent)
    assert shelf.requests == []
    assert entry.state == "downloaded"


def test_a_folder_that_cannot_be_made_is_told(
    entry: Entry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("PIFUHD_WEIGHTS", str(tmp_path / "file" / "weights"))
    with pytest.raises(EngineError, match="cannot be written") as caught:
        install(entry, silent)
    assert caught.value.code == "io"
