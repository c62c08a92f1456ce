# SPDX-License-Identifier: LGPL-2.1-or-later
"""GnuPG's gpg-connect-agent, on the system's libassuan, as a client of eva_server.

usage: test-gpg-connect-agent.py HOST
"""

import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "host"))

import host                                                     # noqa: E402
import kit                                                      # noqa: E402
from host import Host                                           # noqa: E402
from kit import Skip, expect, expect_equal                      # noqa: E402


def script(server, text, *options):
    """Run a script of gpg-connect-agent's language; the lines that it prints."""
    if not shutil.which("gpg-connect-agent"):
        raise Skip("gpg-connect-agent is not installed")
    lines = [x.strip() for x in text.strip().splitlines()]
    code, out, err = kit.run("gpg-connect-agent", *options, "-S", server.path,
                             data="\n".join([*lines, "/bye", ""]).encode(), cwd=server.dir,
                             env={**os.environ, "GNUPGHOME": server.dir, "LC_ALL": "C"})
    expect_equal((code, err), (0, ""), out.decode())
    return out.decode().splitlines()


def write(server, name, octets):
    """Make a file in the server's directory; its path."""
    path = os.path.join(server.dir, name)
    with open(path, "wb") as f:
        f.write(octets)
    return path


def read(server, name):
    """The octets of a file in the server's directory."""
    with open(os.path.join(server.dir, name), "rb") as f:
        return f.read()


def commands():
    """commands, data, status lines, errors with and without a text"""
    with Host() as server:
        expect_equal(script(server, """
            ECHO 100% sure
            COUNT 2
            LIST 3
            NONSENSE
            FAIL 58 because
            NOP"""), [
                "D 100%25 sure", "OK", "S PROGRESS COUNT ? 1 2", "S PROGRESS COUNT ? 2 2", "OK",
                "D 1%0A", "D 2%0A", "D 3%0A", "OK",
                "ERR 536871187 Unknown IPC command <User defined source 1>",
                "ERR 536870970 No data <User defined source 1> - because", "OK"])


def help_and_options():
    """HELP of all and of one, options that are known and that are not"""
    with Host() as server:
        lines = script(server, "HELP\nHELP LIMIT\nOPTION a=b\nOPTION --c d\nOPTION wrong")
        for name in "NOP", "ECHO [<text>]", "LIMIT name=value", "STATS":
            expect("# " + name in lines, "not in HELP:", name, lines)
        expect("# Set a limit of this connection." in lines, "no text of LIMIT:", lines)
        expect_equal(lines[-3:], [
            "OK", "OK",
            "ERR 536871086 Unknown option <User defined source 1> - this one is wrong"])


def inquiries():
    """inquiries, answered from a file, from a variable, by a program, and not at all"""
    octets = bytes(range(256)) * 100
    with Host() as server:
        path = write(server, "in", octets)
        lines = script(server, """
            /definqfile DATA %s
            /datafile out
            ASK
            /datafile
            TAKE
            /cleardef
            /subst
            /let text some %%41 text
            /definq DATA text
            ASK
            /cleardef
            /definqprog DATA printf 12345
            ASK
            /cleardef
            ASK 3""" % path)
        expect_equal(read(server, "out"), octets)
        expect("S TAKEN %d" % len(octets) in lines, "TAKE", lines)
        expect("D some %2541 text" in lines and "D 12345" in lines, "ASK", lines)
        expect("cancelled" in lines[-1], "no answer is no error", lines)


def long_data():
    """megabytes as data lines, and as an answer"""
    n = 5 << 20
    with Host() as server:
        path = write(server, "in", os.urandom(n))
        lines = script(server, "/datafile out\nBULK %d\n/datafile\n/definqfile DATA %s\nTAKE"
                       % (n, path))
        expect_equal((len(read(server, "out")), set(read(server, "out"))), (n, {0}))
        expect_equal(lines, ["OK", "INQUIRE DATA", "S TAKEN %d" % n, "OK"])


def descriptors():
    """descriptors that are passed with /sendfd"""
    octets = os.urandom(1 << 20)
    with Host() as server:
        write(server, "in", octets)
        lines = script(server, """
            /sendfd in r
            INPUT FD
            /sendfd out w
            OUTPUT FD
            COPY
            /sendfd in r
            INPUT FD
            /datafile got
            GET
            /datafile
            /sendfd put w
            OUTPUT FD
            /definqfile DATA in
            PUT
            INPUT FD""")
        expect_equal(read(server, "out"), octets)
        expect_equal(read(server, "got"), octets)
        expect_equal(read(server, "put"), octets)
        expect("S COPIED %d" % len(octets) in lines, "COPY", lines)
        expect_equal(lines[-1], "ERR 536871169 General IPC error <User defined source 1>")
        server.await_stats("it left", lambda s: s["n_connections"] == 1)
        server.expect_fds(0)


def loops():
    """a thousand commands in a loop of its own language"""
    with Host() as server:
        lines = script(server, """
            /subst
            /let i 1000
            /while $i
              ECHO call ${i}
              /let i ${- $i 1}
            /end""")
        expect_equal(lines, [x for i in range(1000, 0, -1) for x in ("D call %d" % i, "OK")])


if __name__ == "__main__":
    host.Host.program = os.path.abspath(sys.argv[1])
    kit.main([commands, help_and_options, inquiries, long_data, descriptors, loops])
