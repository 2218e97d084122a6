# SPDX-License-Identifier: GPL-3.0-or-later
"""An engine started by hand, for tests with several clients or none."""

import os
import subprocess
import sys

import numpy as np

from engine import protocol
from engine.client import connect
from engine.protocol import KEY_VARIABLE
from tests.link.processes import PATIENCE


class Served:
    """An engine started by hand, so that its input and its connections can go one without the other."""

    def __init__(self, package_folder, folder, behaviour, idle_seconds=600):
        key = bytes(range(32))
        self.address = str(folder / "socket")
        command = ["-m", "engine", "serve", "--address", self.address, "--idle-seconds", str(idle_seconds)]
        self.process = subprocess.Popen(
            [sys.executable, *command],
            cwd=package_folder,
            env={**os.environ, KEY_VARIABLE: key.hex(), "FAKE_ENGINE": behaviour},
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        # Its socket's file is there a moment before it can be connected to.
        assert "The engine listens" in self.process.stderr.readline()
        self.connect = lambda key=key: connect(self.address, key, abandon=print, last_words=str)

    def ends(self):
        return self.process.wait(PATIENCE) == 0

    def clean_up(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stderr.close()


def run(client, on_progress=lambda *progress: None, cancelled=lambda: False, **settings):
    return client.reconstruct(b"photo", settings, on_progress, cancelled)


def request(**settings):
    fields = {"settings": settings, "preview": False}
    return protocol.Message("reconstruct", fields, {"encoded": np.zeros(9, np.uint8)})
