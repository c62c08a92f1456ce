# SPDX-License-Identifier: LGPL-2.1-or-later
"""GPGME's Assuan engine, on the system's libassuan, as a client of eva_server.

The environment variable EVA_GPGME_CLIENT names the compiled tests/programs/gpgme-client.c.

usage: test-gpgme.py HOST
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "host"))

import host                                                     # noqa: E402
import kit                                                      # noqa: E402
from host import Host                                           # noqa: E402
from kit import Skip, expect, expect_equal                      # noqa: E402


def client(server, *args):
    """Run the client on SERVER; what it prints."""
    program = os.environ.get("EVA_GPGME_CLIENT")
    if not program:
        raise Skip("gpgme-client was not built, for want of libgpgme's headers")
    code, out, err = kit.run(program, *args, env={**os.environ, "EVA_GPGME_SOCKET": server.path})
    expect_equal((code, err), (0, ""))
    return out


def transact():
    """data, status lines, inquiries and errors"""
    with Host() as server:
        out = client(server, "transact", "ECHO 100% sure", "COUNT 2", "ASK", "FAIL 58 because",
                     "NONSENSE", "NOP")
        expect_equal(out.decode().splitlines(), [
            "D 100% sure", "OK", "S PROGRESS COUNT ? 1 2", "S PROGRESS COUNT ? 2 2", "OK",
            "INQUIRE DATA ", "OK", "ERR 58 User defined source 1", "ERR 275 User defined source 1",
            "OK"])


def long_data():
    """megabytes as data lines"""
    with Host() as server:
        out = client(server, "transact", "BULK %d" % (3 << 20))
        expect_equal(out.count(b"\0"), 3 << 20)
        expect(out.endswith(b"\nOK\n"), "no end:", out[-20:])


def parallel():
    """a hundred conversations in one loop of GPGME's"""
    with Host() as server:
        expect_equal(client(server, "parallel", "100", "LIST 1000"), b"100 answers\n")
        figures = server.await_stats("they left", lambda s: s["n_connections"] == 1)
        expect_equal((figures["n_accepted"], figures["n_dropped"]), (101, 0))
        server.expect_fds(0)


if __name__ == "__main__":
    host.Host.program = os.path.abspath(sys.argv[1])
    kit.main([transact, long_data, parallel])
