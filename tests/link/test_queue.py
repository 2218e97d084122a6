# SPDX-License-Identifier: GPL-3.0-or-later
"""Several clients of one server: the queue, its places, what cancelling and leaving do, and previews."""

import socket
import threading
from multiprocessing.connection import Client

import pytest

from engine import protocol
from engine.errors import Cancelled, EngineError
from engine.service.server import MOST_CLIENTS, MOST_CONNECTIONS
from tests.link.processes import PATIENCE, wait_until
from tests.link.served import request, run


def raw(client):
    """The bare connection of a client: for what an EngineClient would never do."""
    return client._connection


@pytest.fixture
def busy(serve):
    """An engine with a slow job: itself, the job's raw connection."""
    served = serve()
    connection = raw(served.connect())
    protocol.send(connection, request(slow=True))
    assert protocol.receive(connection).type == "progress"
    return served, connection


def ending(connection):
    """The last message of a job."""
    while (message := protocol.receive(connection)).type in protocol.INTERIM:
        pass
    return message


def queued(served, **settings):
    """A raw connection whose job waits, and its place."""
    connection = raw(served.connect())
    protocol.send(connection, request(**settings))
    message = protocol.receive(connection)
    assert message.type == "queued"
    return connection, message.fields["place"]


def state(connection):
    protocol.send(connection, protocol.Message("status"))
    while (message := protocol.receive(connection)).type != "state":
        pass
    return message.fields


def test_a_second_client_sees_its_place_and_is_served_after_the_first(busy):
    served, first = busy
    places, outcome = [], []
    second = served.connect()

    def work():
        outcome.append(
            second.reconstruct(b"photo", {}, lambda *p: None, lambda: False, on_queued=places.append)
        )

    thread = threading.Thread(target=work)
    thread.start()
    assert wait_until(lambda: places == [1])
    assert not outcome
    protocol.send(first, protocol.Message("cancel"))
    thread.join(PATIENCE)
    assert outcome[0].vertices.shape == (4, 3)
    assert ending(first).type == "cancelled"


def test_those_that_wait_move_up(busy):
    served, first = busy
    waiting = [queued(served) for _ in range(3)]
    assert [place for _, place in waiting] == [1, 2, 3]
    protocol.send(waiting[0][0], protocol.Message("cancel"))
    assert ending(waiting[0][0]).type == "cancelled"
    for (connection, _), place in zip(waiting[1:], (1, 2), strict=True):
        assert protocol.receive(connection).fields == {"place": place}
    first.close()
    assert [ending(connection).fields["info"]["jobs"] for connection, _ in waiting[1:]] == [2, 3]


def test_the_queue_is_bounded_and_one_more_is_told_so(busy):
    served, first = busy
    waiting = [queued(served)[0] for _ in range(protocol.MAX_WAITING)]
    with pytest.raises(EngineError, match=f"{protocol.MAX_WAITING} photos wait") as caught:
        run(served.connect())
    assert caught.value.code == "busy"
    waiting[3].close()
    assert wait_until(lambda: state(first)["waiting"] == protocol.MAX_WAITING - 1)
    last, place = queued(served)
    assert place == protocol.MAX_WAITING
    first.close()
    assert ending(last).type == "done"


def test_a_client_that_leaves_loses_its_own_job_only(busy):
    served, first = busy
    (leaving, _), (staying, _) = queued(served), queued(served)
    leaving.close()
    assert protocol.receive(staying).fields == {"place": 1}
    first.close()
    assert ending(staying).fields["info"]["jobs"] == 2


def test_a_cancelled_client_can_ask_again_at_once(busy):
    _, first = busy
    protocol.send(first, protocol.Message("cancel"))
    protocol.send(first, request())
    endings = [ending(first).type, ending(first).type]
    assert endings == ["cancelled", "done"]


def test_a_bad_setting_is_answered_though_others_work(busy):
    served, _ = busy
    with pytest.raises(EngineError) as caught:
        run(served.connect(), unknown=1)
    assert caught.value.code == "bad_settings"


def test_status_is_told_in_the_middle_of_ones_own_and_of_others_jobs(busy):
    served, first = busy
    waiting, _ = queued(served)
    for told in (state(first), state(waiting), served.connect().status()):
        assert told["running"]
        assert told["waiting"] == 1
        assert told["clients"] in (2, 3)
        assert told["device"] == "cpu"
        assert told["resident"] > 1 << 20
        assert [loaded["preset"] for loaded in told["weights"]] == ["fake"]


def test_unloading_frees_the_weights_after_the_jobs_before_it(busy):
    served, first = busy
    other = raw(served.connect())
    protocol.send(other, protocol.Message("unload"))
    assert protocol.receive(other).fields == {"place": 1}
    protocol.send(first, protocol.Message("cancel"))
    told = ending(other)
    assert told.type == "state"
    assert told.fields["weights"] == []
    assert not told.fields["running"]


