# SPDX-License-Identifier: LGPL-2.1-or-later
"""Each kind of hostile client alone: what the server does about it, what it tells, what it costs.

usage: test-neighbours.py HOST HOSTILE
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import siege                                                    # noqa: E402
from host import Host                                           # noqa: E402
from kit import Failure, Skip, eventually, expect, expect_equal # noqa: E402
from siege import Band, Innocent                                # noqa: E402

N = 100             # of each kind
KIB = 1 << 10

# What one connection may hold beside its queued output: octets that came, and the reply that is
# just made.
READ_LEN = 16 * KIB
REPLY_LEN = 16 * KIB
HIGH_WATER = 64 * KIB


def compare(stats, before, innocent):
    """How much more STATS are than BEFORE."""
    more = {name: stats[name] - before[name] for name in before}
    more["n_hostile"] = more["n_commands"] - more["n_asked"] - innocent.n_calls
    return more


def besiege(kind, until, limit=None):
    """N of KIND, under LIMIT, until UNTIL(figures more than before), beside an innocent client.

    Returns what they told, and how much more than before the figures then were.  Of these,
    n_hostile is the number of commands that were theirs."""
    with Host("sample_ms=50") as server:
        before = siege.warm_up(server)
        with Innocent(server) as innocent:
            innocent.expect_calls(1)
            if limit:       # for clients that come now
                server.observer.expect(b"LIMITS " + limit, b"OK")
            with Band(server, kind, N) as band:
                then = server.await_stats("all that is expected of `%s'" % kind,
                                          lambda s: until(compare(s, before, innocent)))
                more = compare(then, before, innocent)
                innocent.expect_calls(40)
                report = band.end()
        server.expect_rest(before)
    return report, more


def expect_only(report, code):
    """Fail unless all errors that were heard have CODE, if any."""
    others = [x for x in report if x.startswith("err_") and x != "err_%d" % code]
    expect(not others, "other errors:", report)


def half():
    """half a line: after its time the client is told so, and the connection is closed"""
    report, more = besiege("half", lambda d: d["n_timed_out"] >= 2 * N, b"line_timeout_ms=200")
    expect(report["n_err"] >= N, "not told:", report)
    expect_only(report, siege.TIMEOUT)
    expect_equal(report["n_err"], report["n_ended"] + report["n_reset"], "closed without a word")
    expect(more["held_len"] <= (N + 2) * READ_LEN, "holds", more)


def drip():
    """whole lines, octet by octet: they are served like any other"""
    report, more = besiege("drip", lambda d: d["n_hostile"] >= 10 * N)
    expect(report["n_ok"] >= 9 * N, "not served:", report)
    expect_equal((report["n_err"], more["n_timed_out"], report["n_connected"]), (0, 0, N))


def crawl():
    """one line, octet by octet: it has the same time as half a line"""
    report, _ = besiege("crawl", lambda d: d["n_timed_out"] >= 2 * N, b"line_timeout_ms=200")
    expect(report["n_err"] >= N, "not told:", report)
    expect_only(report, siege.TIMEOUT)


def greedy():
    """bulk data that are not read: a pump waits and holds a bounded piece of them"""
    _, more = besiege("greedy", lambda d: d["n_open_commands"] >= N
                      and d["held_len"] >= N * HIGH_WATER)
    expect_equal((more["n_dropped"], more["n_timed_out"]), (0, 0))
    expect(more["held_len"] <= N * (3 * HIGH_WATER + READ_LEN), "holds", more)


def greedy_idle():
    """bulk data that are not read, with a limit of idle time: the connection is dropped"""
    _, more = besiege("greedy", lambda d: d["n_timed_out"] >= 2 * N, b"idle_timeout_ms=200")
    expect(more["n_cancelled"] >= 2 * N, "pumps go on:", more)


def silent():
    """nothing at all: the connection stays, holds no buffers, and costs little"""
    _, more = besiege("silent", lambda d: d["n_connections"] >= N)
    expect_equal(more["n_timed_out"], 0)
    expect(more["held_len"] <= 2 * READ_LEN, "holds", more)


def silent_idle():
    """nothing at all, with a limit of idle time: the client is told so, and closed"""
    report, _ = besiege("silent", lambda d: d["n_timed_out"] >= 2 * N, b"idle_timeout_ms=200")
    expect(report["n_err"] >= N, "not told:", report)
    expect_only(report, siege.TIMEOUT)


def reconnect():
    """coming and leaving again and again: each is greeted, and nothing stays behind"""
    report, more = besiege("reconnect", lambda d: d["n_closed"] >= 20 * N)
    expect(report["n_ok"] >= 19 * N, "not greeted:", report)
    expect_equal((report["n_err"], more["n_refused"], more["n_dropped"]), (0, 0, 0))


def flood():
    """NOPs as fast as it goes: all are answered, in bounded memory"""
    report, more = besiege("flood", lambda d: d["n_hostile"] >= 1000 * N)
    expect(report["n_ok"] >= 900 * N, "not answered:", report)
    expect_equal((report["n_err"], report["n_connected"]), (0, N))
    expect(more["most_held_len"] <= 2 * N * (READ_LEN + HIGH_WATER + REPLY_LEN), "held", more)


def deaf():
    """the same without reading the answers: no more is read than can be answered"""
    _, more = besiege("deaf", lambda d: d["held_len"] >= N * HIGH_WATER)
    expect_equal(more["n_dropped"], 0)
    expect(more["held_len"] <= N * (READ_LEN + HIGH_WATER + 2 * REPLY_LEN), "holds", more)


def inquiry():
    """data without end in answer to an inquiry: the command fails, the rest is swallowed"""
    max_len = 100000
    report, more = besiege("inquiry", lambda d: d["n_hostile"] >= N
                           and d["held_len"] <= (N + 2) * READ_LEN)
    expect_equal(report["err_%d" % siege.TOO_MUCH_DATA], N)
    expect_only(report, siege.TOO_MUCH_DATA)
    expect(report["n_sent"] >= N * max_len, "not read:", report)
    # A buffer that is full, and the next one, twice as long.
    expect(more["most_held_len"] <= N * (4 * max_len + READ_LEN), "held", more)


def endless():
    """a line without end: it is refused, dropped as it comes, and has to end in time"""
    report, more = besiege("endless", lambda d: d["n_timed_out"] >= 2 * N, b"line_timeout_ms=500")
    expect(report["err_%d" % siege.LINE_TOO_LONG] >= 2 * N, "not told:", report)
    expect(report["err_%d" % siege.TIMEOUT] >= N, "not told:", report)
    expect(more["most_held_len"] <= 2 * N * (READ_LEN + REPLY_LEN), "held", more)


def fds():
    """descriptors in masses: they are closed, the client is told so, and closed"""
    report, _ = besiege("fds", lambda d: d["n_dropped"] >= 5 * N)
    expect(report["n_err"] >= 4 * N, "not told:", report)
    expect_only(report, siege.TOO_LARGE)


def last():
    """20000 NOPs and a half-close: each is answered, then the connection ends"""
    report, more = besiege("last", lambda d: d["n_closed"] >= 2 * N)
    expect(report["n_done"] >= N, "not answered:", report)
    expect_equal((report["n_undone"], report["n_err"], more["n_dropped"]), (0, 0, 0))


def too_many():
    """more clients than are allowed: they are told so, and the others are served"""
    with Host("max_connections=10") as server:
        with Innocent(server) as innocent, Band(server, "silent", 20) as band:
            # Each of the band may have one that it has not read yet.
            server.await_stats("some are refused", lambda s: s["n_refused"] >= 60)
            innocent.expect_calls(40)
            report = band.end()
        expect_equal(server.stats()["most_connections"], 10)
        expect(report["err_%d" % siege.LIMIT_REACHED] >= 40, "not told:", report)
        server.await_stats("they left", lambda s: s["n_connections"] == 1)
        siege.visit(server)


def no_descriptors():
    """no descriptors are left: accepting pauses, the server sleeps, and later all are served"""
    with Host() as server, server.connect() as c:
        before = server.limit_fds(3)
        waiting = [server.connect(greeting=False) for _ in range(5)]
        server.await_stats("accepting pauses", lambda s: s["n_accept_pauses"] >= 3)
        server.expect_asleep()
        c.expect(b"ECHO still", b"D still", b"OK")
        server.limit_fds(before)
        for w in waiting:
            with w:
                expect(w.line().startswith(b"OK "), "no greeting")
                w.expect(b"ECHO now", b"D now", b"OK")
        expect_equal(server.stats()["n_refused"], 0)


def all_held():
    """more is held than is allowed: clients that want more are dropped, and the bound is kept"""
    limit = 4 << 20
    with Host("max_held_len=%d" % limit, "sample_ms=5") as server:
        siege.warm_up(server)
        with Band(server, "greedy", N) as band:
            def n_dropped():
                # A client that wants more is dropped, the observer, too.
                try:
                    server.observer.close()
                    server.observer = server.connect()
                    return server.stats()["n_dropped"]
                except (Failure, OSError):
                    return 0
            eventually("some are dropped", lambda: n_dropped() >= N)
            band.end()
        eventually("there is room again", n_dropped)
        stats = server.stats()
        expect(stats["most_held_len"] <= limit, "held", stats)
        expect(stats["most_heap_len"] <= limit + (2 << 20), "more memory than is counted:", stats)
        siege.visit(server)


def of_one_user():
    """one user's clients hold all that they may: another user's calls all succeed"""
    if os.geteuid():
        raise Skip("needs two users, so it is for root alone")
    limit, other = 4 << 20, 65534
    with Host("max_held_per_uid_len=%d" % limit, "allow_uid=%d" % other, "sample_ms=5",
              address="unix:@{}") as server:
        with Innocent(server) as innocent:
            with Band(server, "greedy", N, user=other) as greedy_band, \
                    Band(server, "flood", N, user=other):
                server.await_stats("some are dropped", lambda s: s["n_dropped"] >= N)
                innocent.expect_calls(100)
                greedy_band.end()
        stats = server.stats()
        expect(stats["most_held_len"] <= limit + (1 << 20), "held", stats)


def strangers():
    """another user's clients, in masses, get their share of descriptors: root's are greeted"""
    if os.geteuid():
        raise Skip("needs two users, so it is for root alone")
    other = 65534
    with Host("allow_uid=%d" % other, address="unix:@{}") as server:
        before = server.limit_fds(320)
        with Innocent(server) as innocent, Band(server, "fds", N, user=other), \
                Band(server, "silent", 5 * N, user=other):
            server.await_stats("some are refused", lambda s: s["n_refused"] >= N)
            innocent.expect_calls(100)
            for _ in range(10):
                siege.visit(server)
            stats = server.stats()
        expect(stats["n_passed_fds"] <= 60, "passed", stats)
        expect(stats["most_connections"] <= 150 + 12, "connections", stats)
        expect_equal(stats["n_accept_pauses"], 0)
        server.limit_fds(before)


if __name__ == "__main__":
    siege.main([half, drip, crawl, greedy, greedy_idle, silent, silent_idle, reconnect, flood, deaf,
                inquiry, endless, fds, last, too_many, no_descriptors, all_held, of_one_user,
                strangers])
