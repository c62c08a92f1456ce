# SPDX-License-Identifier: LGPL-2.1-or-later
"""All kinds of hostile clients at the same time, and descriptors that run out on top: clients that only
want to work are served, memory stays within the limits, and afterwards all is as it was before.

usage: test-crowd.py HOST HOSTILE
"""

import contextlib
import os
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import siege                                                    # noqa: E402
from host import Host                                           # noqa: E402
from kit import eventually, expect, expect_equal                # noqa: E402
from siege import Band, Innocent                                # noqa: E402

# The first six, and a few of each other kind.
CROWD = {"half": 100, "drip": 100, "greedy": 100, "silent": 100, "flood": 100, "reconnect": 100,
         "crawl": 20, "deaf": 20, "inquiry": 20, "endless": 20, "fds": 20, "last": 20}
N_STAYING = sum(CROWD.values()) - CROWD["reconnect"] - CROWD["fds"]

# What all of them may hold together, and what the server needs beside that: itself, a few KiB for
# each connection, and what a turn needs for a moment.
MAX_HELD_LEN = 64 << 20
OVERHEAD_LEN = 4 << 20
# What the allocator may take from the system more than it has given out.
FRAGMENTS_LEN = 32 << 20

LINE_TIMEOUT = b"line_timeout_ms=1500"


def expect_bounds(server, stats, rss):
    """Fail if more memory was used than the limits allow.  RSS is what it had at the start."""
    expect(stats["most_held_len"] <= MAX_HELD_LEN, "held", stats)
    expect(stats["most_heap_len"] <= stats["most_held_len"] + OVERHEAD_LEN,
           "more memory than is counted", stats)
    if not server.has_asan():
        expect(server.peak_rss() - rss <= stats["most_heap_len"] + FRAGMENTS_LEN, "resident:",
               server.peak_rss(), stats)


def gather(stack, server):
    """Let the whole crowd come, and wait until all are there and behave as they do."""
    bands = {kind: stack.enter_context(Band(server, kind, n)) for kind, n in CROWD.items()}
    server.await_stats("the crowd is there",
                       lambda s: s["most_connections"] >= N_STAYING and s["n_open_commands"] >= 100)
    return bands


def run_out_of_descriptors(server, innocent):
    """Let accepting pause now and then, and a client come in the middle of it."""
    visitor = threading.Thread(target=siege.visit, args=(server,), daemon=True)
    before = server.limit_fds(server.n_fds() - 30)
    n_pauses = server.stats()["n_accept_pauses"]
    server.await_stats("accepting pauses", lambda s: s["n_accept_pauses"] >= n_pauses + 3)
    visitor.start()
    innocent.expect_calls(100)
    server.limit_fds(before)
    eventually("who came meanwhile is served", lambda: not visitor.is_alive())
    visitor.join()


def expect_reports(reports):
    """Look at what each band has heard."""
    for kind, codes in {"half": {siege.TIMEOUT}, "crawl": {siege.TIMEOUT}, "drip": {siege.TIMEOUT},
                        "flood": set(), "deaf": set(), "silent": set(), "reconnect": set(),
                        "last": set(), "inquiry": {siege.TOO_MUCH_DATA},
                        "endless": {siege.TIMEOUT, siege.LINE_TOO_LONG},
                        "fds": {siege.TOO_LARGE, siege.EMFILE}}.items():
        heard = {int(x[4:]) for x in reports[kind] if x.startswith("err_")}
        expect(heard <= codes, kind, "heard other errors:", reports[kind])
    for kind in "half", "crawl", "inquiry", "endless", "fds":
        expect(reports[kind]["n_err"] >= CROWD[kind], kind, "not told:", reports[kind])
    for kind in "drip", "flood", "reconnect":
        expect(reports[kind]["n_ok"] >= 5 * CROWD[kind], kind, "not served:", reports[kind])
    for kind in "greedy", "silent", "flood", "deaf", "inquiry":
        expect_equal(reports[kind]["n_connected"], CROWD[kind], kind + " thrown out")
    expect_equal(reports["last"]["n_undone"], 0, "answers that did not come")


def tell(stats, reports, rss):
    """Print figures."""
    print("# %d clients at once, %d in all, %d commands, %d accept pauses, %d timeouts" % (
        stats["most_connections"], stats["n_accepted"], stats["n_commands"],
        stats["n_accept_pauses"], stats["n_timed_out"]))
    print("# held %.1f MiB, heap %.1f MiB, resident %.1f MiB at most; sent by them %.0f MiB" % (
        stats["most_held_len"] / 2**20, stats["most_heap_len"] / 2**20, rss / 2**20,
        sum(r["n_sent"] for r in reports.values()) / 2**20))


def crowd():
    """720 hostile clients of twelve kinds, and descriptors that run out"""
    # Limits above what the process can hold: it is to run out of descriptors.
    with Host("sample_ms=100", "max_held_len=%d" % MAX_HELD_LEN, "max_connections=100000",
              "max_passed_fds=100000") as server:
        before, rss = siege.warm_up(server), server.peak_rss()
        with contextlib.ExitStack() as stack:
            innocents = [stack.enter_context(Innocent(server)) for _ in range(2)]
            for innocent in innocents:
                innocent.expect_calls(1)
            server.observer.expect(b"LIMITS " + LINE_TIMEOUT, b"OK")
            bands = gather(stack, server)
            for innocent in innocents:
                innocent.expect_calls(200)
            run_out_of_descriptors(server, innocents[0])
            siege.visit(server)
            server.await_stats("lines do not end",
                               lambda s: s["n_timed_out"] - before["n_timed_out"] >= 300)
            for innocent in innocents:
                innocent.expect_calls(200)
            reports = {kind: band.end() for kind, band in bands.items()}
            for innocent in innocents:
                innocent.expect_calls(20)
        after = server.expect_rest(before)
        expect_bounds(server, after, rss)
        tell(after, reports, server.peak_rss())
        expect_reports(reports)


if __name__ == "__main__":
    siege.main([crowd])
