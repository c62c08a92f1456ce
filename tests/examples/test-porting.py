# SPDX-License-Identifier: LGPL-2.1-or-later
"""test-porting.py DIGEST-SERVER VAULT... - the steps of doc/porting.md: each does the same for its
clients, and the later ones more."""

import difflib
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile

import kit
from kit import Server, expect, expect_equal

TOP = pathlib.Path(__file__).resolve().parents[2]
DIGEST, *STEPS = [os.path.abspath(x) for x in sys.argv[1:]]
NOT_FOUND, CANCELED = 27, 277
HELLO_SUM = b"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"


def number(step):
    return int(os.path.basename(step).split("-")[1])


def source(step):
    return TOP / "examples/porting" / (os.path.basename(step) + ".c")


class Vault(Server):
    """A vault, and the server that computes its sums, or DIGEST, a path."""

    def __init__(self, step, digest=None):
        super().__init__()
        self.step, self.digest = number(step), digest
        self.program, self.other = step, None

    def start(self):
        path = self.digest or self.dir + "/D"
        if not self.digest:
            self.other = subprocess.Popen([DIGEST, "unix:" + path], stdout=subprocess.PIPE)
            self.other.stdout.readline()
        self.process = subprocess.Popen(
            [self.program, ("unix:" if self.step > 2 else "") + self.path,
             ("unix:" if self.step > 3 else "") + path],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        expect(self.process.stdout.readline().startswith(b"vault: listening on "), "not listening")

    def __exit__(self, *exc):
        for process in self.process, self.other:
            if process:
                process.kill()
                process.communicate()
        self.process = None
        super().__exit__(*exc)


def each(test, least=1):
    """TEST with every step from LEAST on."""
    def run():
        for step in STEPS:
            if number(step) >= least:
                test(step)
    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


def the_same(step):
    """every step answers alike"""
    with Vault(step) as vault, vault.connect() as c:
        c.expect(b"PUT a", b"INQUIRE DATA")
        c.expect(b"D hel\nD lo\nEND", b"OK")
        c.expect(b"GET a", b"D hello", b"OK")
        c.expect(b"LIST", b"S PIECE a 5", b"OK")
        c.expect(b"SUM a", b"D " + HELLO_SUM, b"OK")
        c.expect_error(b"SUM b", NOT_FOUND)
        c.expect(b"OPTION prefix=x.", b"OK")
        c.expect_error(b"GET a", NOT_FOUND)
        c.expect(b"PUT a", b"INQUIRE DATA")
        c.expect(b"END", b"OK")
        c.expect(b"RESET", b"OK")
        c.expect(b"LIST", b"S PIECE x.a 0", b"S PIECE a 5", b"OK")
        c.expect(b"DEL a", b"OK")
        c.expect_error(b"GET a", NOT_FOUND)
        c.expect(b"PUT a", b"INQUIRE DATA")
        c.expect_error(b"CAN", CANCELED)
        c.expect(b"BYE", b"OK closing connection")


def beside(step):
    """a client that does not answer an inquiry, or left, holds up no other one"""
    with Vault(step) as vault, vault.connect() as c:
        slow = vault.connect()
        slow.expect(b"PUT slow", b"INQUIRE DATA")
        gone = vault.connect()
        gone.expect(b"PUT gone", b"INQUIRE DATA")
        gone.send(b"D x\n")
        gone.close()
        c.expect(b"PUT a", b"INQUIRE DATA")
        c.expect(b"D hello\nEND", b"OK")
        slow.expect(b"D slow\nEND", b"OK")
        c.expect(b"LIST", b"S PIECE slow 4", b"S PIECE a 5", b"OK")
        slow.close()


def no_digest(step):
    """without the other server SUM fails, and the vault goes on"""
    with Vault(step, "/nowhere/D") as vault, vault.connect() as c:
        c.expect(b"PUT a", b"INQUIRE DATA")
        c.expect(b"END", b"OK")
        expect(c.command(b"SUM a")[0].startswith(b"ERR "), "no error")
        c.expect(b"GET a", b"OK")


def stuck_digest(step):
    """a SUM whose server does not answer holds up no one, and ends when its client leaves"""
    with tempfile.TemporaryDirectory(prefix="eva-", dir="/tmp") as place, \
            socket.socket(socket.AF_UNIX) as stuck:
        stuck.bind(place + "/D")
        stuck.listen()
        with Vault(step, place + "/D") as vault, vault.connect() as c:
            c.expect(b"PUT a", b"INQUIRE DATA")
            c.expect(b"D hello\nEND", b"OK")
            waiting = vault.connect()
            waiting.send(b"SUM a\n")
            conn, _ = stuck.accept()
            conn.settimeout(kit.TIMEOUT)
            conn.sendall(b"OK\n")
            expect_equal(conn.recv(100), b"DIGEST\n")
            c.expect(b"DEL a", b"OK")
            waiting.close()
            expect_equal(conn.makefile("rb").read(), b"BYE\n")
            conn.close()
            c.expect(b"LIST", b"OK")


def gentle_end(step):
    """the last step lets go on what is under way when it has to end"""
    with Vault(step) as vault, vault.connect() as c:
        c.expect(b"PUT a", b"INQUIRE DATA")
        vault.process.send_signal(signal.SIGTERM)
        kit.eventually("no socket", lambda: not os.path.exists(vault.path))
        c.expect(b"D hello\nEND", b"OK")
        expect_equal(vault.process.wait(kit.TIMEOUT), 0)


def documented():
    """doc/porting.md has the size of each step, and every function of assuan.h"""
    guide = (TOP / "doc/porting.md").read_text(encoding="utf-8")
    for old, new in zip(STEPS, STEPS[1:]):
        lines = list(difflib.unified_diff(source(old).read_text().splitlines(),
                                          source(new).read_text().splitlines(), n=0))[2:]
        size = "%d lines more, %d less" % tuple(
            sum(x.startswith(sign) for x in lines) for sign in "+-")
        expect(size in guide, os.path.basename(new), size, "is not in the guide")
    header = (TOP / "include/assuan.h").read_text(encoding="utf-8")
    for name in set(re.findall(r"\b((?:__)?assuan_[a-z0-9_]+) \(", header)):
        expect("`%s`" % name in guide, name, "is not in the guide")


kit.main([each(the_same), each(beside), each(no_digest), each(stuck_digest, 4),
          each(gentle_end, 5), documented])
