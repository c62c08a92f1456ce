# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests with hostile clients need: bands of these, and clients that only want to work."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "host"))

import host                                                     # noqa: E402
import kit                                                      # noqa: E402
from kit import eventually, expect, expect_equal                # noqa: E402

# Error codes of libgpg-error.
TIMEOUT, TOO_LARGE, LINE_TOO_LONG, TOO_MUCH_DATA, LIMIT_REACHED = 62, 67, 263, 273, 183
EMFILE = 32833


class Band:
    """N hostile clients of one KIND, in a process of their own, of USER if that is given."""

    program = ""

    def __init__(self, server, kind, n, user=None, **popen):
        path = server.address.partition(":")[2]
        self.kind, self.n = kind, n
        with tempfile.TemporaryDirectory(prefix="eva-") as public:
            program = self.program
            if user is not None:    # who may not enter a build directory in /root
                os.chmod(public, 0o755)
                program = shutil.copy(program, public)
                os.chmod(program, 0o755)
            self.process = subprocess.Popen([program, kind, path, str(n)], user=user, **popen,
                                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def end(self):
        """Let them go.  Returns what they did and heard."""
        self.process.send_signal(signal.SIGTERM)
        out, _ = self.process.communicate(timeout=kit.TIMEOUT)
        expect_equal(self.process.returncode, 0, "the clients `%s' failed" % self.kind)
        return {name: int(value) for name, value in map(str.split, out.decode().splitlines())}


class Innocent(threading.Thread):
    """A client that calls, one call after the other, checks each answer, and tells what failed."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server = server
        self.n_calls = 0
        self.failure = None
        self.stopping = False

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exc):
        self.stopping = True
        self.join()

    def run(self):
        try:
            with self.server.connect() as c:
                while not self.stopping:
                    self.call(c)
        except Exception as failure:    # whatever it is, the waiting thread tells it
            self.failure = failure

    def call(self, c):
        """Three calls, sent ahead, and one with an inquiry."""
        n = self.n_calls
        c.send(b"".join(b"ECHO call %d\n" % (n + i) for i in range(3)))
        for i in range(3):
            expect_equal(c.reply(), [b"D call %d" % (n + i), b"OK"])
        expect_equal(c.command(b"ASK"), [b"INQUIRE DATA"])
        expect_equal(c.command(b"D one %d\nD , two\nEND" % n), [b"D one %d, two" % n, b"OK"])
        self.n_calls += 4

    def expect_calls(self, n):
        """Wait until N more calls have succeeded."""
        wanted = self.n_calls + n
        eventually("the innocent client's calls succeed",
                   lambda: self.failure or self.n_calls >= wanted)
        expect(not self.failure, "an innocent client suffers:", repr(self.failure))


def visit(server):
    """Come, ask, and leave."""
    with server.connect() as c:
        c.expect(b"ECHO here", b"D here", b"OK")
        c.expect(b"BYE", b"OK closing connection")
        expect_equal(c.line(), None)


def warm_up(server):
    """Let the server have what it keeps for good, and tell its figures then."""
    with Band(server, "last", 60) as band:
        server.await_stats("a crowd is served", lambda s: s["n_commands"] > 60 * 20000)
        band.end()
    server.await_stats("it left", lambda s: s["n_connections"] == 1)
    return server.stats()


def main(tests):
    """Run TESTS on the programs that the command line names."""
    host.Host.program, Band.program = map(os.path.abspath, sys.argv[1:3])
    kit.main(tests)
