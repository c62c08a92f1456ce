# SPDX-License-Identifier: LGPL-2.1-or-later
"""What test programs in Python share: how they fail and skip, how they wait, and their files."""

import os
import tempfile
import time

TIMEOUT = 60    # seconds; only a hang takes that long


class Failure(Exception):
    """Something is not as a user would want it."""


class Skip(Exception):
    """This cannot be tried here; the text says why."""


def expect(condition, *what):
    """Fail, telling WHAT, unless CONDITION holds."""
    if not condition:
        raise Failure(" ".join(str(x) for x in what))


def expect_equal(got, wanted, *what):
    """Fail unless GOT is WANTED."""
    expect(got == wanted, *what, "got:", repr(got)[:3000], "wanted:", repr(wanted)[:3000])


def eventually(what, condition):
    """Wait until CONDITION() is true; returns what it returned."""
    deadline = time.monotonic() + TIMEOUT
    while True:
        value = condition()
        if value:
            return value
        expect(time.monotonic() < deadline, "never:", what)
        time.sleep(0.01)


class Directory:
    """A new directory with a short path, and the files in it."""

    def __init__(self, prefix):
        # A socket's path has at most 107 octets, so not below a long TMPDIR.
        self.dir = tempfile.mkdtemp(prefix=prefix, dir="/tmp")

    def path(self, *parts):
        """A path in this directory."""
        return os.path.join(self.dir, *parts)

    def write(self, name, content, mode=0o600):
        """Write CONTENT to the file NAME and return its path."""
        path = self.path(name)
        with open(path, "wb") as f:
            f.write(content if isinstance(content, bytes) else content.encode())
        os.chmod(path, mode)
        return path

    def read(self, name):
        """The octets of the file NAME."""
        with open(self.path(name), "rb") as f:
            return f.read()
