# SPDX-License-Identifier: LGPL-2.1-or-later
"""scdaemon, gpg-agent's server for smart cards, on a machine without any."""

import re

from dialogue import Dialogue
from harness import TIMEOUT, Suite, expect, wait_gone

UNKNOWN_COMMAND, PARAMETER = 275, 280

suite = Suite("scdaemon", "gpg-agent", "gpg-connect-agent", "gpgconf")


def check_no_card(reply):
    """An error that says why there is no card: no device, no service, not supported, ..."""
    expect(re.match(r"ERR \d+ .* <SCD>", reply.error().final), "not scdaemon's own error", reply)


@suite.test("scdaemon --server tells about itself, lists its commands, and reports that no card is there")
def _(home):
    with Dialogue.pipe(home, "scdaemon", "--server") as server:
        home.mapped(server.child.pid)
        expect("Smartcard server ready" in server.hello.final, "another greeting", server.hello)
        expect(server.command("GETINFO version").ok().text.startswith("2."), "no version")
        expect(server.command("GETINFO pid").ok().text == str(server.child.pid), "another pid")
        expect(len(server.command("HELP").ok().comments) > 20, "commands missing")
        check_no_card(server.command("SERIALNO"))
        check_no_card(server.command("LEARN --force"))
        server.command("FROBNICATE").error(UNKNOWN_COMMAND)
        server.command("GETINFO nonsense").error(PARAMETER)
        server.command("RESTART").ok()
        expect(server.command("BYE").final == "OK closing connection", "another goodbye")


@suite.test("scdaemon --multi-server serves its pipe and its socket at once")
def _(home):
    with Dialogue.pipe(home, "scdaemon", "--multi-server") as server:
        path = server.command("GETINFO socket_name").ok().text
        expect(path.startswith(home.dir), "another socket: " + path)
        with Dialogue.connect(path) as one, Dialogue.connect(path) as two:
            for client in one, server, two:
                expect(client.command("GETINFO pid").ok().text == str(server.child.pid),
                       "another process answers")
                check_no_card(client.command("SERIALNO"))
        server.commands("GETINFO version", "KILLSCD")


@suite.test("gpg-agent starts scdaemon, relays its answers to several clients, and can end it")
def _(home):
    home.start_agent()
    first = home.agent("SCD GETINFO pid", "SCD GETINFO socket_name").ok()
    pid = int(first.lines[0][2:])
    home.mapped(pid)
    for _ in range(3):
        again = home.agent("SCD GETINFO pid", "GETINFO scd_running").ok()
        expect(again.lines[0] == "D %d" % pid, "another scdaemon", again)
    home.agent("SCD SERIALNO").error("<SCD>")
    home.agent("SCD GETINFO nonsense").error("parameter error <SCD>")
    home.agent("SCD KILLSCD").ok()
    expect(not wait_gone({pid}, TIMEOUT), "scdaemon still runs")
    home.agent("GETINFO version").ok()


@suite.test("gpg --card-status ends with an error, not with a hang")
def _(home):
    home.gpg("--card-status").fails()


if __name__ == "__main__":
    suite.main()
