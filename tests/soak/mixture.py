#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""An eva_server with all kinds of clients together, coming and going for a long time.

usage: mixture.py [--seed N] SECONDS HOST HOSTILE CALLERS

Clients of eva_connect (callers.c), ordinary ones that speak octets (soak.py), and hostile ones
(../hostile) at the same time, in rounds.  Every answer to the first two is checked.  Between the
rounds, when all but a few residents have gone, the server must have as many descriptors as at its
start, must hold nothing and compute nothing, and after the warm-up its memory must not grow.

Figures stand at the end.  On SIGINT they are those so far, nothing is left behind, and the exit
status is 130.
"""

import argparse
import collections
import contextlib
import os
import random
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[1:1] = [os.path.join(HERE, ".."), os.path.join(HERE, "..", "hostile"),
                 os.path.join(HERE, "..", "host"), os.path.join(HERE, "..", "examples")]

import kit                                                      # noqa: E402
import siege                                                    # noqa: E402
import soak                                                     # noqa: E402
from host import Host                                           # noqa: E402
from kit import expect, expect_equal                            # noqa: E402
from siege import Band                                          # noqa: E402

N_WORKERS = 6
N_CALLERS = 30
HOSTILE = {"half": 10, "drip": 10, "crawl": 5, "greedy": 5, "silent": 10, "reconnect": 1,
           "flood": 1, "deaf": 3, "inquiry": 3, "endless": 1, "fds": 1, "last": 1}

# How much what is allocated may differ between rounds that do the same, and what the system sees of
# it, which depends on how many clients there happened to be at a time.
HEAP_SLACK_KIB = 32
RSS_SLACK_KIB = 4096

CALLS = {"good": "n_good", "refused": "n_refused", "given up": "n_cancelled",
         "timed out": "n_timed_out", "left behind": "n_lost"}


# --- What clients do that know the host -----------------------------------------------------------

def timed(rng, mixture):
    """limits of time of one's own"""
    with mixture.connect() as c:
        kind = rng.choice((b"line", b"idle"))
        c.expect(b"LIMIT " + kind + b"_timeout_ms=%d" % rng.randrange(1, 30), b"OK")
        if kind == b"line":
            c.send(b"ECHO half a li")
        expect(c.line().startswith(b"ERR "), "not told")
        soak.expect_end(c)
    with mixture.connect() as c:
        c.expect(b"LIMIT command_timeout_ms=10", b"OK")
        c.expect_error(b"WAIT", siege.TIMEOUT)
        c.expect(b"LIMIT inquiry_timeout_ms=10", b"OK")
        expect_equal(c.command(b"ASK"), [b"INQUIRE DATA"])
        soak.expect_err(c.reply(), siege.TIMEOUT, b"ASK")


def take(rng, mixture):
    """an answer of any length, which is pumped"""
    octets = rng.randbytes(rng.choice((0, 1, 5000, 300000)))
    with mixture.connect() as c:
        c.expect(b"TAKE", b"INQUIRE DATA")
        soak.drip(rng, c, soak.answer(rng, octets))
        c.expect(b"END", b"S TAKEN %d" % len(octets), b"OK")


def zeros(rng, mixture):
    """bulk data, read to the end or not"""
    n = rng.choice((0, 1, 100000, 3000000))
    with mixture.connect() as c:
        c.send(b"BULK %d\nECHO behind\n" % n)
        if rng.random() < 0.7:
            octets = soak.data_of(lines := c.reply())
            soak.expect_ok(lines, b"BULK")
            expect(octets == bytes(n), "other data than zeros")
            expect_equal(c.reply(), [b"D behind", b"OK"])


# --- Rounds ---------------------------------------------------------------------------------------

