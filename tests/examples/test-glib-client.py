#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The GLib client: its progress, its button, the terminal that it leaves.

usage: test-glib-client.py CLIENT SERVER ARGUMENT...     where {} stands for the socket's path
"""

import os
import pty
import signal
import subprocess
import sys
import termios

import kit
from kit import Server, expect, expect_equal, run


class Terminal:
    """The client in a terminal."""

    def __init__(self, server, n):
        self.master, self.slave = pty.openpty()
        self.before = termios.tcgetattr(self.slave)
        self.process = subprocess.Popen([CLIENT, "unix:" + server.path, str(n)], stdin=self.slave,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.seen = b""

    def wait_for(self, text):
        """Read its output until TEXT."""
        while text not in self.seen:
            octets = os.read(self.process.stdout.fileno(), 4096)
            expect(octets, "ended early:", self.seen)
            self.seen += octets

    def finish(self):
        """Wait for its end.  Returns its exit status, the rest of its output, and its messages."""
        try:
            out, err = self.process.communicate(timeout=kit.TIMEOUT)
            expect_equal(termios.tcgetattr(self.slave), self.before, "the terminal")
            return self.process.returncode, out, err
        finally:
            self.process.kill()
            os.close(self.master)
            os.close(self.slave)


def no_terminal():
    """without a terminal it shows one line after the other, and no button"""
    with Server() as server:
        code, out, err = run(CLIENT, "unix:" + server.path, "3")
        expect_equal((code, err), (0, ""))
        lines = out.decode().splitlines()
        expect_equal([x.split("] ")[-1] for x in lines[:4]],
                     ["1 of 3", "2 of 3", "3 of 3", "counted"])
        expect(lines[4].startswith("the server says: "), lines)
        server.expect_fds(0)


def button():
    """c and Enter cancel, and the connection goes on"""
    for key in b"c", b"\n":
        with Server() as server:
            terminal = Terminal(server, 20)
            terminal.wait_for(b"2 of 20")
            os.write(terminal.master, b"x" + key)
            terminal.wait_for(b"cancelled")
            code, out, err = terminal.finish()
            expect_equal((code, err), (0, b""))
            expect(b"the server says: the connection" in terminal.seen + out, out)
            expect(b"20 of 20" not in terminal.seen + out, "went on")


def signals():
    """a signal in the middle of it ends it and restores the terminal"""
    for number in signal.SIGINT, signal.SIGTERM:
        with Server() as server:
            terminal = Terminal(server, 100000)
            terminal.wait_for(b"2 of 100000")
            terminal.process.send_signal(number)
            expect_equal((terminal.finish()[0]), 1)
            server.expect_fds(0)


def server_ends():
    """a server that goes away is told once"""
    with Server() as server:
        terminal = Terminal(server, 100000)
        terminal.wait_for(b"2 of 100000")
        server.process.kill()
        code, _, err = terminal.finish()
        expect(code == 1 and err.count(b"\n") == 1 and b"glib-client: COUNT: " in err, code, err)
        server.finish()


def errors():
    """bad usage, a bad address, and a number that the server refuses"""
    for argv in ((), ("--help",), ("unix:/tmp/S",), ("-x", "1"), ("a", "1", "2")):
        code, out, err = run(CLIENT, *argv)
        expect(code == 2 and not out and err.startswith("usage: ") and err.count("\n") == 1, err)
    for address in ("unix:/nowhere/S", "/nowhere/S", "nonsense", ""):
        code, out, err = run(CLIENT, address, "1")
        expect(code == 1 and not out and "'%s'" % address in err and err.count("\n") == 1, err)
    with Server() as server:
        code, out, err = run(CLIENT, "unix:" + server.path, "x")
        expect(code == 1 and not out and err.startswith("glib-client: COUNT: "), err)


if __name__ == "__main__":
    CLIENT = os.path.abspath(sys.argv[1])
    Server.use(sys.argv[2:])
    kit.main([no_terminal, button, signals, server_ends, errors])
