# SPDX-License-Identifier: GPL-3.0-or-later
"""Feeds mutated frames and handshakes to the link and sees that nothing breaks.

    python -m tests.link.fuzz --cases 200000 [--seed 1]

Of ten cases seven are frames that protocol.receive gets from a socket in this process; two are frames and one
is a handshake for a real engine process with fake work, over its real socket. After every batch a
client that was there all the time must get a job done, and the engine's memory, files and log are looked at.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random

from engine import protocol
from engine.errors import EngineError
from engine.protocol import Disconnected, Message
from tests.link.mutations import answer_to, mutated_stream, wrong_answer, wrong_challenge
from tests.link.processes import wait_until
from tests.link.served import KEY, ServedEngine, job, served_engine
from tests.link.staging import stage_link

BATCH = 1000
"""Cases between two looks at the engine."""

CASE_SECONDS = 20
"""No case may take longer; the longest that was seen took 0.3 s, on a busy machine."""

MOST_GROWTH = 64 << 20
"""Bytes by which the engine may grow. A 16th of what one header and one array may hold."""

MOST_DESCRIPTORS = 32
"""Files that the engine may have open after a batch: a connection that is never closed would pass it soon."""

STALLED = 4
"""Handshakes that a batch leaves open, in the middle, until its end."""


@dataclass
class Tally:
    """What came of the cases, and how the engine was before and after them."""

    outcomes: Counter[str] = field(default_factory=Counter)
    resident_before: int = 0
    resident_after: int = 0
    seconds: float = 0.0


class Broken(AssertionError):
    """What must never happen, with the case that made it happen."""


def run(package_folder: Path, cases: int, seed: int) -> Tally:
    """Feed `cases` cases that follow from `seed`; raises Broken at the first that breaks something."""
    tally = Tally()
    random = Random(seed)
    began = time.monotonic()
    with served_engine(package_folder) as engine, _alarm():
        good = engine.connect()
        for _ in range(200):  # allocators and thread stacks have grown by then
            job(good)
        recorded = _recorded_answer(engine)
        tally.resident_before = engine.resident()
        for first in range(0, cases, BATCH):
            stalled: list[socket.socket] = []
            for number in range(first, min(first + BATCH, cases)):
                signal.alarm(CASE_SECONDS)
                try:
                    tally.outcomes[_case(number, random, engine, recorded, stalled)] += 1
                except Exception as error:
                    raise Broken(f"case {number} of seed {seed}: {error!r}") from error
            job(good)
            signal.alarm(0)
            for raw in stalled:
                raw.close()
            _look_at(engine, tally, f"the cases {first} to {first + BATCH} of seed {seed}")
        tally.resident_after = engine.resident()
        good.close()
    tally.seconds = time.monotonic() - began
    return tally


def _case(
    number: int, random: Random, engine: ServedEngine, recorded: bytes, stalled: list[socket.socket]
) -> str:
    turn = number % 10
    if turn == 9:
        return "handshake: " + _handshake(random, engine, recorded, stalled)
    stream = mutated_stream(random)
    here = receive_all(stream)
    if turn < 7 or "shutdown" in here:  # a shutdown that is whole is obeyed, as it should be
        return "frame here: " + _outcome(here)
    return "frame to the engine: " + _frame(engine, stream, here)


def receive_all(stream: bytes) -> list[str]:
    """What protocol.receive makes of a stream: types of messages, then `refused`, or `cut` at its end."""
    here, there = Pipe(duplex=True)
    with here, there:
        here._send(stream)
        here.close()
        heard = []
        while True:
            try:
                message = protocol.receive(there)
            except Disconnected:
                return heard + ["cut"]
            except EngineError as error:
                if error.code != "protocol" or len(str(error)) > 1000:
                    raise
                return heard + ["refused"]
            _check(message)
            heard.append(message.type)


def _check(message: Message) -> None:
    """Whatever is let in may be sent on: the sender's checks are written apart from the receiver's."""
    if message.type == "hello" and message.fields["protocol"] != protocol.PROTOCOL:
        return
    with Connection(os.open(os.devnull, os.O_RDWR)) as sink:
        protocol.send(sink, message)
    for name, array in message.arrays.items():
        rule = protocol.ARRAYS[message.type][name]
        assert array.dtype == rule.dtype
        assert array.nbytes <= protocol.MAX_ARRAY
        assert all(low <= n <= high for n, (low, high) in zip(array.shape, rule.shape, strict=True))


def _frame(engine: ServedEngine, stream: bytes, here: list[str]) -> str:
    """Send a stream as a greeted client and hear the engine out. here: what receive_all says of it."""
    with engine.greeted() as connection:
        try:
            connection._send(stream)
            _end_writing(connection)
        except OSError:
            pass  # it was refused before its end
        heard = []
        try:
            while True:
                heard.append(protocol.receive(connection))
        except Disconnected:
            pass
    codes = [message.fields["code"] for message in heard if message.type == "error"]
    if here == ["refused"] and codes != ["protocol"]:
        raise AssertionError(f"{stream[:300]!r} was not turned away, but answered with {heard}")
    return _outcome(here)


def _outcome(here: list[str]) -> str:
    return here[0] if here[0] in ("refused", "cut") else "arrived"


def _handshake(random: Random, engine: ServedEngine, recorded: bytes, stalled: list[socket.socket]) -> str:
    raw = engine.stranger()
    challenge = _frame_from(raw)
    if challenge is None or not challenge.startswith(b"#CHALLENGE#"):
        raise AssertionError(f"the engine began with {challenge!r}")
    right = answer_to(challenge, KEY)
    if random.random() < 0.2:
        raw.sendall(len(right).to_bytes(4, "big") + right)
        if _frame_from(raw) != b"#WELCOME#":
            raise AssertionError("the key was not accepted")
        raw.sendall(wrong_challenge(random, challenge))
        kind = "with the key, then wrong"
    else:
        answer = wrong_answer(random, challenge, right, recorded)
        raw.sendall(answer)
        if random.random() < 0.1 and len(stalled) < STALLED:
            stalled.append(raw)  # without an end: it must keep nobody out
            return "stalled"
        raw.shutdown(socket.SHUT_WR)
        if (heard := _rest_of(raw)) not in (b"", b"\0\0\0\x09#FAILURE#"):
            raise AssertionError(f"{answer!r} was answered with {heard!r}")
        raw.close()
        return "without the key"
    raw.shutdown(socket.SHUT_WR)
    _rest_of(raw)
    raw.close()
    return kind


def _frame_from(raw: socket.socket) -> bytes | None:
    size = raw.recv(4, socket.MSG_WAITALL)
    return raw.recv(int.from_bytes(size, "big"), socket.MSG_WAITALL) if len(size) == 4 else None


def _rest_of(raw: socket.socket) -> bytes:
    """What still comes until the engine hangs up; it must, so that there is no time limit but the case's."""
    heard = b""
    try:
        while data := raw.recv(4096):
            heard += data
    except ConnectionResetError:
        pass  # it hung up without having read everything
    return heard