class Mixture(soak.Soak):
    """Rounds of everything."""

    scenarios = {**soak.SCENARIOS, timed: 6, take: 6, zeros: 6}

    def __init__(self, server, seed, callers):
        super().__init__(server, seed, N_WORKERS)
        self.seed, self.callers = seed, callers
        self.sums = collections.Counter()
        self.heap_kib, self.rss_kib = [], []
        self.callers_kib = 0        # the most that they had
        self.n_failures = 0         # whatever was not as it should have been
        self.await_rest()

    def await_rest(self):
        """Wait until only the residents and the observer are there.  The figures."""
        return self.server.await_stats("all have left",
                                       lambda s: s["n_connections"] == 1 + soak.N_RESIDENTS)

    @contextlib.contextmanager
    def calling(self, seconds):
        """Callers for so long, or until the end if that is earlier."""
        argv = [self.callers, self.server.address, str(N_CALLERS), str(seconds),
                str(self.seed + len(self.heap_kib))]
        with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              start_new_session=True, env=soak.environment()) as child:
            try:
                yield
                child.terminate()
                out, _ = child.communicate(timeout=kit.TIMEOUT)
            except subprocess.TimeoutExpired:
                raise kit.Failure("calls do not end") from None
            finally:
                child.kill()
        figures = {name: int(value) for name, value in map(str.split, out.decode().splitlines())}
        self.callers_kib = max(self.callers_kib, figures.pop("max_rss_kib", 0))
        self.sums.update(figures)
        expect_equal(child.returncode, 0, "the callers failed")

    def mix(self, seconds):
        """All of them for SECONDS."""
        with contextlib.ExitStack() as stack:
            stack.enter_context(self.calling(seconds))
            bands = [stack.enter_context(Band(self.server, kind, n, start_new_session=True))
                     for kind, n in HOSTILE.items()]
            self.play_all(seconds)
            for band in bands:
                report = band.end()
                expect_equal(report["n_undone"], 0, "hostile clients that were not answered")
                self.sums.update(n_hostile=report["n_connected"], n_hostile_octets=report["n_sent"])

    def round(self, seconds):
        """One round, and what it left behind."""
        self.mix(seconds)
        self.expect_served()
        left = self.await_rest()
        expect_equal((left["n_open_commands"], left["n_waits"]), (1, 0), "commands")
        expect_equal(left["n_opened"] - left["n_closed"], 1 + soak.N_RESIDENTS, "connections")
        self.server.expect_fds(soak.N_RESIDENTS)
        self.server.expect_asleep()
        self.heap_kib.append(left["heap_len"] >> 10)
        self.rss_kib.append(self.server.memory_kib())
        print("round %d: %d connections, %d commands so far, %d descriptors, %d KiB allocated, "
              "%d KiB resident" % (len(self.heap_kib), left["n_accepted"], left["n_commands"],
                                   self.server.n_fds(), self.heap_kib[-1], self.rss_kib[-1]),
              flush=True)

    def tell(self, seconds):
        """Print figures."""
        s = self.server.stats()
        print("%d rounds in %d seconds" % (len(self.heap_kib), seconds))
        print("connections: %d, at most %d at once; %d callers, %d hostile ones, %d others" % (
            s["n_accepted"], s["most_connections"], self.sums["n_connections"],
            self.sums["n_hostile"],
            s["n_accepted"] - self.sums["n_connections"] - self.sums["n_hostile"]))
        print("commands: %d; %d cancelled" % (s["n_commands"], s["n_cancelled"]))
        print("timeouts: %d; connections dropped: %d; accept pauses: %d" % (
            s["n_timed_out"], s["n_dropped"], s["n_accept_pauses"]))
        print("calls: %d; %s; %d MiB" % (
            self.sums["n_calls"],
            ", ".join("%d %s" % (self.sums[x], name) for name, x in CALLS.items()),
            self.sums["n_octets"] >> 20))
        print("ordinary clients: " + ", ".join("%d %s" % (n, name)
                                               for name, n in self.played.most_common()))
        print("hostile clients: %d MiB sent" % (self.sums["n_hostile_octets"] >> 20))
        print("memory at most: %d KiB held, %d KiB allocated, %d KiB resident; callers: %d KiB" % (
            s["most_held_len"] >> 10, s["most_heap_len"] >> 10, self.server.peak_rss() >> 10,
            self.callers_kib))
        print("descriptors: %d, at the start %d" % (
            self.server.n_fds() - self.residents.qsize(), self.server.idle_fds))
        print("errors: %d" % (self.sums["n_errors"] + self.n_failures), flush=True)


def run(mixture, seconds):
    """All rounds, and their figures.  Returns false if they were interrupted."""
    start = time.monotonic()
    round_s = min(soak.ROUND_S, seconds / 6)
    try:
        while time.monotonic() < start + seconds or len(mixture.heap_kib) < 4:
            mixture.round(round_s)
        return True
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        return False
    except kit.Failure as failure:
        mixture.n_failures = len(mixture.failures) + 1
        print("failed: %s" % failure, flush=True)
        raise
    finally:
        if mixture.server.process.poll() is None:
            mixture.tell(time.monotonic() - start)


def expect_no_growth(mixture):
    """Fail if the server's memory grew from round to round."""
    soak.expect_no_growth("allocated", mixture.heap_kib, HEAP_SLACK_KIB)
    soak.expect_no_growth("resident", mixture.rss_kib,
                          soak.ASAN_SLACK_KIB if mixture.server.has_asan() else RSS_SLACK_KIB)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("seconds", type=float)
    parser.add_argument("programs", nargs=3, metavar="PROGRAM")
    args = parser.parse_args()
    Host.program, Band.program, callers = map(os.path.abspath, args.programs)
    print("mixture, seed %d" % args.seed, flush=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with Host("sample_ms=100", start_new_session=True, env=soak.environment()) as server:
        mixture = Mixture(server, args.seed, callers)
        is_whole = run(mixture, args.seconds)
        if is_whole:
            expect_no_growth(mixture)
        for c in list(mixture.residents.queue):
            c.close()
    print("fine" if is_whole else "interrupted")
    return 0 if is_whole else 130


if __name__ == "__main__":
    try:
        sys.exit(main())
    except kit.Failure as failure:
        sys.exit("soak: %s" % failure)
