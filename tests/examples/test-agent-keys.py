#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The client of gpg-agent, with a real agent in a home of its own.

usage: test-agent-keys.py CLIENT
"""

import os
import subprocess
import sys
import tempfile

import agent
import kit
from kit import expect, expect_equal, run


class Home(agent.Home):
    """One with the client."""

    def client(self, *argv, data=b""):
        """Run the client, after the agent has forgotten all passphrases."""
        self.ask("RELOADAGENT")
        return run(CLIENT, *argv, data=data, env=self.env)


def keys():
    """it lists all keys and signs with the one that it is told"""
    with Home() as home:
        code, out, err = home.client(home.address, home.free)
        expect_equal((code, err), (0, ""))
        lines = out.decode().splitlines()
        expect_equal(sorted(lines[:2]), sorted([
            home.free + "  on disk", home.protected + "  on disk, with a passphrase"]))
        expect(lines[2].startswith("signed with %s: " % home.free), lines)
        code, out, err = home.client("unix:" + home.address, home.protected, data=b"pass word\n")
        expect_equal((code, err), (0, ""))
        expect(b"signed with " + home.protected.encode() in out, out)


def passphrases():
    """the passphrase may come late, from a file, be wrong, or not at all"""
    with Home() as home:
        home.ask("RELOADAGENT")
        with subprocess.Popen([CLIENT, home.address, home.protected], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, env=home.env) as process:
            try:
                for _ in range(2):
                    expect(process.stdout.readline(), "no keys")
                expect(home.ask("GETINFO version").endswith(b"OK\n"), "the agent is held up")
                expect(process.poll() is None, "did not wait")
                out, _ = process.communicate(b"pass word\n", timeout=kit.TIMEOUT)
                expect(process.returncode == 0 and out.startswith(b"signed with "), out)
            finally:
                process.kill()
        with tempfile.TemporaryFile() as f:
            f.write(b"pass word\n")
            f.seek(0)
            home.ask("RELOADAGENT")
            done = subprocess.run([CLIENT, home.address, home.protected], stdin=f, env=home.env,
                                  stdout=subprocess.PIPE, timeout=kit.TIMEOUT, check=False)
            expect_equal(done.returncode, 0)
        for data, reason in ((b"wrong\n", "Bad passphrase"), (b"", "cancel"), (b"\n", "cancel")):
            code, out, err = home.client(home.address, home.protected, data=data)
            expect(code == 1 and b"signed" not in out, data, code, out)
            expect(err.startswith("agent-keys: ") and reason in err and err.count("\n") == 1, err)


def own_agent():
    """it can start an agent, which ends with it"""
    with Home() as home:
        code, out, err = home.client("exec:gpg-agent --server", home.free)
        expect_equal((code, err), (0, ""))
        expect(b"signed with " in out, out)


def errors():
    """what is wrong is told once, with what to do"""
    for argv in ((), ("--help",), ("-x",), ("a", "short"), ("a", "b", "c")):
        code, out, err = run(CLIENT, *argv)
        expect(code == 2 and not out and err.startswith("usage: ") and err.count("\n") == 1, err)
    for address in ("unix:/nowhere/S", "/nowhere/S", "nonsense", "", "exec:/nowhere/agent"):
        code, out, err = run(CLIENT, address)
        expect(code == 1 and not out and "cannot connect to " + address in err and err.count("\n") == 1, err)
    code, out, err = run(CLIENT, "exec:true")
    expect(code == 1 and not out and err.count("\n") == 1, err)
    with Home() as home:
        code, out, err = home.client(home.address, 40 * "0")
        expect(code == 1 and "No secret key" in err and err.count("\n") == 1, err)


if __name__ == "__main__":
    CLIENT = os.path.abspath(sys.argv[1])
    kit.main([keys, passphrases, own_agent, errors])
