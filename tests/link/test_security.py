# SPDX-License-Identifier: GPL-3.0-or-later
"""Attacks on the engine's socket, each really tried; docs/security.md lists them."""

import ast
import json
import math
import os
import re
import socket
import struct
import subprocess
import sys
import threading
from multiprocessing import AuthenticationError
from multiprocessing.connection import Listener
from pathlib import Path

import pytest

from engine import protocol
from engine.client import connect
from engine.protocol import KEY_VARIABLE
from tests.link.mutations import answer_to
from tests.link.processes import PATIENCE, process_of, wait_until
from tests.link.served import KEY, job, served_engine
from tests.link.staging import stage_link

ROOT = Path(__file__).resolve().parents[2]
NOBODY = 65534

CONNECT = """
import os, socket, sys
os.setgroups([]); os.setgid(65534); os.setuid(65534)
raw = socket.socket(socket.AF_UNIX)
raw.settimeout(20)
try:
    raw.connect(sys.argv[1])
except PermissionError:
    sys.exit("not let in")
print(raw.recv(15))
"""


@pytest.fixture
def engine(package_folder):
    with served_engine(package_folder) as served:
        yield served


@pytest.mark.skipif(os.name != "posix" or os.getuid() != 0, reason="only root can become somebody else")
def test_another_user_cannot_even_connect(engine):
    folder = Path(engine.address).parent

    def try_it():
        command = [sys.executable, "-c", CONNECT, engine.address]
        return subprocess.run(command, cwd="/", capture_output=True, text=True, timeout=PATIENCE)

    assert try_it().stderr == "not let in\n"
    folder.chmod(0o755)
    assert try_it().stderr == "not let in\n", "the socket itself is private as well"
    Path(engine.address).chmod(0o777)
    opened = try_it()
    assert opened.returncode == 0, "nothing else keeps them out, so the folder and the socket did"
    assert "#CHALLENGE#" in opened.stdout, "and the key still does"


def test_the_engine_listens_on_no_network(engine):
    job(client := engine.connect())
    sockets = {
        os.readlink(link)
        for link in Path(f"/proc/{engine.process.pid}/fd").iterdir()
        if os.readlink(link).startswith("socket:")
    }
    assert len(sockets) >= 2  # what it listens on, and this client
    networked = set()
    for table in ("tcp", "tcp6", "udp", "udp6", "raw", "raw6"):
        rows = Path(f"/proc/{engine.process.pid}/net/{table}").read_text().splitlines()[1:]
        networked |= {f"socket:[{row.split()[9]}]" for row in rows}
    assert not sockets & networked
    client.close()


def test_the_key_is_in_no_argument_no_log_and_no_grandchild(make_engine, tmp_path, monkeypatch):
    keys = []

    def token_bytes(count):
        keys.append(os.urandom(count))
        return keys[-1]

    monkeypatch.setattr("engine.process.secrets.token_bytes", token_bytes)
    engine = make_engine("children")
    about = engine.ensure().hello()
    assert job(engine.ensure()) == 1
    assert [len(key) for key in keys] == [32]
    arguments = Path(f"/proc/{process_of(engine)}/cmdline").read_bytes()
    assert b"serve" in arguments
    printed = (tmp_path / "engine.log").read_bytes()
    assert b"The engine listens" in printed
    for shown in (arguments, printed, about["grandchild"].encode()):
        assert keys[0].hex().encode() not in shown
        assert keys[0] not in shown
    assert "PATH=" in about["grandchild"]
    assert KEY_VARIABLE not in about["grandchild"]


def test_each_start_has_a_fresh_key_of_256_bits(make_engine, monkeypatch):
    handed = []
    popen = subprocess.Popen

    def spy(command, **options):
        handed.append(options["env"][KEY_VARIABLE])
        return popen(command, **options)

    monkeypatch.setattr("engine.process.subprocess.Popen", spy)
    engine = make_engine()
    for _ in range(2):
        engine.ensure()
        engine.stop()
    assert [len(bytes.fromhex(key)) for key in handed] == [32, 32]
    assert handed[0] != handed[1]


def link_modules():
    names = ("protocol.py", "payload.py", "client.py", "process.py", "server.py", "worker.py")
    return [*(ROOT / "engine" / name for name in names), *(ROOT / "engine" / "service").rglob("*.py")]


UNPICKLING = {"pickle", "_pickle", "dill", "cloudpickle", "marshal", "shelve", "joblib", "xmlrpc"}
RUNNING = {"eval", "exec", "compile", "__import__", "system", "popen"}


