# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests of `assuanctl serve` share."""

import os
import socket
import subprocess

from kit import TOOL, eventually, expect, expect_equal

EVERY = bytes(range(256))


class Server:
    """`assuanctl serve` on a socket of PLACE."""

    def __init__(self, place, *args, env=None, name="S"):
        self.place = place
        self.path = place.path(name)
        self.err = open(place.path(name + ".err"), "w+b")
        os.makedirs(place.path("bin"), exist_ok=True)
        if not os.path.exists(place.path("bin/assuanctl")):
            os.symlink(TOOL, place.path("bin/assuanctl"))
        path = place.path("bin") + ":" + place.env["PATH"]
        self.process = place.start("serve", "unix:" + self.path, *args, stderr=self.err,
                                   stdout=subprocess.DEVNULL,
                                   env={"PATH": path, "TMPDIR": place.path("tmp"), **(env or {})})
        os.makedirs(place.path("tmp"), exist_ok=True)

    def __enter__(self):
        expect(self.place.ctl("wait", "--timeout=30s", self.path).code == 0, self.told())
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
        code = self.process.wait(30)
        self.err.close()
        expect("AddressSanitizer" not in self.told() and "runtime error" not in self.told(), self.told())
        expect_equal(code, 0, "exit status of serve")

    def told(self):
        """What serve and its programs said on stderr."""
        with open(self.err.name, "rb") as f:
            return f.read().decode()

    def call(self, *args, **kwargs):
        """Call it."""
        at = next((n for n, x in enumerate(args) if not x.startswith("-")), len(args))
        if at and args[at - 1] in ("-c", "-o", "-i"):
            at -= 1
        return self.place.ctl("call", *args[:at], self.path, *args[at:], **kwargs)

    def connect(self):
        """A client that says what it wants."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.settimeout(30)
        sock.connect(self.path)
        expect(sock.recv(1000).startswith(b"OK"), "not greeted")
        return sock


def script(place, name, text, mode=0o755, head="#!/bin/sh\n"):
    os.makedirs(place.path("d"), mode=0o755, exist_ok=True)
    return place.write("d/" + name, head + text, mode)


def runs(pid):
    """Whether the process PID runs, and is no zombie."""
    try:
        with open("/proc/%d/stat" % pid, encoding="latin1") as f:
            return f.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def number(place, name):
    """The number that a script has written to the file NAME."""
    def get():
        try:
            text = place.read(name).decode()
        except OSError:
            return None
        return int(text) if text.endswith("\n") else None
    return eventually(name + " is written", get)


ASK = "ASK=x=$(assuanctl inquire \"$@\") || exit 77; printf '%s' \"[$x]\""
