# SPDX-License-Identifier: LGPL-2.1-or-later
"""assuanctl shell at a terminal: prompt, keys, history, completion, what comes in between."""

import os
import stat

from kit import Mock, Screen, Suite, eventually, expect, expect_equal

suite = Suite()

TALK = {
    "HI": "OK hi there\n", "HELP": "# GETINFO\n# GETVERSION\n# SIGN [--hash]\nOK\n",
    "HELP SIGN": "# SIGN [--hash] [--help-me] NAME\n# \n# text\nOK\n", "ASK": "INQUIRE PASSPHRASE x\n",
    "NAME": "INQUIRE NAME\n", "END": "OK thanks\n", "CAN": "ERR 67109141 cancelled <GPG Agent>\n",
    "HANG": "S WAIT\n",
}


def shell(place, mock, *args, **env):
    screen = Screen(place, "shell", "--no-session", *args, mock.address, **env)
    screen.until("assuan> ")
    return screen


@suite.test("a prompt, a line, its reply, and Ctrl-D")
def _(place):
    with Mock(place, TALK) as mock:
        screen = shell(place, mock)
        screen.keys("HI\n")
        screen.until("OK hi there")
        screen.until("assuan> ")
        screen.keys("\x04")
        expect_equal(screen.end(), 0)


@suite.test("TAB completes a command, an option, a slash command, and a file; shows what there is")
def _(place):
    with Mock(place, TALK) as mock:
        place.write("some-file", "x")
        screen = shell(place, mock)
        screen.keys("SI\t")
        screen.until("GN ")
        screen.keys("--ha\t")
        screen.until("sh ")
        screen.keys("\x15GET\t")
        screen.until("GETINFO  GETVERSION")
        screen.keys("\x15/showd\t")
        screen.until("ef ")
        screen.keys("\x15/definqfile X some\t")
        screen.until("file ")
        screen.keys("\x15\x04")
        expect_equal(screen.end(), 0)
        expect_equal(mock.heard.count("HELP"), 1)


@suite.test("TAB completes names for OPTION: of the server's help, or of GnuPG's manuals")
def _(place):
    with Mock(place, {**TALK, "HELP OPTION": "# OPTION <name> [ [=] <value> ]\n# \n"
                      "# color=<value>   what to paint with\n# colorless       nothing\n# not an option\nOK\n"}) as mock:
        screen = shell(place, mock)
        screen.keys("OPTION no\t\x15option colorl\t")
        screen.until("ess ")
        screen.keys("\x15OPTION  co\t\t")
        screen.until("color=  colorless")
        screen.keys("=blue\n")
        screen.until("OK")
        screen.keys("\x04")
        expect_equal(screen.end(), 0)
        expect("OPTION  color=blue" in mock.heard, mock.heard)
    place.start_agent()
    screen = Screen(place, "shell", "--no-session", "agent")
    screen.until("assuan> ")
    screen.keys("OPTION pinentry-m\tloopback\n")
    screen.until("ode=loopback")
    screen.until("OK")
    screen.keys("\x04")
    expect_equal(screen.end(), 0)


@suite.test("the history lasts, and has no secret and nothing behind a blank")
def _(place):
    with Mock(place, TALK) as mock:
        screen = shell(place, mock)
        for line in "HI", " SECRETLY", "PRESET_PASSPHRASE grip -1 wonderland":
            screen.keys(line + "\n")
            screen.until("OK")
            screen.until("assuan> ")
        screen.keys("/history\n")
        screen.until("assuan> ")
        screen.keys("\x04")
        expect_equal(screen.end(), 0)
        path = place.path("state/assuanctl/history")
        history = place.read("state/assuanctl/history")
        expect(b"HI" in history and b"SECRETLY" not in history and b"wonderland" not in history, history)
        expect_equal(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        screen = shell(place, mock, "--secret=hi", "--show-secrets")
        screen.keys("HI my-own-secret\n")
        screen.until("assuan> ")
        screen.keys("\x04")
        screen.end()
        expect(b"my-own" not in place.read("state/assuanctl/history"), "a secret of --secret is in the history")
        screen = shell(place, mock)
        del mock.heard[:]
        screen.keys("\x10\x10\n")
        screen.until("OK hi there")
        screen.keys("\x04")
        screen.end()
        expect("HI" in mock.heard, mock.heard)


@suite.test("Ctrl-C clears the line, and in a command ends that command")
def _(place):
    with Mock(place, TALK) as mock:
        screen = shell(place, mock)
        screen.keys("NOT THIS\x03")
        screen.until("^C")
        screen.keys("HI\n")
        screen.until("OK hi there")
        screen.until("assuan> ")
        expect("NOT THIS" not in "".join(mock.heard), mock.heard)
        screen.keys("HANG\n")
        screen.until("S WAIT")
        screen.keys("\x03")
        screen.until("assuan> ")
        for sock in mock.acceptor.clients:
            mock.say(sock, "OK late\n")
        screen.keys("HI\n")
        screen.until("OK hi there")
        screen.keys("\x04")
        screen.end()


@suite.test("an inquiry asks: without echo for a secret, /cancel is CAN")
def _(place):
    with Mock(place, TALK) as mock:
        screen = shell(place, mock)
        screen.keys("ASK\n")
        screen.until("PASSPHRASE x> ")
        screen.keys("wonderland\n")
        screen.until("OK thanks")
        expect("wonderland" not in screen.text, screen.text)
        expect("D wonderland" in mock.heard, mock.heard)
        screen.until("assuan> ")
        screen.keys("NAME\n")
        screen.until("NAME> ")
        screen.keys("/cancel\n")
        screen.until("ERR 67109141")
        expect("CAN" in mock.heard, mock.heard)
        screen.until("assuan> ")
        screen.keys("\x04")
        screen.end()


@suite.test("what comes at the prompt shows at once, and so does the end of the server")
def _(place):
    with Mock(place, TALK) as mock:
        screen = shell(place, mock)
        screen.keys("half")
        screen.until("half")
        mock.say(mock.acceptor.clients[0], "S NEWS \x1b[31m from the server\n")
        screen.until("S NEWS %1B[31m from the server")
        screen.until("half")
        mock.close_all()
        screen.until("closed")
        screen.keys("\x15\x04")
        screen.end()


@suite.test("a dumb terminal gets plain lines")
def _(place):
    with Mock(place, TALK) as mock:
        screen = shell(place, mock, TERM="dumb")
        screen.keys("HI\n")
        screen.until("OK hi there")
        screen.keys("\x04")
        expect_equal(screen.end(), 0)
        expect("\x1b" not in screen.text, repr(screen.text))


suite.main()
