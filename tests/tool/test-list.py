# SPDX-License-Identifier: LGPL-2.1-or-later
"""assuanctl list: GnuPG's servers, whether they run, and starting none."""

import os
import signal

from kit import Mock, Suite, expect, expect_equal, need

suite = Suite()

NAMES = ["agent", "agent-extra", "agent-browser", "dirmngr", "keyboxd", "scdaemon", "uiserver"]


@suite.test("a row for each name; nothing is started")
def _(place):
    need("gpgconf")
    rows = place.ctl("-j", "list").json()
    expect_equal([x["name"] for x in rows], NAMES)
    expect(all(x["state"] in ("stopped", "absent") for x in rows), rows)
    text = place.ctl("list").gives(place.ctl("list").out, "").out.decode().splitlines()
    expect_equal(text[0].split(), ["NAME", "STATE", "PID", "ADDRESS"])
    expect_equal(text[1].split(), ["agent", "stopped", "-", "unix:%s/S.gpg-agent" % place.home])
    expect_equal([x.split()[0] for x in place.ctl("list", "-q").out.decode().splitlines()], NAMES)
    expect(not os.path.exists(place.home + "/S.gpg-agent"), "an agent was started")


@suite.test("a parent that ignores SIGCHLD changes nothing: programs are waited for")
def _(place):
    need("gpgconf")

    def ignore():
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    expect_equal([x["name"] for x in place.ctl("-j", "list", preexec_fn=ignore).json()], NAMES)
    with Mock(place, {"ASK": "INQUIRE KEY\n", "END": "OK\n", "CAN": "ERR 1\n"}) as mock:
        place.ctl("call", "-q", mock.address, "-i", "KEY=exec:echo x", "ASK", preexec_fn=ignore).gives("")
        place.ctl("call", "-q", mock.address, "-i", "KEY=exec:false", "ASK", preexec_fn=ignore).fails(5, "exit status 1")


@suite.test("a server that runs has its pid")
def _(place):
    socket = place.start_agent()
    pid = int(place.ctl("call", "agent", "GETINFO", "pid").out)
    rows = {x["name"]: x for x in place.ctl("list", "-j").json()}
    expect_equal(rows["agent"], {"name": "agent", "state": "running", "pid": pid,
                                 "address": "unix:" + socket})
    # Its restricted socket tells no pid, and the process that began to listen has forked since.
    expect_equal(rows["agent-extra"], {"name": "agent-extra", "state": "running",
                                       "address": "unix:" + socket + ".extra"})
    expect_equal(rows["scdaemon"]["state"], "stopped")
    expect_equal(rows["dirmngr"]["state"], "stopped")


@suite.test("scdaemon runs if the agent says so, and has a pid of its own")
def _(place):
    need("gpg-agent", "gpgconf")
    place.write("h/gpg-agent.conf", "")
    place.write("h/scdaemon.conf", "disable-ccid\npcsc-driver /nonexistent\n")
    place.start_agent()
    found = place.ctl("call", "scdaemon", "GETINFO", "pid")
    if found.code:
        need("no scdaemon")
    row = {x["name"]: x for x in place.ctl("list", "-j").json()}["scdaemon"]
    expect_equal((row["state"], row["pid"]), ("running", int(found.out)))


@suite.test("arguments, or no gpgconf, are told")
def _(place):
    place.ctl("list", "agent").fails(2)
    place.ctl("list", env={"PATH": "/nonexistent"}).fails(3, "gpgconf")


@suite.test("--homedir is another home of GnuPG")
def _(place):
    need("gpgconf")
    os.mkdir(place.path("other"), 0o700)
    for given in place.path("other"), "other", "./other":
        rows = place.ctl("list", "-j", "--homedir=" + given).json()
        expect_equal(rows[0]["address"].split("/other/")[-1], "S.gpg-agent", rows)


suite.main()
