#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The client of GIO: several calls at once, their errors, and giving up.

usage: test-gio-client.py CLIENT SERVER ARGUMENT...     where {} stands for the socket's path
"""

import os
import signal
import subprocess
import sys

import kit
from kit import Server, expect, expect_equal, run


def ask(server, *commands, seconds="60"):
    """What the client says of COMMANDS."""
    code, out, err = run(CLIENT, "unix:" + server.path, seconds, *commands)
    return code, out.decode(), err.splitlines()


def replies():
    """data, status lines and texts of several calls"""
    with Server() as server:
        expect_equal(ask(server, "LIST 3", "ECHO hello", "COUNT 2"),
                     (0, "1\n2\n3\nhello", ["S PROGRESS COUNT ? 1 2", "S PROGRESS COUNT ? 2 2"]))
        server.expect_fds(0)


def errors():
    """a call that fails is told with the server's words, and the others go on"""
    with Server() as server:
        code, out, err = ask(server, "FAIL 17 no luck", "NONSENSE", "DIGEST", "ECHO a\nb", "ECHO ok")
        expect_equal((code, out), (1, "ok"))
        expect(len(err) == 5, err)
        told = "\n".join(err)
        for text in ("FAIL 17 no luck: ", "NONSENSE: the server has no such command", "DIGEST: ",
                     "ECHO a\nb: "):
            expect("gio-client: " + text in told, text, err)


def time_is_over():
    """what is not answered in time is given up"""
    with Server() as server:
        code, out, err = ask(server, "COUNT 100000", "ECHO late", seconds="1")
        expect_equal((code, out), (1, ""))
        expect(len(err) == 2 and all("ancel" in x for x in err), err)


def signals():
    """so it is at a Ctrl-C"""
    with Server() as server:
        process = subprocess.Popen([CLIENT, "unix:" + server.path, "60", "ECHO first", "COUNT 100000"],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        expect_equal(process.stdout.read(5), b"first")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=kit.TIMEOUT)
        expect(process.returncode == 1 and err.startswith(b"gio-client: COUNT 100000: "), err)


def server_ends():
    """a server that goes away ends all calls"""
    with Server() as server:
        process = subprocess.Popen([CLIENT, "unix:" + server.path, "60", "ECHO first", "COUNT 100000",
                                    "ECHO last"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        expect_equal(process.stdout.read(5), b"first")
        server.process.kill()
        _, err = process.communicate(timeout=kit.TIMEOUT)
        expect(process.returncode == 1 and err.count(b"\n") == 2, err)
        server.finish()


def usage():
    """bad usage, and addresses without a server"""
    for argv in ((), ("--help",), ("unix:/tmp/S", "1"), ("-x", "1", "NOP"), ("unix:/tmp/S", "x", "NOP")):
        code, out, err = run(CLIENT, *argv)
        expect(code == 2 and not out and err.startswith("usage: ") and err.count("\n") == 1, err)
    for address in ("unix:/nowhere/S", "/nowhere/S", "nonsense", ""):
        code, out, err = run(CLIENT, address, "1", "NOP")
        expect(code == 1 and not out and "'%s'" % address in err and err.count("\n") == 1, err)


if __name__ == "__main__":
    CLIENT = os.path.abspath(sys.argv[1])
    Server.use(sys.argv[2:])
    kit.main([replies, errors, time_is_over, signals, server_ends, usage])
