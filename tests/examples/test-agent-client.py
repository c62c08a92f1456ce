#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The client that stays with gpg-agent, with a real agent in a home of its own: the agent is started by
it, ends and starts again, and is left in the middle of a call.

usage: test-agent-client.py CLIENT
"""

import os
import signal
import subprocess
import sys

import agent
import kit
from kit import eventually, expect, expect_equal, run

# It never answers, and tells that it was asked.
PINENTRY = """\
#!/bin/sh
echo OK
while read -r line; do
  case $line in
    GETPIN*) echo $$ >"%(dir)s/asked"; exec sleep 100 ;;
    *) echo OK ;;
  esac
done
"""


class Home(agent.Home):
    """One whose agent has ended, and has that pinentry."""

    settings = "pinentry-program %s/pinentry\n"

    def prepare(self):
        with open(self.dir + "/pinentry", "w", encoding="ascii") as f:
            f.write(PINENTRY % {"dir": self.dir})
        os.chmod(self.dir + "/pinentry", 0o700)
        super().prepare()
        self.end_agent()

    def agent(self):
        """The pid of the agent."""
        out = self.ask("GETINFO pid", "--no-autostart")
        return int(out.split()[1])

    def end_agent(self):
        self.gnupg("gpgconf", "--kill", "gpg-agent")
        eventually("the agent has ended", lambda: not os.path.exists(self.address))

    def start(self, *commands):
        """The client, running."""
        return subprocess.Popen([CLIENT, self.address, *commands], stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self.env)


def begins():
    """it starts the agent, lists all keys, and signs"""
    with Home() as home:
        code, out, err = run(CLIENT, home.address, "keys", home.free, "sign", env=home.env)
        expect_equal((code, err), (0, ""))
        lines = out.decode().splitlines()
        expect_equal(sorted(lines[:2]), sorted([
            home.free + "  on disk", home.protected + "  on disk, with a passphrase"]))
        for line in lines[2:]:
            expect(line.startswith("signed with %s: " % home.free), lines)
        expect_equal(len(lines), 4)
        first = home.agent()
        code, _, _ = run(CLIENT, "unix:" + home.address, home.free, env=home.env)
        expect_equal((code, home.agent()), (0, first))
        expect(not os.path.exists(home.address + ".start-lock"), "the lock is left")


def restarts():
    """the agent ends and starts again between two commands, or only ends"""
    with Home() as home:
        with home.start(home.free, "wait", home.free, "wait", home.free) as client:
            try:
                signed = b"signed with " + home.free.encode()
                expect(client.stdout.readline().startswith(signed), "first")
                home.end_agent()
                home.gnupg("gpgconf", "--launch", "gpg-agent")
                client.stdin.write(b"\n")
                client.stdin.flush()
                expect(client.stdout.readline().startswith(signed), "after a restart")
                home.end_agent()
                out, err = client.communicate(b"\n", timeout=kit.TIMEOUT)
                expect_equal((client.returncode, err), (0, b""))
                expect(out.startswith(signed), out)
            finally:
                client.kill()


def in_the_middle():
    """an agent that leaves in the middle of a signature is asked once more, by a new connection"""
    with Home() as home:
        with home.start(home.protected, home.free) as client:
            try:
                eventually("pinentry", lambda: os.path.exists(home.dir + "/asked"))
                os.remove(home.dir + "/asked")
                os.kill(home.agent(), signal.SIGKILL)
                eventually("pinentry again", lambda: os.path.exists(home.dir + "/asked"))
                client.send_signal(signal.SIGINT)
                out, err = client.communicate(timeout=kit.TIMEOUT)
                expect_equal(client.returncode, 1)
                expect(out.startswith(b"signed with " + home.free.encode()), out)
                expect(b"cancel" in err and err.count(b"\n") == 1, err)
            finally:
                client.kill()


def gives_up():
    """Ctrl-C gives up what is under way, and the next command comes at once"""
    with Home() as home:
        with home.start(home.protected, home.free, "wait") as client:
            try:
                eventually("pinentry", lambda: os.path.exists(home.dir + "/asked"))
                client.send_signal(signal.SIGINT)
                expect(client.stdout.readline().startswith(b"signed with "), "next")
                client.send_signal(signal.SIGINT)
                out, err = client.communicate(timeout=kit.TIMEOUT)
                expect_equal((client.returncode, out), (1, b""))
                expect(b"%s: Operation cancelled" % home.protected.encode() in err, err)
            finally:
                client.kill()


def errors():
    """what is wrong is told once"""
    for argv in ((), ("--help",), ("-x", "keys"), ("a",)):
        code, out, err = run(CLIENT, *argv)
        expect(code == 2 and not out and err.startswith("usage: ") and err.count("\n") == 1, err)
    for address in ("unix:/nowhere/S", "nonsense", "exec:/nowhere/agent"):
        code, out, err = run(CLIENT, address, "keys")
        expect(code == 1 and not out and err.startswith("agent-client: keys: "), err)
        expect_equal(err.count("\n"), 1)
    with Home() as home:
        code, out, err = run(CLIENT, home.address, 40 * "0", env=home.env)
        expect(code == 1 and "No secret key" in err and err.count("\n") == 1, err)


if __name__ == "__main__":
    CLIENT = os.path.abspath(sys.argv[1])
    kit.main([begins, restarts, in_the_middle, gives_up, errors])
