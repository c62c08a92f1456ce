# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests of `assuanctl monitor` share."""

import base64
import os
import re

from kit import TOOL, Skip, expect

SECRET = "qZ" + base64.b16encode(os.urandom(12)).decode().lower()
TALK = {"GETPIN": "D %s\nOK\n" % SECRET, "GETINFO version": "D 1.0\nOK\n", "OTHER": "D twelve octet\nOK\n",
        "BAD": b"D a\xff\nOK\n", "ASK": "INQUIRE PASSPHRASE x\n", "END": "OK\n",
        "ESC": "# \x1b]0;x\x07\nS \x1b[2J\x9b31m\nD \x1b[31m\xc2\x9b\nOK \x1bc\n"}


def forms(secret):
    """How a secret may be written."""
    octets = secret.encode()
    return [octets, octets.hex().encode(), octets.hex().upper().encode(),
            b"".join(b"%%%02X" % x for x in octets), base64.b64encode(octets)[:-2]]


def expect_clean(*texts):
    """No secret is in any of them."""
    for text in texts:
        text = text if isinstance(text, bytes) else text.encode()
        for form in forms(SECRET):
            at = text.find(form)
            expect(at < 0, "a secret shows:", text[max(at - 200, 0):at + 100])


def monitored(place, mock, *commands, options=()):
    """What a monitor shows of a client that gives these commands."""
    words = [x for c in commands for x in ("-c", c)]
    return place.ctl(*options, "monitor", mock.address, "--", TOOL, "call", "-q", "-o", "comments", mock.address,
                     *words)


def private(result):
    """Skip where the system has no private mounts for this user."""
    if result.code == 5 and "allows no private" in result.err:
        raise Skip("no private mounts here")
    return result


def texts(result):
    """The lines without time and connection."""
    return [x.split(" ", 2)[2] for x in result.out.decode().splitlines() if re.match(r"[0-9:.]+ #", x)]


def takes(pid, sig):
    """Whether a process has blocked the signal, to read it."""
    with open("/proc/%d/status" % pid, encoding="ascii") as f:
        return int(re.search(r"SigBlk:\s*(\w+)", f.read())[1], 16) >> (sig - 1) & 1


def start_listening(place, mock, *options):
    """A monitor between a socket L and the mock."""
    child = place.start("monitor", mock.address, "--listen=" + place.path("L"), *options)
    first = (child.stdout if "-j" in options else child.stderr).readline()
    expect(b"listen" in first, "does not listen")
    return child


def memory(pid):
    """What a process may write to, without what is too big to be of use."""
    octets = []
    with open("/proc/%d/maps" % pid, encoding="ascii") as maps, open("/proc/%d/mem" % pid, "rb", 0) as mem:
        for line in maps:
            begin, end = (int(x, 16) for x in line.split()[0].split("-"))
            if line.split()[1].startswith("rw") and end - begin < 1 << 26 and "[v" not in line:
                try:
                    mem.seek(begin)
                    octets.append(mem.read(end - begin))
                except OSError:
                    pass
    expect(sum(map(len, octets)) > 10000, "no memory")
    return b"".join(octets)
