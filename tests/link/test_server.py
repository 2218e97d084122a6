# SPDX-License-Identifier: GPL-3.0-or-later
"""The real server with fake work, started by hand: several clients, babbling ones, and what makes it exit."""

import os
import subprocess
import sys
from multiprocessing import AuthenticationError

import pytest

from engine import protocol
from engine.errors import EngineError
from engine.protocol import KEY_VARIABLE
from tests.link.processes import PATIENCE
from tests.link.served import request, run


def until_disconnected(raw):
    while True:
        try:
            yield protocol.receive(raw)
        except protocol.Disconnected:
            return


def test_a_request_in_the_middle_of_a_job_is_turned_away_but_the_job_ends_once(serve):
    raw = serve("slow").connect()._connection
    protocol.send(raw, request())
    protocol.send(raw, request())
    heard = list(until_disconnected(raw))
    endings = [message.type for message in heard if message.type in protocol.TERMINAL]
    assert endings == ["cancelled"]
    raw.close()


@pytest.mark.parametrize("frame", [b"not JSON", b'{"type": "done"}', protocol.MAX_HEADER + 1], ids=str)
def test_the_server_turns_a_babbling_client_away_and_keeps_the_other(serve, frame):
    served = serve()
    client, raw = served.connect(), served.connect()._connection
    if isinstance(frame, int):  # only the size of a frame; the server must not wait for the rest
        raw._send(frame.to_bytes(4, "big"))
    else:
        raw.send_bytes(frame)
    answer = protocol.receive(raw)
    assert (answer.type, answer.fields["code"]) == ("error", "protocol")
    with pytest.raises(protocol.Disconnected):
        protocol.receive(raw)
    raw.close()
    assert run(client).vertices.shape == (4, 3)


def test_the_server_names_both_versions_to_a_client_of_another_one(serve, monkeypatch):
    served = serve()
    future = protocol.Message("hello", {**protocol.hello().fields, "protocol": 7, "program": "9.1.0"})
    monkeypatch.setattr(protocol, "hello", lambda: future)
    with pytest.raises(EngineError) as caught:
        served.connect()
    assert caught.value.code == "protocol"
    for part in (protocol.VERSION, f"protocol {protocol.PROTOCOL}", "9.1.0", "protocol 7"):
        assert part in caught.value.text


def test_a_client_without_the_key_is_kept_out(serve):
    served = serve()
    client = served.connect()
    with pytest.raises(AuthenticationError):
        served.connect(bytes(32))
    assert run(client).vertices.shape == (4, 3)


@pytest.mark.parametrize("job", [False, True])
def test_the_engine_exits_when_its_only_connection_goes(serve, private, job):
    served = serve("stall")
    client = served.connect()
    if job:
        begin_and_abandon(client)
    client._connection.close()
    assert served.ends()
    assert not private.exists()


def begin_and_abandon(client):
    protocol.send(client._connection, request())
    assert protocol.receive(client._connection).type == "progress"


@pytest.mark.parametrize("job", [False, True])
def test_the_engine_exits_when_only_its_standard_input_ends(serve, private, job):
    served = serve("stall")
    client = served.connect()
    if job:
        begin_and_abandon(client)
    served.process.stdin.close()
    assert served.ends()
    assert not private.exists()
    client.close()


def test_the_engine_exits_when_asked_to_shut_down(serve, private):
    served = serve()
    served.connect().shut_down()
    assert served.ends()
    assert not private.exists()


@pytest.mark.parametrize(
    "mode, key, reason",
    [
        (0o755, "00" * 32, "not a folder that only you can open"),
        (0o700, "00" * 31, "holds no key"),
        (0o700, "secret", "holds no key"),
        (0o700, None, "holds no key"),
    ],
)
def test_the_engine_refuses_an_open_folder_and_a_bad_key(package_folder, tmp_path, mode, key, reason):
    folder = tmp_path / "s"
    folder.mkdir()
    folder.chmod(mode)
    environment = {name: value for name, value in os.environ.items() if name != KEY_VARIABLE}
    if key is not None:
        environment[KEY_VARIABLE] = key
    address = str(folder / "socket")
    done = subprocess.run(
        [sys.executable, "-m", "engine", "serve", "--address", address, "--idle", "1", "--log", "none"],
        cwd=package_folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 1
    assert reason in done.stderr
    assert not list(folder.iterdir())