def offences(tree):
    """Whatever turns bytes into objects or code; Connection.recv unpickles, Connection.send invites it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] in UNPICKLING)
        elif isinstance(node, ast.ImportFrom):
            if not node.level and (node.module or "").split(".")[0] in UNPICKLING:
                yield node.module
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            last = called.rpartition(".")[2]
            on_a_connection = called.rpartition(".")[0].rpartition(".")[2] in ("connection", "_connection")
            if last in RUNNING or (last in ("recv", "send") and on_a_connection):
                yield called
            if last == "load" and "allow_pickle" in ast.unparse(node):
                yield called


def test_nothing_of_the_link_unpickles_or_runs_what_it_is_sent():
    modules = link_modules()
    assert all(path.is_file() for path in modules)
    assert {path.name: found for path in modules if (found := list(offences(parse(path))))} == {}


def test_the_reader_above_sees_what_it_is_for():
    lines = [
        "import pickle",
        "from marshal import loads",
        "self._connection.recv()",
        "connection.send(message)",
        "eval(text)",
        "numpy.load(file, allow_pickle=True)",
    ]
    assert len(list(offences(ast.parse("\n".join(lines))))) == len(lines)


def parse(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def test_no_checkpoint_is_unpickled_into_objects():
    calls = [
        node
        for path in (ROOT / "engine").rglob("*.py")
        for node in ast.walk(parse(path))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load"
    ]
    for call in calls:
        assert any(word.arg == "weights_only" and ast.unparse(word.value) == "True" for word in call.keywords)


def test_every_test_that_the_page_on_security_names_is_there():
    named = set(re.findall(r"`(test_[a-z_0-9]+)`", (ROOT / "docs" / "security.md").read_text("utf-8")))
    files = [*(ROOT / "tests" / "link").glob("*.py"), *(ROOT / "tests" / "engine").glob("*.py")]
    written = {
        node.name for path in files for node in ast.walk(parse(path)) if isinstance(node, ast.FunctionDef)
    }
    assert len(named) > 15
    assert named <= written


@pytest.fixture
def impatient(tmp_path):
    """An engine that waits for a greeting only a second."""
    folder = stage_link(tmp_path)
    module = folder / "engine" / "service" / "peer.py"
    patient = "GREET_SECONDS: Final = 10.0"
    assert patient in module.read_text()
    module.write_text(module.read_text().replace(patient, "GREET_SECONDS: Final = 1.0"))
    with served_engine(folder) as served:
        yield served


@pytest.mark.parametrize("said", [b"", b"\x00", struct.pack("!i", 16), struct.pack("!i", 16) + bytes(15)])
def test_who_does_not_prove_the_key_is_hung_up_on_and_keeps_nobody_waiting(impatient, said):
    good = impatient.connect()
    with impatient.stranger() as raw:
        raw.sendall(said)
        assert job(good) == 1
        while raw.recv(4096):  # which raises TimeoutError where it goes on for PATIENCE
            pass
    assert job(good) == 2
    good.close()


def test_who_proves_the_key_but_does_not_greet_is_hung_up_on(impatient):
    good = impatient.connect()
    with impatient.stranger() as raw:
        challenge = frame_from(raw)
        said = answer_to(challenge, KEY)
        raw.sendall(struct.pack("!i", len(said)) + said)
        assert frame_from(raw) == b"#WELCOME#"
        while raw.recv(4096):
            pass
    assert job(good) == 1
    good.close()


def frame_from(raw):
    size = int.from_bytes(raw.recv(4, socket.MSG_WAITALL), "big")
    return raw.recv(size, socket.MSG_WAITALL)


def test_an_answer_to_another_challenge_is_worth_nothing(engine):
    good = engine.connect()
    with engine.stranger() as heard, engine.stranger() as raw:
        recorded = answer_to(frame_from(heard), KEY)
        assert frame_from(raw).startswith(b"#CHALLENGE#")
        raw.sendall(struct.pack("!i", len(recorded)) + recorded)
        assert frame_from(raw) == b"#FAILURE#"
        assert raw.recv(1) == b""
    good.close()


def test_a_challenge_that_is_sent_back_is_not_answered(engine):
    good = engine.connect()
    with engine.stranger() as first, engine.stranger() as second:
        challenge = frame_from(first)
        frame_from(second)
        # What the engine wants answered is put to the engine itself: it must prove nothing before it was
        # shown the key.
        second.sendall(struct.pack("!i", len(challenge)) + challenge)
        assert frame_from(second) == b"#FAILURE#"
        assert second.recv(1) == b""
    good.close()


def test_a_client_proves_the_key_to_nobody_who_lacks_it(tmp_path):
    """A program that listens in the engine's place learns one answer, and cannot greet."""
    tmp_path.chmod(0o700)
    with Listener(str(tmp_path / "socket"), "AF_UNIX") as listener:

        def pose():
            with listener.accept() as connection:
                connection.send_bytes(b"#CHALLENGE#" + bytes(20))
                connection.recv_bytes(256)
                connection.send_bytes(b"#WELCOME#")
                connection.recv_bytes(256)  # the client's own challenge
                connection.send_bytes(bytes(16))
                connection.recv_bytes(256)

        thread = threading.Thread(target=pose)
        thread.start()
        with pytest.raises(AuthenticationError):
            connect(str(tmp_path / "socket"), KEY, abandon=print, last_words=str)
        thread.join(PATIENCE)


