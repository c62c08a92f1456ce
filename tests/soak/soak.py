#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Many connections to an example server come and go, politely and rudely, for a long time.

usage: soak.py [--seed N] [--workers N] SECONDS SERVER ARGUMENT...

{} in an argument stands for the socket's path.

Every reply is checked.  Between the rounds, when all clients but a few residents have gone, the
server must have as many descriptors as at its start, must not compute, and after the warm-up its
memory must not grow.  At last it is ended in the middle of commands, and must leave with exit
status 0 and without its socket.

The seed chooses what each worker does; how the workers' doings mix is the scheduler's choice.
"""

import argparse
import collections
import hashlib
import os
import queue
import random
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback

sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "examples"))

import kit                                                      # noqa: E402
from kit import Server, expect, expect_equal                    # noqa: E402

# Error codes of libgpg-error.
NOT_IMPLEMENTED, NO_FD, SYNTAX, UNKNOWN_COMMAND, PARAMETER = 69, 257, 276, 275, 280
NO_INPUT, TOO_MUCH_DATA, CANCELED, UNEXPECTED_CMD, EPIPE = 278, 273, 277, 274, 32877
MAX_DIGEST_LEN = 16 << 20

N_RESIDENTS = 4         # connections that stay from the first round to the last
PIPE_LEN = 48 << 10     # octets that every pipe takes without a reader
ROUND_S = 10            # the longest round

# How much the memory may differ between rounds that do the same.  What AddressSanitizer keeps of
# freed memory comes on top.
SLACK_KIB = 512
ASAN_SLACK_KIB = 16384

# What the server may say on standard error.
HARMLESS = re.compile(r"[a-z-]+: (client \d+: (Line passed to IPC too long|Timeout)"
                      r"|commands that have up to \d seconds to finish: .*)$")


# --- The server -----------------------------------------------------------------------------------

def environment():
    """The environment for programs whose memory is watched."""
    env = dict(os.environ)
    # So that freed memory goes back to the system, and a leak cannot hide in what is kept.
    env["MALLOC_TRIM_THRESHOLD_"] = env["MALLOC_MMAP_THRESHOLD_"] = "131072"
    env["GLIBC_TUNABLES"] = "glibc.malloc.tcache_count=0"
    env["ASAN_OPTIONS"] = env.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=4"
    return env


class SoakServer(Server):
    """A server whose messages go to a file, which is never full."""

    def start(self):
        with open(self.dir + "/err", "wb") as err:
            self.process = subprocess.Popen(self.at(self.path), stdin=subprocess.DEVNULL,
                                            stdout=subprocess.PIPE, stderr=err,
                                            env=environment())
        self.expect_listening()

    def finish(self):
        try:
            self.process.communicate(timeout=kit.TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            raise kit.Failure("the server does not end") from None
        return self.process.returncode, self.messages()

    def messages(self):
        """What the server has said on standard error."""
        with open(self.dir + "/err", encoding="utf-8", errors="replace") as f:
            return f.read()


def has_asan(program):
    """Whether PROGRAM was built with AddressSanitizer."""
    with open(program, "rb") as f:
        return b"__asan_init" in f.read()


# --- Requests and their replies -------------------------------------------------------------------

def unescape(octets):
    """Data as they were before they were escaped."""
    return re.sub(rb"%([0-9A-F]{2})", lambda m: bytes([int(m[1], 16)]), octets)


def data_of(lines):
    """The data in a reply."""
    return unescape(b"".join(x[2:] for x in lines if x.startswith(b"D ")))


def expect_ok(lines, request):
    """Fail unless the reply LINES ends with OK."""
    expect_equal(lines[-1], b"OK", request[:100])


def expect_err(lines, code, request):
    """Fail unless the reply LINES is an ERR with CODE."""
    expect(len(lines) == 1 and lines[0] and lines[0].startswith(b"ERR "), request[:100], lines)
    expect_equal(int(lines[0].split()[1]) & 0xffff, code, request[:100])


def any_text(rng, max_len):
    """Some octets that can stand at the end of a request."""
    octets = bytes(rng.choices(range(1, 256), k=rng.randrange(max_len)))
    return octets.replace(b"\n", b"%").lstrip(b" \t").rstrip(b"\r")


def echo(rng):
    text = any_text(rng, 900)
    name = rng.choice((b"ECHO", b"echo", b"Echo"))

    def check(lines, request):
        expect_ok(lines, request)
        expect_equal(data_of(lines), text, request[:100])
    return name + b" " + text, check


def list_numbers(rng):
    n = rng.randrange(300)

    def check(lines, request):
        expect_equal(lines, [b"D %d%%0A" % i for i in range(1, n + 1)] + [b"OK"], request)
    return b"LIST %d" % n, check


def count(rng):
    n = rng.randrange(3)

    def check(lines, request):
        progress = [b"S PROGRESS COUNT ? %d %d" % (i, n) for i in range(1, n + 1)]
        expect_equal(lines, progress + [b"OK"], request)
    return b"COUNT %d" % n, check


def fail(rng):
    code = rng.randrange(1, 65536)
    text = b"text%d" % code

    def check(lines, request):
        expect_err(lines, code, request)
        expect(lines[0].endswith(b" - " + text), request, lines)
    return b"FAIL %d %s" % (code, text), check


def harmless(rng):
    return rng.choice((b"NOP", b"OPTION name=value", b"RESET", b"nop",
                       b"HELP", b"HELP COPY")), expect_ok


def wrong(rng):
    request, code = rng.choice((
        (b"NONSENSE", UNKNOWN_COMMAND), (b" NOP", SYNTAX), (b"COPY", NO_INPUT),
        (b"LIST x", PARAMETER), (b"INPUT FD", NO_FD), (b"OUTPUT FD=1", PARAMETER),
        (b"INPUT", SYNTAX), (b"CANCEL", NOT_IMPLEMENTED), (b"AUTH", NOT_IMPLEMENTED),
        (b"D stray", NOT_IMPLEMENTED)))
    return request, lambda lines, request: expect_err(lines, code, request)


def any_request(rng):
    """A request and the function that checks its reply."""
    kinds = (echo, list_numbers, count, fail, harmless, wrong)
    return rng.choices(kinds, weights=(16, 8, 1, 6, 12, 8))[0](rng)


def answer(rng, octets):
    """Data lines with OCTETS, some of which are escaped without need."""
    table = [bytes([x]) for x in range(256)]
    for x in set(rng.choices(range(256), k=rng.randrange(64))) | set(b"%\r\n"):
        table[x] = rng.choice((b"%%%02X", b"%%%02x")) % x
    lines, line = [], b""
    for x in octets:
        line += table[x]
        if len(line) > 990:
            lines.append(b"D " + line + b"\n")
            line = b""
    return b"".join(lines) + (b"D " + line + b"\n" if line else b"")


def drip(rng, c, octets):
    """Send OCTETS in pieces."""
    while octets:
        n = rng.choice((1, 2, 17, 500, 1000, 5000, 100000))
        c.send(octets[:n])
        octets = octets[n:]


def converse(rng, c, n):
    """N requests, one after the other."""
    for _ in range(n):
        request, check = any_request(rng)
        c.send(request + b"\n")
        check(c.reply(), request)


def expect_end(c):
    """Fail unless the server has closed the connection."""
    expect_equal(c.line(), None, "end of connection")


# --- What clients do ------------------------------------------------------------------------------

def polite(rng, soak):
    """one request after the other"""
    with soak.connect() as c:
        converse(rng, c, rng.randrange(30))
        if rng.random() < 0.7:
            c.expect(rng.choice((b"BYE", b"bye now")), b"OK closing connection")
            expect_end(c)


def resident(rng, soak):
    """requests on a connection that stays"""
    try:
        c = soak.residents.get_nowait()
    except queue.Empty:
        return
    converse(rng, c, rng.randrange(10))
    if rng.random() < 0.3:
        digest_on(rng, c)
    soak.residents.put(c)


def ahead(rng, soak):
    """requests in one go, cut anywhere; perhaps with the end behind them"""
    requests = [any_request(rng) for _ in range(rng.randrange(1, 60))]
    with soak.connect() as c:
        noise = [b"", b"# comment\n", b"\n", b"\r\n"]
        octets = b"".join(rng.choice(noise) + r + b"\n" for r, _ in requests)
        half_close = rng.random() < 0.5
        drip(rng, c, octets + rng.choice((b"", b"ECHO half")) if half_close else octets)
        if half_close:
            c.sock.shutdown(socket.SHUT_WR)
        for request, check in requests:
            check(c.reply(), request)
        if half_close:
            expect_end(c)


def flood(rng, soak):
    """requests without reading, up to where the server stops reading; then all the replies"""
    n = rng.randrange(1000, 30000)
    text = b"x" * rng.choice((0, 0, 0, 900))
    out = memoryview(b"".join(b"ECHO %d%s\n" % (i, text) for i in range(n)))
    with soak.connect() as c:
        c.sock.setblocking(False)
        while out:
            try:
                out = out[c.sock.send(out):]
            except BlockingIOError:
                break
        for i in range(n):
            while c.rest.count(b"\n", 0, 4000) < 2:
                out = exchange(c, out)
            first, second, c.rest = c.rest.split(b"\n", 2)
            expect_equal((first, second), (b"D %d%s" % (i, text), b"OK"))
        expect_equal((len(out), c.rest), (0, b""))


def exchange(c, out):
    """Wait for input of C, and send of OUT what can be sent.  Returns what is left of it."""
    readable, writable, _ = select.select([c.sock], [c.sock] if out else [], [], kit.TIMEOUT)
    expect(readable or writable, "the server does nothing")
    if writable:
        out = out[c.sock.send(out[:65536]):]
    if readable:
        octets = c.sock.recv(1 << 20)
        expect(octets, "the server hung up")
        c.rest += octets
    return out


def stall(rng, soak):
    """a long reply that is not read for a while, in which others are served"""
    n = rng.randrange(20000, 60000)
    with soak.connect() as c:
        c.send(b"LIST %d\nECHO behind\n" % n)
        for i in range(1, rng.randrange(2, 1000)):
            expect_equal(c.line(), b"D %d%%0A" % i)
        with soak.connect() as other:
            converse(rng, other, 20)
        for i in range(i + 1, n + 1):
            expect_equal(c.line(), b"D %d%%0A" % i)
        expect_equal(c.reply(), [b"OK"])
        expect_equal(c.reply(), [b"D behind", b"OK"])


def vanish(rng, soak):
    """leaving in the middle of something"""
    c = soak.connect(greeting=rng.random() < 0.8)
    with c:
        c.send(rng.choice((
            b"", b"E", b"ECHO half a line", b"NOP\n", b"NOP\n" * 200, b"COUNT 100000\n",
            b"COUNT 100000\nNOP\n", b"LIST 100000000\n", b"LIST 100000000\nNOP\n", b"DIGEST\n",
            b"DIGEST\nD abc\nD d", b"DIGEST\nD abc\nEND\n",
            b"DIGEST\n" + b"D %s\n" % (b"x" * 990) * 400)))
        c.sock.setblocking(False)
        try:
            c.sock.recv(rng.choice((1, 10, 1000, 100000)))
        except BlockingIOError:
            pass
        if rng.random() < 0.3:
            c.sock.shutdown(rng.choice((socket.SHUT_RD, socket.SHUT_WR, socket.SHUT_RDWR)))


def digest_on(rng, c):
    """One DIGEST on the connection C."""
    octets = rng.randbytes(rng.choice((0, 1, 100, 5000, 50000)))
    c.expect(b"DIGEST", b"INQUIRE DATA")
    drip(rng, c, answer(rng, octets))
    kind = rng.randrange(6)
    if kind == 0:
        c.expect_error(rng.choice((b"CAN", b"CANCEL")), CANCELED)
    elif kind == 1:
        c.expect_error(b"NOP", UNEXPECTED_CMD)
    else:
        c.expect(rng.choice((b"END", b"end")), b"D " + hashlib.sha256(octets).hexdigest().encode(),
                 b"OK")


def digest(rng, soak):
    """data that the server asks for"""
    with soak.connect() as c:
        for _ in range(rng.randrange(1, 4)):
            digest_on(rng, c)


def digest_large(rng, soak):
    """as much data as the server takes, or more"""
    n_lines = MAX_DIGEST_LEN // 512
    too_much = rng.random() < 0.5
    line = b"D %s\n" % (b"y" * 512)
    with soak.connect() as c:
        c.expect(b"DIGEST", b"INQUIRE DATA")
        for _ in range(n_lines // 1024):
            c.send(line * 1024)
        if too_much:
            c.send(b"D z\n" * 1000)
            c.expect_error(b"END", TOO_MUCH_DATA)
        else:
            wanted = hashlib.sha256(b"y" * MAX_DIGEST_LEN).hexdigest().encode()
            c.expect(b"END", b"D " + wanted, b"OK")
        converse(rng, c, 2)


def too_long(rng, soak):
    """a line that is too long"""
    with soak.connect() as c:
        try:
            c.send(b"ECHO " + b"x" * rng.choice((1000, 2000, 100000)) + rng.choice((b"", b"\n")))
            c.sock.shutdown(socket.SHUT_WR)
            while c.line() is not None:
                pass
        except (BrokenPipeError, ConnectionResetError):
            pass            # hung up on in the middle of it


def crowd(rng, soak):
    """many at once"""
    clients = [soak.connect(greeting=False) for _ in range(rng.randrange(5, 60))]
    for i, c in enumerate(clients):
        c.send(b"ECHO %d\n" % i)
    order = list(enumerate(clients))
    rng.shuffle(order)
    for i, c in order:
        expect(c.line().startswith(b"OK Pleased"), "greeting")
        expect_equal(c.reply(), [b"D %d" % i, b"OK"])
        c.close()


# --- Descriptors ----------------------------------------------------------------------------------

def wait_for_end(fd):
    """Read FD to its end, which must come, and close it.  Returns what was read."""
    octets = b""
    with os.fdopen(fd, "rb", buffering=0) as f:
        while True:
            expect(select.select([f], [], [], kit.TIMEOUT)[0], "a descriptor was not closed")
            piece = f.read(1 << 20)
            if not piece:
                return octets
            octets += piece


def pass_fds(c, in_fd, out_fd):
    """Make IN_FD and OUT_FD, which are closed here, INPUT and OUTPUT."""
    try:
        expect_equal(c.command(b"INPUT FD", [in_fd]), [b"OK"], "INPUT FD")
        expect_equal(c.command(b"OUTPUT FD", [out_fd]), [b"OK"], "OUTPUT FD")
    finally:
        os.close(in_fd)
        os.close(out_fd)


def copy(rng, soak):
    """data between descriptors"""
    octets = rng.randbytes(rng.choice((0, 1, 5000, PIPE_LEN)))
    with soak.connect() as c, tempfile.TemporaryFile() as source:
        out_r, out_w = os.pipe()
        if rng.random() < 0.5:
            octets *= 20
            source.write(octets)
            source.seek(0)
            in_r = os.dup(source.fileno())
        else:
            in_r, in_w = os.pipe()
            os.write(in_w, octets)
            os.close(in_w)
        pass_fds(c, in_r, out_w)
        c.send(b"COPY\n")
        expect_equal(wait_for_end(out_r), octets, "COPY")
        expect_equal(c.reply(), [b"S COPIED %d" % len(octets), b"OK"])
        converse(rng, c, rng.randrange(3))


def write_quietly(fd, octets):
    """Write OCTETS to FD, which may have no reader any more."""
    try:
        os.write(fd, octets)
    except BrokenPipeError:
        pass


def copy_broken(rng, soak):
    """a COPY that is given up: by its client, its source or its sink"""
    in_r, in_w = os.pipe()
    out_r, out_w = os.pipe()
    with soak.connect() as c:
        pass_fds(c, in_r, out_w)
        c.send(b"COPY\n")
        os.write(in_w, b"abc")
        if rng.random() < 0.5:
            os.close(in_w)
            in_w = -1
        if rng.random() < 0.5:
            os.close(out_r)
            out_r = -1
            if in_w < 0:
                expect_equal(c.reply()[-1].split()[0] in (b"OK", b"ERR"), True, "COPY")
            else:
                if not Server.is_by_hand:       # eva_pump may not see it before it writes
                    write_quietly(in_w, b"x")
                expect_equal(int(c.reply()[-1].split()[1]) & 0xffff, EPIPE, "COPY")
    if in_w >= 0:
        os.close(in_w)
    if out_r >= 0:
        expect(wait_for_end(out_r) in (b"", b"abc"), "COPY")


def unused_fds(rng, soak):
    """descriptors without a request"""
    r, w = os.pipe()
    with soak.connect() as c:
        for _ in range(rng.randrange(1, 4)):
            expect_equal(c.command(b"NOP", [w] * rng.randrange(1, 5)), [b"OK"])
        if rng.random() < 0.5:
            c.expect(b"INPUT FD", b"OK")
        os.close(w)
        if rng.random() < 0.5:
            c.expect(b"RESET", b"OK")
            expect_equal(wait_for_end(r), b"")
            r = -1
    if r >= 0:
        expect_equal(wait_for_end(r), b"")


SCENARIOS = {
    polite: 20, resident: 6, ahead: 20, flood: 2, stall: 1, vanish: 30, digest: 10,
    digest_large: 0.3, too_long: 4, crowd: 2, copy: 10, copy_broken: 10, unused_fds: 6,
}


# --- Rounds ---------------------------------------------------------------------------------------

class Soak:
    """A server, and workers that play clients."""

    scenarios = SCENARIOS

    def __init__(self, server, seed, n_workers):
        self.server = server
        self.deadline = 0
        self.n_workers = n_workers
        self.rngs = [random.Random("%d %d" % (seed, i)) for i in range(n_workers)]
        self.residents = queue.Queue()
        self.played = collections.Counter()
        self.failures = []
        for _ in range(N_RESIDENTS):
            self.residents.put(server.connect())

    def connect(self, greeting=True):
        """A new connection."""
        return self.server.connect(greeting)

    def play(self, rng):
        """Play one client after the other until the deadline."""
        names, weights = zip(*self.scenarios.items())
        while time.monotonic() < self.deadline and not self.failures:
            scenario = rng.choices(names, weights=weights)[0]
            try:
                scenario(rng, self)
            except Exception:       # whatever it is, it is told at the end of the round
                self.failures.append((scenario.__name__, traceback.format_exc()))
            self.played[scenario.__name__] += 1

    def play_all(self, seconds):
        """Let the workers play for SECONDS."""
        self.deadline = time.monotonic() + seconds
        threads = [threading.Thread(target=self.play, args=(rng,), daemon=True)
                   for rng in self.rngs]
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            self.deadline = 0

    def expect_served(self):
        """Fail if a client was not served, or the server has ended."""
        for name, trace in self.failures:
            print("%s:\n%s" % (name, trace))
        expect(self.server.process.poll() is None, "the server has ended")
        expect(not self.failures, "clients were not served as they should have been")

    def round(self, seconds):
        """Let the workers play for SECONDS, and see what they leave behind.  Returns the memory."""
        self.play_all(seconds)
        if self.server.process.poll() is not None:
            print(self.server.messages())
        self.expect_served()
        self.server.expect_fds(N_RESIDENTS)
        self.server.expect_asleep()
        return self.server.memory_kib()

    def end(self):
        """End the server while commands are pending."""
        rude = [self.server.connect() for _ in range(5)]
        for c, text in zip(rude, (b"COUNT 1000000\n", b"LIST 100000000\n", b"DIGEST\nD abc\n",
                                  b"ECHO half", b"")):
            c.send(text)
        rude[1].line()
        messages = self.server.stop(signal.SIGTERM)
        for c in rude + list(self.residents.queue):
            while c.sock.recv(1 << 20):
                pass
            c.close()
        odd = [x for x in messages.splitlines() if not HARMLESS.match(x)]
        expect(not odd, "odd messages:", "\n".join(odd[:20]))


def expect_no_growth(what, sizes_kib, slack_kib):
    """Fail if SIZES_KIB, after the rounds, grew.  The first quarter of them is the warm-up."""
    n = max(1, len(sizes_kib) // 4)
    growth = min(sizes_kib[-n:]) - max(sizes_kib[:n])
    print("%s: %+d KiB after the warm-up, %d allowed" % (what, growth, slack_kib))
    expect(growth <= slack_kib, what, "grows:", sizes_kib)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--workers", type=int, default=16)
    parser.add_argument("seconds", type=float)
    parser.add_argument("server", nargs="+")
    args = parser.parse_args()
    Server.use(args.server)
    print("%s, seed %d, %d workers" % (Server.name, args.seed, args.workers), flush=True)

    memory = []
    round_s = min(ROUND_S, args.seconds / 10)
    end = time.monotonic() + args.seconds
    with SoakServer() as server:
        soak = Soak(server, args.seed, args.workers)
        while time.monotonic() < end or len(memory) < 4:
            memory.append(soak.round(round_s))
            print("round %d: %d clients so far, %d descriptors, %d KiB" % (
                len(memory), sum(soak.played.values()), server.n_fds(), memory[-1]), flush=True)
        soak.end()
    print(", ".join("%d %s" % (n, name) for name, n in soak.played.most_common()))
    expect_no_growth("memory", memory, ASAN_SLACK_KIB if has_asan(Server.argv[0]) else SLACK_KIB)
    print("fine")


if __name__ == "__main__":
    try:
        main()
    except kit.Failure as failure:
        sys.exit("soak: %s" % failure)
