# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pinentries: two real ones in a terminal, with a person in front of it, and one without a user.

A pinentry blocks in its handler, writes inquiries and status lines of its own, and closes the
connection in the middle of a reply: habits that no other program of GnuPG has.
"""

import select
import subprocess

from dialogue import Dialogue
from harness import TIMEOUT, Suite, Terminal, expect, find_program, need

UID = "Carol Example <carol@example.org>"
PASSPHRASE = "long passphrase 1%"
TIMED_OUT, CANCELED, NOT_CONFIRMED, FULLY_CANCELED, UNKNOWN_COMMAND = 62, 99, 114, 198, 275

# How each of them is told "no" where it has buttons, and where it asks for a passphrase.
CANCEL_PIN = {"pinentry-tty": "\x04", "pinentry-curses": "\t\t\r"}
AGREE = {"pinentry-tty": "y", "pinentry-curses": "\r"}
DECLINE = {"pinentry-tty": "n", "pinentry-curses": "\t\r"}
CANCEL = {"pinentry-tty": "c", "pinentry-curses": "\t\t\r"}

suite = Suite("gpg", "gpg-agent", "gpg-connect-agent", "gpgconf")


class Person:
    """A pinentry in a terminal, its Assuan client, and the user."""

    def __init__(self, home, program):
        need(program)
        self.terminal = Terminal()
        with open(home.path("server.log"), "ab") as log:
            child = self.terminal.spawn(home, [program], stdin=subprocess.PIPE, bufsize=0,
                                        stdout=subprocess.PIPE, stderr=log)
        self.server = Dialogue(child.stdout, child.stdin)
        self.server.child = child
        home.mapped(child.pid)
        self.server.commands("OPTION ttyname=" + self.terminal.name, "OPTION ttytype=xterm",
                             "OPTION lc-ctype=C", "SETTITLE Title")

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.server.__exit__(*args)
        self.terminal.__exit__()

    def ask(self, command, shown, keys):
        """Give COMMAND, wait until all of SHOWN came up, press KEYS; the reply."""
        self.server.send(command.encode() + b"\n")
        self.terminal.read_until(*shown)
        self.terminal.type(keys)
        return self.server.reply()


def check_questions(home, program):
    """All that GnuPG asks of a pinentry."""
    with Person(home, program) as person:
        server, ask = person.server, person.ask
        server.commands("SETDESC Say the%0Amagic word", "SETPROMPT Word:")
        reply = ask("GETPIN", ["Word:"], "open 100%\r").ok()
        expect(reply.text == "open 100%", "another passphrase: " + reply.text)
        expect("magic word" in person.terminal.screen, "the text is not shown")
        expect("open" not in person.terminal.screen, "the passphrase is shown")
        # A long one needs several data lines, and room in the small pool of locked memory that
        # the library's buffers come from too.
        expect(ask("GETPIN", ["Word:"], "%" * 900 + "\r").ok().text == "%" * 900, "cut")
        ask("GETPIN", ["Word:"], CANCEL_PIN[program]).error(CANCELED)
        server.commands("SETDESC Really?", "SETOK _Yes", "SETNOTOK _No", "SETCANCEL _Cancel")
        last = ["Really?", "]? " if program == "pinentry-tty" else "<Cancel>"]
        ask("CONFIRM", last, AGREE[program]).ok()
        ask("CONFIRM", last, DECLINE[program]).error(NOT_CONFIRMED)
        ask("CONFIRM", last, CANCEL[program]).error(CANCELED)
        ask("MESSAGE", ["Really?"], "\r").ok()
        server.command("FROBNICATE").error(UNKNOWN_COMMAND)
        expect(server.command("GETINFO pid").ok().text == str(server.child.pid), "another pid")
        expect(server.command("BYE").final == "OK closing connection", "another goodbye")


def check_signature(home, program):
    """gpg signs while the user types the passphrase into the terminal that gpg runs in."""
    need(program)
    home.configure("gpg-agent", "pinentry-program " + find_program(program))
    home.agent("RELOADAGENT").ok()
    with Terminal() as terminal:
        gpg = terminal.spawn(home, ["gpg", "--no-tty", "--output", home.path(program + ".gpg"),
                                    "--sign", home.write("text", "text\n")],
                             env={"GPG_TTY": terminal.name})
        terminal.read_until("Passphrase:")
        home.mapped(gpg.pid)
        terminal.type(PASSPHRASE + "\r")
        expect(gpg.wait(TIMEOUT) == 0, "gpg failed", terminal.screen)
    home.gpg("--verify", home.path(program + ".gpg")).ok().has("GOODSIG")


@suite.test("pinentry-tty asks for a passphrase, for yes or no, and shows a message")
def _(home):
    check_questions(home, "pinentry-tty")


@suite.test("pinentry-curses asks for a passphrase, for yes or no, and shows a message")
def _(home):
    check_questions(home, "pinentry-curses")


@suite.test("pinentry-tty, interrupted, sends its error and closes the connection")
def _(home):
    with Person(home, "pinentry-tty") as person:
        person.server.commands("SETPROMPT Word:")
        person.server.send(b"GETPIN\n")
        person.terminal.read_until("Word:")
        # One that comes just before the pinentry reads is lost to it, and a person presses again.
        for _ in range(TIMEOUT):
            person.terminal.type("\x03")
            if select.select([person.server.child.stdout], [], [], 1)[0]:
                break
        reply = person.server.reply().error(FULLY_CANCELED)
        expect(reply.final.endswith("[closing connection]"), "another text", reply)
        expect(person.server.line() is None, "the connection stays open")


@suite.test("a pinentry that nobody answers gives up after its timeout")
def _(home):
    with Person(home, "pinentry-tty") as person:
        person.server.commands("SETTIMEOUT 1", "SETPROMPT Word:")
        person.ask("GETPIN", ["Word:"], "").error(TIMED_OUT)


@suite.test("gpg-agent asks through its pinentry for a new key's passphrase, and to take a weak one")
def _(home):
    home.configure("gpg-agent", "pinentry-program " + home.fake_pinentry())
    home.start_agent()
    home.answers("weak", "no", PASSPHRASE)
    home.gpg("--no-batch", "--quick-gen-key", UID, "ed25519", "default", "0").ok()
    asked = home.asked()
    expect(asked.count("GETPIN") == 2 and asked.count("CONFIRM") == 1, "other questions", asked)
    expect("OPTION ttytype=xterm" in asked, "the client's terminal is not passed on", asked)


@suite.test("gpg signs with a passphrase from the pinentry, and asks again after a wrong one")
def _(home):
    home.agent("RELOADAGENT").ok()
    home.answers("wrong", PASSPHRASE)
    home.gpg("--sign", data="text").ok()
    asked = home.asked()
    expect(asked.count("GETPIN") == 2, "not asked twice", asked)
    expect([x for x in asked if x.startswith("SETERROR")], "no reason for asking again", asked)
    home.answers()
    home.gpg("--sign", data="text").ok()
    expect(not home.asked(), "asked although it is in the cache", home.asked())


@suite.test("a pinentry that is cancelled, or dies, fails the signature, and the next one works")
def _(home):
    for answer in "cancel", "die":
        home.agent("RELOADAGENT").ok()
        home.answers(answer)
        home.gpg("--sign", data="text").fails()
    home.answers(PASSPHRASE)
    home.gpg("--sign", data="text").ok()


@suite.test("GET_PASSPHRASE and GET_CONFIRMATION bring the user's answers to an agent's client")
def _(home):
    with Dialogue.connect(home.gnupg + "/S.gpg-agent") as agent:
        home.answers("geheim 100%", "yes", "cancel")
        command = "GET_PASSPHRASE --data --qualitybar test:1 X Prompt Say+it+100%25"
        expect(agent.command(command).ok().text == "geheim 100%", "another passphrase")
        expect(agent.command(command).ok().text == "geheim 100%", "not kept in the cache")
        expect("SETDESC Say it 100%25" in home.asked(), "another text", home.asked())
        agent.command("GET_CONFIRMATION Really+so").ok()
        agent.command("GET_CONFIRMATION Really+so").error(CANCELED)
        agent.command("CLEAR_PASSPHRASE --mode=normal test:1").ok()
        home.answers("inquire", "another one 1")
        expect(agent.command(command).ok().text == "another one 1", "not asked again")
        asked = home.asked()
        told = [x for x in asked[asked.index("GETPIN"):] if x.startswith("D ")]
        expect(len(told) == 1 and told[0][2:].lstrip("-").isdigit(), "no quality told", asked)


@suite.test("a signature with the passphrase typed into pinentry-tty")
def _(home):
    check_signature(home, "pinentry-tty")


@suite.test("a signature with the passphrase typed into pinentry-curses")
def _(home):
    check_signature(home, "pinentry-curses")


if __name__ == "__main__":
    suite.main()