@pytest.mark.parametrize("sides", [[1 << 28], [1 << 14, 1 << 13, 4]], ids=["encoded", "pixels"])
def test_an_array_that_is_announced_and_never_sent_takes_no_memory(engine, sides):
    good = engine.connect()
    job(good)
    before = engine.resident()
    header = {"type": "reconstruct", "settings": {}, "preview": False}
    name = "encoded" if len(sides) == 1 else "pixels"
    header["arrays"] = [{"name": name, "dtype": "uint8", "shape": sides}]
    size = math.prod(sides)
    assert size <= protocol.MAX_ARRAY
    stalled = [engine.greeted() for _ in range(10)]
    for connection in stalled:
        connection.send_bytes(json.dumps(header).encode())
        connection._send(struct.pack("!i", size) + bytes(1000))
    assert not wait_until(lambda: engine.resident() - before > 16 << 20, seconds=0.5)
    assert job(good) == 2
    for connection in stalled:
        connection.close()
    good.close()


@pytest.mark.parametrize("prefix", [struct.pack("!i", 2**31 - 1), struct.pack("!iQ", -1, 2**63)])
def test_a_frame_that_is_announced_too_large_is_refused_at_once(engine, prefix):
    before = engine.resident()
    greeted = engine.greeted()
    greeted._send(prefix)
    answer = protocol.receive(greeted)
    assert (answer.type, answer.fields["code"]) == ("error", "protocol")
    assert engine.resident() - before < 8 << 20
    greeted.close()


REMOTE = 'read -r PIFUHD_ENGINE_KEY; export PIFUHD_ENGINE_KEY; exec "$0" -m engine serve --log "$@"'


def test_a_forwarded_socket_serves_as_well_and_the_key_comes_over_standard_input(package_folder, tmp_path):
    """docs/security.md's way to an engine on another machine, with a relay in the place of ssh."""
    far, near = tmp_path / "far", tmp_path / "near"
    for folder in (far, near):
        folder.mkdir(mode=0o700)
    rest = [str(tmp_path / "log"), "--address", str(far / "socket"), "--idle", "0"]
    with (tmp_path / "log").open("wb") as log:
        shell = subprocess.Popen(
            ["sh", "-c", REMOTE, sys.executable, *rest], cwd=package_folder, stdin=subprocess.PIPE, stderr=log
        )
    try:
        shell.stdin.write(KEY.hex().encode() + b"\n")
        shell.stdin.flush()
        assert wait_until(lambda: b"The engine listens" in (tmp_path / "log").read_bytes())
        threading.Thread(target=relay, args=(near / "socket", far / "socket"), daemon=True).start()
        assert wait_until((near / "socket").exists)
        client = connect(str(near / "socket"), KEY, abandon=print, last_words=str)
        assert job(client) == 1
        client.close()
        shell.stdin.close()
        assert shell.wait(PATIENCE) == 0
    finally:
        shell.kill()
        shell.wait()


def relay(near, far):
    """Hand on what one client of `near` and the server of `far` say, as `ssh -L` does."""
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as out:
        listener.bind(str(near))
        listener.listen()
        client, _ = listener.accept()
        out.connect(str(far))
        back = threading.Thread(target=pump, args=(out, client), daemon=True)
        back.start()
        pump(client, out)
        back.join()
        client.close()


def pump(source, target):
    while data := source.recv(1 << 16):
        target.sendall(data)
    target.shutdown(socket.SHUT_WR)
