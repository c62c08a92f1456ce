#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Clients that make several calls at once: in GIO, in Python's asyncio, in Node.

usage: test-calls.py NAME PROGRAM [ARGUMENT]... -- SERVER ARGUMENT...     where {} stands for the
socket's path.  With EVA_SANITIZED in the environment only a client in C can load the library.
"""

import atexit
import os
import shutil
import signal
import subprocess
import sys
import tempfile

import kit
from kit import Server, Skip, expect, expect_equal, run


def ask(server, *commands, seconds="60"):
    """What the client says of COMMANDS."""
    code, out, err = run(*CLIENT, "unix:" + server.path, seconds, *commands)
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
        for text in ("FAIL 17 no luck: ", "NONSENSE: ", "DIGEST: ", "ECHO a\nb: "):
            expect(NAME + ": " + text in told, text, err)


def time_is_over():
    """what is not answered in time is given up"""
    with Server() as server:
        code, out, err = ask(server, "COUNT 100000", "ECHO late", seconds="1")
        expect_equal((code, out), (1, ""))
        expect(len(err) == 2 and all("ancel" in x for x in err), err)


def signals():
    """so it is at a Ctrl-C"""
    with Server() as server:
        process = subprocess.Popen([*CLIENT, "unix:" + server.path, "60", "ECHO first", "COUNT 100000"],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        expect_equal(process.stdout.read(5), b"first")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=kit.TIMEOUT)
        expect(process.returncode == 1 and err.startswith(NAME.encode() + b": COUNT 100000: "), err)


def server_ends():
    """a server that goes away ends all calls"""
    with Server() as server:
        process = subprocess.Popen([*CLIENT, "unix:" + server.path, "60", "ECHO first", "COUNT 100000",
                                    "ECHO last"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        expect_equal(process.stdout.read(5), b"first")
        server.process.kill()
        _, err = process.communicate(timeout=kit.TIMEOUT)
        expect(process.returncode == 1 and err.count(b"\n") == 2, err)
        server.finish()


def usage():
    """bad usage, and addresses without a server"""
    for argv in ((), ("--help",), ("unix:/tmp/S", "1"), ("-x", "1", "NOP"), ("unix:/tmp/S", "x", "NOP")):
        code, out, err = run(*CLIENT, *argv)
        expect(code == 2 and not out and err.startswith("usage: ") and err.count("\n") == 1, err)
    for address in ("unix:/nowhere/S", "/nowhere/S", "nonsense", ""):
        code, out, err = run(*CLIENT, address, "1", "NOP")
        expect(code == 1 and not out and "'%s'" % address in err and err.count("\n") == 1, err)


def can_run():
    """the client can run here"""
    if os.environ.get("EVA_SANITIZED") and NAME != "gio-client":
        raise Skip("a program without sanitizers cannot load a library with them")
    if NAME == "node-client":
        find_koffi()


def find_koffi():
    """Let Node find koffi: the one that is installed, or one from the registry."""
    if not shutil.which(CLIENT[0]):
        raise Skip("node is not installed")
    if run(CLIENT[0], "-e", "require('koffi')")[0] == 0:
        return
    if not shutil.which("npm"):
        raise Skip("neither koffi nor npm is installed")
    scratch = tempfile.mkdtemp(prefix="eva-")
    atexit.register(shutil.rmtree, scratch, ignore_errors=True)
    try:
        done = subprocess.run(["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund",
                               "--fetch-retries=0", "--prefix", scratch, "koffi@2"], check=False,
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, timeout=kit.TIMEOUT)
    except subprocess.TimeoutExpired:
        done = None
    os.environ["NODE_PATH"] = scratch + "/node_modules"
    if not done or done.returncode or run(CLIENT[0], "-e", "require('koffi')")[0]:
        raise Skip("koffi is not installed, and npm does not get it")


if __name__ == "__main__":
    NAME = sys.argv[1]
    CLIENT = sys.argv[2:sys.argv.index("--")]
    CLIENT = [os.path.abspath(x) if os.path.exists(x) else x for x in CLIENT]
    Server.use(sys.argv[sys.argv.index("--") + 1:])
    TESTS = [replies, errors, time_is_over, signals, server_ends, usage]
    try:
        can_run()
    except Skip:
        TESTS = [can_run]
    kit.main(TESTS)
