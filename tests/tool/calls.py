# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests of `assuanctl call` share."""

import os
import pty
import re
import select
import time

from kit import TOOL, Skip, expect

UNKNOWN = "ERR 67109139 Unknown IPC command <GPG Agent>\n"
CANCELED = "ERR 67109141 IPC call has been cancelled <GPG Agent>\n"
EVERY = bytes(range(256))


def escape(octets):
    """OCTETS as data lines."""
    return b"".join(
        b"D " + re.sub(b"[%\r\n]", lambda m: b"%%%02X" % m[0][0], octets[at:at + 300]) + b"\n"
        for at in range(0, len(octets), 300))


def unescape(text):
    return re.sub(rb"%([0-9A-Fa-f]{2})", lambda m: bytes([int(m[1], 16)]), text)


def inquire(keyword="KEY", then="OK\n"):
    """An answer that inquires, and keeps what it is told as the last of mock.heard."""
    def answer(_, __):
        return "INQUIRE %s\n" % keyword
    return {"ASK": answer, "END": then, "CAN": CANCELED}


def answered(mock):
    """The answer that a mock was given, or None for CAN."""
    expect(mock.heard[-1] in ("END", "CAN", "BYE"), mock.heard)
    lines = [x for x in mock.heard if x.startswith("D ")]
    if "CAN" in mock.heard:
        return None
    return b"".join(unescape(x[2:].encode("utf-8", "surrogateescape")) for x in lines)


TALK = {
    "DATA": "D one%25%0Atwo\nOK\n",
    "ALL": "# a comment\nS PROGRESS x ? 1 2\nS OTHER\nD data\nOK done\n",
    "NOSUCH": UNKNOWN,
    "PROGRESS": "S PROGRESS x ? 1 2\nD x\nS OTHER\nD y%25\nOK done\n",
    "EVERY": escape(EVERY) + b"OK\n",
    "SLOW": lambda *_: time.sleep(30) or "OK\n",
    "CLOSE": None,
    "HALF": lambda sock, _: sock.sendall(b"D half\nOK but no"),
    "JUNK": "What is this?\n",
    "DOUBLE": "OK\nOK\n",
    "LONG": b"D " + b"x" * 5000 + b"\nOK\n",
    "ESC": "S \033]0;title\007\nD \033[31mred\nOK\n",
    "PLAIN": "# comment\nS X\nD x\nOK\n",
    "BARE": "D x\nEND\nOK\n",
    "INVALID": b"D a\xff\xfe%00\nOK\n",
}


class Terminal:
    """The tool on a terminal of its own."""

    def __init__(self, place, *args, **env):
        pid, self.fd = pty.fork()
        if not pid:
            os.execve(TOOL, [TOOL, *args], {**place.env, **env})
        self.pid, self.shown = pid, b""

    def read(self):
        """Take what comes, until TEXT or the end."""
        if not select.select([self.fd], [], [], 20)[0]:
            return False
        try:
            octets = os.read(self.fd, 65536)
        except OSError:
            octets = b""
        self.shown += octets
        return bool(octets)

    def until(self, text):
        while text not in self.shown:
            expect(self.read(), "never:", text, self.shown)

    def end(self):
        while self.read():
            pass
        os.close(self.fd)
        return os.waitpid(self.pid, 0)[1]


class Example:
    """The example server."""

    def __init__(self, place):
        program = os.environ.get("EVA_SERVER")
        if not program:
            raise Skip("the example server was not built")
        self.address = "unix:" + place.path("E")
        child = place.spawn([program, self.address])
        child.stdout.readline()
