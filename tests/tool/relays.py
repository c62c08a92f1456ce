# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests of `assuanctl relay` share."""

import os
import socket
import subprocess

from kit import eventually, expect, expect_equal

EVERY = bytes(range(256))
FORBIDDEN = "ERR 536871163 Forbidden <User defined source 1>\n"


class Relay:
    """`assuanctl relay` on a socket of PLACE."""

    def __init__(self, place, server, *args, name="R", listen=None):
        self.place = place
        self.path = place.path(name)
        self.err = open(place.path(name + ".err"), "w+b")
        self.process = place.start("relay", listen or "unix:" + self.path, *([server] if server else []), *args,
                                   stderr=self.err, stdout=subprocess.DEVNULL)

    def __enter__(self):
        eventually("the relay listens", lambda: os.path.exists(self.path) or self.process.poll() is not None)
        expect(self.process.poll() is None, self.told())
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
        code = self.process.wait(30)
        self.err.close()
        expect("AddressSanitizer" not in self.told() and "runtime error" not in self.told(), self.told())
        expect_equal(code, 0, "exit status of relay")

    def told(self):
        with open(self.err.name, "rb") as f:
            return f.read().decode()

    def connect(self, greeting=b"OK"):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.settimeout(60)
        eventually("the relay listens", lambda: not sock.connect_ex(self.path))
        text = b""
        while greeting and not text.endswith(b"\n"):
            more = sock.recv(1)
            expect(more, "no greeting", text)
            text += more
        expect(text.startswith(greeting), text)
        return sock

    def talk(self, octets, shut=True):
        """What comes of OCTETS, up to the end."""
        sock = self.connect()
        sock.sendall(octets)
        if shut:
            sock.shutdown(socket.SHUT_WR)
        text = sock.makefile("rb").read()
        sock.close()
        return text

    def memory(self):
        """What it has in memory, in octets."""
        with open("/proc/%d/statm" % self.process.pid, encoding="ascii") as f:
            return int(f.read().split()[1]) * 4096


def inquire(*_):
    return "INQUIRE KEY a b\n"
