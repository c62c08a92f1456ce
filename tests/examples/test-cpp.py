#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The server and the client in C++, with each other and with raw octets.

usage: test-cpp.py CLIENT SERVER ARGUMENT...     where {} stands for the socket's path
"""

import os
import signal
import sys

import kit
from kit import Server, expect, expect_equal, run


def ask(server, *commands, data=b""):
    """What the client says of COMMANDS."""
    code, out, err = run(CLIENT, "unix:" + server.path, *commands, data=data)
    return code, out.decode(), err.splitlines()


def talk():
    """notes are kept for each connection, and shown"""
    with Server() as server:
        expect_equal(ask(server, "NOTE one", "NOTE two", "SHOW"), (0, "one\ntwo\n", ["S NOTES 2"]))
        expect_equal(ask(server, "SHOW", "NOTE x", "RESET", "SHOW"), (0, "", ["S NOTES 0", "S NOTES 0"]))
        expect_equal(ask(server, "FILL", "SHOW", data=b"a %\nnote"), (0, "a %\nnote\n", ["S NOTES 1"]))
        expect_equal(ask(server, "NOTE late", "REMIND 0"), (0, "late", []))
        server.expect_fds(0)


def errors():
    """what a handler throws is an error, with its text if it is meant for the client"""
    with Server() as server, server.connect() as c:
        line = c.expect_error(b"REMIND 1", 58)
        expect(line.endswith(b"there are no notes"), line)
        c.command(b"NOTE x")
        line = c.expect_error(b"REMIND soon", 1)
        expect(b"stoul" not in line, line)
        c.expect_error(b"NONSENSE", 275)
        c.expect(b"SHOW", b"D x%0A", b"S NOTES 1", b"OK")
        for i in range(99):
            c.expect(b"NOTE %d" % i, b"OK")
        c.expect_error(b"NOTE much", 183)
        code, _, err = ask(server, "NONSENSE", "SHOW", "A\nB")
        expect(code == 1 and err[0].startswith("cpp-client: A"), err)
        expect(err[2].startswith("cpp-client: NONSENSE: Unknown IPC command"), err)


def waits():
    """a client that leaves takes its timer along, and so does the server's end"""
    with Server() as server:
        with server.connect() as c:
            c.command(b"NOTE x")
            c.send(b"REMIND 1000\n")
            server.expect_fds(1)
        server.expect_fds(0)
        c = server.connect()
        c.command(b"NOTE x")
        c.send(b"REMIND 1000\n")
        server.process.send_signal(signal.SIGINT)
        code, err = server.finish()
        expect_equal((code, err), (0, ""))
        c.close()


def usage():
    """bad usage, and addresses that do not work"""
    for argv in ((), ("--help",), ("unix:/tmp/S",), ("-x", "NOP")):
        code, out, err = run(CLIENT, *argv)
        expect(code == 2 and not out and err.startswith("usage: ") and err.count("\n") == 1, err)
    for address in ("unix:/nowhere/S", "nonsense", ""):
        code, out, err = run(CLIENT, address, "NOP")
        expect(code == 1 and not out and "cannot connect to %s: " % address in err and err.count("\n") == 1, err)
        code, out, err = run(Server.argv[0], address)
        expect(code == 1 and not out and "cannot listen on %s: " % address in err and err.count("\n") == 1, err)
    code, out, err = run(Server.argv[0])
    expect(code == 2 and err.startswith("usage: "), err)


if __name__ == "__main__":
    CLIENT = os.path.abspath(sys.argv[1])
    Server.use(sys.argv[2:])
    kit.main([talk, errors, waits, usage])