def test_a_preview_comes_before_the_mesh_where_it_is_wanted(serve):
    client = serve().connect()
    heard = []
    client.reconstruct(
        b"photo", {}, lambda *progress: heard.append(progress), lambda: False, on_preview=heard.append
    )
    previews = [item for item in heard if not isinstance(item, tuple)]
    assert len(previews) == 1
    assert previews[0].vertices.shape == (4, 3)
    assert previews[0].info == {"people": []}
    assert heard.index(previews[0]) < len(heard) - 1
    heard.clear()
    run(client, lambda *progress: heard.append(progress))
    assert all(isinstance(item, tuple) for item in heard)


def test_a_preview_that_points_past_its_vertices_never_reaches_blender(serve):
    client = serve("wild preview").connect()
    with pytest.raises(EngineError, match="do not fit"):
        client.reconstruct(b"photo", {}, lambda *p: None, lambda: False, on_preview=print)


def test_what_the_preview_callback_raises_cancels_the_job(serve):
    client = serve().connect()

    def fail(_):
        raise KeyError("in the callback")

    with pytest.raises(KeyError):
        client.reconstruct(b"photo", {}, lambda *p: None, lambda: False, on_preview=fail)
    assert run(client).info["jobs"] == 2


def test_a_client_that_asks_and_never_reads_is_dropped(serve):
    served = serve()
    deaf = raw(served.connect())

    def dropped():
        try:
            for _ in range(100):
                protocol.send(deaf, protocol.Message("status"))
        except protocol.Disconnected:
            return True
        return False

    assert wait_until(dropped)
    assert run(served.connect()).vertices.shape == (4, 3)


def test_a_client_that_does_not_read_its_mesh_keeps_nobody_waiting_and_is_dropped(serve):
    served = serve("hasty")  # its results do not fit into a socket
    deaf = raw(served.connect())
    protocol.send(deaf, request())
    client = served.connect()
    assert run(client).normals_front.nbytes == 3 << 24
    assert wait_until(lambda: client.status()["clients"] == 1)
    with pytest.raises(protocol.Disconnected):
        ending(deaf)


def test_a_client_that_sends_half_a_frame_and_stalls_harms_only_itself(serve):
    served = serve()
    stalled = raw(served.connect())
    stalled._send(b"\x00\x00\x10\x00half")
    client = served.connect()
    assert run(client).vertices.shape == (4, 3)
    assert client.status()["clients"] == 2


def test_who_does_not_prove_the_key_in_time_is_dropped_and_keeps_nobody_out(serve):
    served = serve("hasty")
    with socket.socket(socket.AF_UNIX) as mute:
        mute.connect(served.address)
        mute.settimeout(PATIENCE)
        assert run(served.connect()).vertices.shape == (4, 3)
        while mute.recv(4096):
            pass  # the challenge, then the end


def test_fifty_clients_at_once_are_all_served(serve):
    served = serve()
    outcomes = []

    def work():
        client = served.connect()
        while True:
            try:
                outcomes.append(run(client).info["jobs"])
                return
            except EngineError as error:  # the queue is full
                if error.code != "busy":
                    raise

    threads = [threading.Thread(target=work) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert sorted(outcomes) == list(range(1, 51))


def test_clients_beyond_the_limit_are_told_so_and_beyond_the_next_are_closed(serve):
    served = serve()
    clients = [served.connect() for _ in range(MOST_CLIENTS)]
    with pytest.raises(EngineError, match=f"serves {MOST_CLIENTS} programs") as caught:
        served.connect()
    assert caught.value.code == "busy"
    mute = []
    for _ in range(MOST_CONNECTIONS - MOST_CLIENTS):
        mute.append(socket.socket(socket.AF_UNIX))
        mute[-1].connect(served.address)
    with pytest.raises((EOFError, OSError)):
        Client(served.address, authkey=bytes(32))
    clients.pop().close()
    for one in mute:
        one.close()
    assert wait_until(lambda: clients[0].status()["clients"] == MOST_CLIENTS - 1)
    assert run(served.connect()).vertices.shape == (4, 3)


def test_a_job_that_does_not_heed_its_cancel_ends_the_engine(serve):
    served = serve("stall")
    client = served.connect()
    heard = []
    with pytest.raises(Cancelled):
        run(client, lambda *progress: heard.append(progress), lambda: bool(heard))
    assert client.usable
    assert served.ends()


def test_an_idle_engine_frees_weights_then_ends_though_a_client_is_connected(serve):
    served = serve(idle=2)
    client = served.connect()
    run(client)
    assert client.status()["weights"] != []
    assert wait_until(lambda: client.status()["weights"] == [])
    assert served.ends()
