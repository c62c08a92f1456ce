# SPDX-License-Identifier: LGPL-2.1-or-later
"""A shell in a directory of its own, in which the commands of a transcript run one by one."""

import os
import pathlib
import re
import secrets
import selectors
import shutil
import signal
import subprocess
import tempfile
import time

from tap import Failure, expect

TIMEOUT = 120       # seconds for one command; only a hang takes that long


def is_listening(path):
    """Whether a process listens on the socket PATH.  Asking it would make us a client.

    One that has taken PATH over is known by a hidden name beside it.
    """
    with open("/proc/net/unix", encoding="utf-8") as table:
        rows = [line.split() for line in table][1:]
    names = [row[7] for row in rows if len(row) == 8 and int(row[3], 16) & 0x10000]
    return any(x == str(path) or x.startswith(f"{path.parent}/.") for x in names)


class Shell:
    """The shell, its directory, and all that it started; close ends them."""

    def __init__(self, environment):
        # A socket's path may have 107 octets, so not below a long TMPDIR.
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="eva-", dir="/tmp"))
        (self.dir / ".gnupg").mkdir(mode=0o700)
        env = {**os.environ, **environment, "HOME": str(self.dir), "LC_ALL": "C",
               "GNUPGHOME": str(self.dir / ".gnupg")}
        self.process = subprocess.Popen(["bash", "--norc", "--noprofile"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        cwd=self.dir, env=env, start_new_session=True)
        self.marker = secrets.token_hex(16)

    def close(self):
        """End the shell and everything in its session."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()
        shutil.rmtree(self.dir, ignore_errors=True)

    def until_marker(self):
        """What is printed up to the marker, and the status that stands behind that."""
        deadline = time.monotonic() + TIMEOUT
        pattern = re.compile(self.marker.encode() + rb" (\d+)\n")
        printed = b""
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while not pattern.search(printed):
                expect(selector.select(deadline - time.monotonic()), "hangs; it printed:", printed)
                octets = os.read(self.process.stdout.fileno(), 65536)
                expect(octets, "the shell is gone; it printed:", printed)
                printed += octets
        found = pattern.search(printed)
        return printed[:found.start()].decode(), int(found.group(1))

    def run(self, command):
        """Run COMMAND; return what it printed, and its status.

        A server that it starts listens then, and one that it ends is gone.
        """
        text = f"{{ {command}\n}} </dev/null\necho {self.marker} $?\n"
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()
        printed, status = self.until_marker()
        server = re.search(r"unix:\$PWD/(\S+) &$", command)
        if server:
            self.await_server(self.dir / server.group(1))
        elif command.startswith("kill ") and "wait" not in command:
            self.run("wait $! 2>/dev/null")
        return printed, status

    def await_server(self, path):
        """Wait until a process listens on PATH."""
        deadline = time.monotonic() + TIMEOUT
        while not is_listening(path):
            is_gone = self.run("builtin kill -0 $! 2>/dev/null")[1]
            if is_gone or time.monotonic() > deadline:
                raise Failure(f"nobody listens on {path.name}")
            time.sleep(0.01)
