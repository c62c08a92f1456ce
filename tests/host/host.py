# SPDX-License-Identifier: LGPL-2.1-or-later
"""The host (host.c) as tests see it: a running server whose figures can be asked for."""

import os
import re
import resource
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "examples"))

import kit                                                      # noqa: E402
from kit import Connection, eventually, expect, expect_equal    # noqa: E402

# How much more may be allocated when all is over than was before: what the allocator keeps for
# itself differs by that.
HEAP_SLACK = 256 << 10


class Host(kit.Server):
    """A running host, and a connection over which it tells its figures."""

    program = ""

    def __init__(self, *options, address="unix:{}", wrapper=(), **popen):
        super().__init__(**popen)
        self.options = list(options)
        self.address = address.replace("{}", self.path)
        self.wrapper = list(wrapper)
        self.observer = None
        self.n_asked = 0

    def start(self):
        argv = [*self.wrapper, self.program, self.address, *self.options]
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, **self.popen)
        line = self.process.stdout.readline()
        expect_equal(line.decode(), "host: listening on %s\n" % self.address)
        self.observer = self.connect()
        self.observer.expect(b"COUNT 1", b"S PROGRESS COUNT ? 1 1", b"OK")
        self.idle_fds = self.n_fds()

    def connect(self, greeting=True):
        path = self.address.partition(":")[2]
        return Connection("\0" + path[1:] if path[0] == "@" else path, greeting)

    def stop(self, *args):
        self.observer.close()
        return super().stop(*args)

    def stats(self):
        """The figures, by name; n_asked is how often they were asked for."""
        reply = self.observer.command(b"STATS")
        expect_equal(reply[-1], b"OK", "STATS")
        text = re.sub(r"%([0-9A-F]{2})", lambda m: chr(int(m[1], 16)),
                      "".join(x[2:].decode() for x in reply[:-1]))
        self.n_asked += 1
        figures = {name: int(value) for name, value in map(str.split, text.splitlines())}
        return {**figures, "n_asked": self.n_asked}

    def await_stats(self, what, condition):
        """Wait until CONDITION(figures); the figures then."""
        found = {}

        def holds():
            found.update(self.stats())
            return condition(found)
        try:
            eventually(what, holds)
        except kit.Failure as failure:
            raise kit.Failure("%s: %s" % (failure, found)) from None
        return found

    def peak_rss(self):
        """The most memory that it had so far, in octets."""
        with open("/proc/%d/status" % self.process.pid, encoding="ascii") as f:
            return next(int(x.split()[1]) << 10 for x in f if x.startswith("VmHWM:"))

    def limit_fds(self, n):
        """Let it open descriptors with numbers below N only.  Returns what the limit was."""
        soft, hard = resource.prlimit(self.process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(self.process.pid, resource.RLIMIT_NOFILE, (n, hard))
        return soft

    def has_asan(self):
        """Whether it was built with AddressSanitizer."""
        with open("/proc/%d/maps" % self.process.pid, encoding="utf-8") as f:
            return "libasan" in f.read()

    def expect_rest(self, before):
        """Wait until only the observer is left, and all is as in the figures BEFORE."""
        after = self.await_stats("everybody has left", lambda s: s["n_connections"] == 1)
        expect_equal(after["n_opened"] - after["n_closed"], 1, "connections that were not closed")
        expect_equal((after["n_open_commands"], after["n_waits"]), (1, 0), "commands")
        expect_equal(after["held_len"], before["held_len"], "held")
        expect(after["heap_len"] <= before["heap_len"] + HEAP_SLACK, "memory is left:",
               after["heap_len"] - before["heap_len"])
        self.expect_fds(0)
        self.expect_asleep()
        return after
