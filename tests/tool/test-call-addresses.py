# SPDX-License-Identifier: LGPL-2.1-or-later
"""assuanctl call: every form of address, and GnuPG's servers."""

import os

from calls import TALK
from kit import Mock, Suite, expect, expect_equal, need

suite = Suite()


@suite.test("every form of address connects")
def _(place):
    with Mock(place, TALK) as mock:
        for address in mock.address, mock.path, "./S", "../%s/S" % os.path.basename(place.dir):
            place.ctl("call", address, "DATA").gives("one%\ntwo")
        place.write("redirected", "%%Assuan%%\nsocket=%s\n" % mock.path)
        place.ctl("call", "./redirected", "DATA").gives("one%\ntwo")


@suite.test("a server is started, by words that are split or not, and its stderr is ours")
def _(place):
    program = place.write("my server", "#!/bin/sh\necho \"$1/$2\" >&2; echo OK; read x; echo D $x; echo OK;"
                          "read x\n", 0o700)
    place.ctl("call", "-c", "HELLO", "--", program, "a b", "").gives("D HELLO\n"[2:-1], "a b/\n")
    plain = place.path("plain")
    os.symlink(program, plain)
    place.ctl("call", "exec:%s a  b" % plain, "HELLO").gives("HELLO", "a/b\n")
    place.ctl("call", "exec:plain a b", "HELLO", env={"PATH": place.dir + ":/usr/bin:/bin"}).gives("HELLO")


@suite.test("an agent that does not run is started, unless --no-start")
def _(place):
    need("gpg-agent", "gpgconf")
    place.uses_gnupg = True
    place.ctl("call", "--no-start", "agent", "GETINFO", "version").fails(3, "agent")
    result = place.ctl("call", "agent", "GETINFO", "version")
    expect(result.code == 0 and result.out[:2] == b"2.", result)
    socket_name = place.ctl("call", "--no-start", "agent", "GETINFO", "socket_name")
    expect_equal(socket_name.out.decode(), place.home + "/S.gpg-agent")


@suite.test("names are looked up; a server that this GnuPG lacks is told")
def _(place):
    socket = place.start_agent()
    for name, wanted in (("agent", ""), ("agent-extra", ".extra"), ("agent-browser", ".browser")):
        result = place.ctl("call", name, "GETINFO", "version")
        expect(result.code == 0 and result.out[:2] == b"2.", name, wanted, result)
    expect(os.path.exists(socket), "no socket")
    place.ctl("call", "uiserver", "NOP").fails(3, "uiserver")
    with open(place.write("agent", ""), "rb"):
        place.ctl("call", "./agent", "NOP").fails(3)
    place.ctl("call", "scdaemon", "-v", "NOP").fails(1, "> SCD NOP")


@suite.test("the agent is told the session, unless --no-session")
def _(place):
    place.start_agent()
    env = {"GPG_TTY": "/dev/pts/77", "DISPLAY": ":7", "XMODIFIERS": "@im=x", "TERM": "vt100"}
    result = place.ctl("call", "-v", "agent", "NOP", env=env).gives("")
    for line in ("RESET", "OPTION ttyname=/dev/pts/77", "OPTION ttytype=vt100", "OPTION display=:7",
                 "OPTION putenv=XMODIFIERS=@im=x", "OPTION lc-ctype=", "OPTION lc-messages="):
        expect("> " + line in result.err, "missing:", line, result)
    result = place.ctl("call", "-v", "agent", "--no-session", "NOP", env=env).gives("")
    expect_equal([x for x in result.err.splitlines() if x[0] == ">"][:1], ["> NOP"])


suite.main()