def _recorded_answer(engine: ServedEngine) -> bytes:
    """What somebody who listened to a greeting could say again."""
    with engine.stranger() as raw:
        challenge = _frame_from(raw)
    assert challenge is not None
    return answer_to(challenge, KEY)


def _end_writing(connection: Connection) -> None:
    with socket.socket(fileno=os.dup(connection.fileno())) as end:
        end.shutdown(socket.SHUT_WR)


def _look_at(engine: ServedEngine, tally: Tally, when: str) -> None:
    if engine.process.poll() is not None:
        raise Broken(f"after {when} the engine had ended: {engine.log()[-2000:]}")
    log = engine.log()
    if "Traceback" in log:
        begin = log.index("Traceback")
        raise Broken(f"after {when} an error was not handled: {log[begin : begin + 3000]}")
    if (grown := engine.resident() - tally.resident_before) > MOST_GROWTH:
        raise Broken(f"after {when} the engine had grown by {grown >> 20} MiB")
    if not wait_until(lambda: engine.descriptors() <= MOST_DESCRIPTORS):
        raise Broken(f"after {when} the engine had {engine.descriptors()} files open")


@contextmanager
def _alarm() -> Iterator[None]:
    """Raises in the main thread where a case takes too long."""

    def late(*_: object) -> None:
        raise TimeoutError(f"a case took more than {CASE_SECONDS} s")

    before = signal.signal(signal.SIGALRM, late)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def main() -> int:
    """The command line: run, and print what came of it."""
    parser = argparse.ArgumentParser(description="Feed mutated frames and handshakes to the engine's link.")
    parser.add_argument("--cases", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tally = run(stage_link(Path(folder)), chosen.cases, chosen.seed)
    for outcome, count in sorted(tally.outcomes.items()):
        print(f"{count:9d}  {outcome}")
    print(
        f"{chosen.cases} cases in {tally.seconds:.0f} s, no crash, no hang; the engine's resident memory was "
        f"{tally.resident_before / 2**20:.1f} MiB before and {tally.resident_after / 2**20:.1f} MiB after"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
