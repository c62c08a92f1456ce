#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The pinentry, alone and started by a real gpg-agent, with a pseudo-terminal and a user who types.

usage: test-pinentry.py PINENTRY
"""

import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import termios

import kit
from kit import Skip, eventually, expect, expect_equal

PASSPHRASE = "correct horse 1"
CANCELED, TIMEOUT, NOT_CONFIRMED, PARAMETER = (5 << 24 | code for code in (99, 62, 114, 280))


class Terminal:
    """A terminal, whose modes have to be the same at the end as at the beginning."""

    def __enter__(self):
        self.master, self.slave = os.openpty()
        self.name = os.ttyname(self.slave)
        self.modes = termios.tcgetattr(self.slave)
        self.screen = ""
        return self

    def __exit__(self, *exc):
        try:
            if not exc[0]:
                eventually("the terminal is as it was", self.is_as_before)
        finally:
            os.close(self.slave)
            os.close(self.master)

    def is_as_before(self):
        """Whether nothing is changed any more."""
        return termios.tcgetattr(self.slave) == self.modes

    def read(self):
        """Take what was shown."""
        if select.select([self.master], [], [], 0.01)[0]:
            self.screen += os.read(self.master, 65536).decode()

    def until(self, text):
        """Wait until TEXT was shown; forget what was before it."""
        def is_shown():
            self.read()
            return text in self.screen
        eventually("%r is shown" % text, is_shown)
        shown, self.screen = self.screen.split(text, 1)
        expect(PASSPHRASE not in shown, "the passphrase is shown")
        return shown

    def type(self, text):
        """Press keys."""
        os.write(self.master, text.encode())


class Pinentry:
    """The program, with the test in the agent's place."""

    def __init__(self, terminal):
        self.process = subprocess.Popen([PINENTRY], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.terminal = terminal

    def __enter__(self):
        expect(self.line().startswith("OK "), "no greeting")
        self.expect("OPTION ttyname=" + self.terminal.name, "OK")
        return self

    def __exit__(self, *exc):
        self.process.stdin.close()
        if exc[0]:
            self.process.kill()
        code = self.process.wait(kit.TIMEOUT)
        self.process.stdout.close()
        expect(exc[0] or code == 0, "exit status", code)

    def line(self):
        """The next line."""
        return self.process.stdout.readline().decode().rstrip("\n")

    def say(self, *lines):
        """Say commands."""
        self.process.stdin.write("".join(x + "\n" for x in lines).encode())
        self.process.stdin.flush()

    def hear(self, *lines):
        """Check the next lines; a number stands for an ERR with it."""
        for line in lines:
            got = self.line()
            if isinstance(line, int):
                got = int(got.split()[1]) if got.startswith("ERR ") else got
            expect_equal(got, line)

    def expect(self, command, *lines):
        """Say a command and check its answer."""
        self.say(command)
        self.hear(*lines)


class Home:
    """GnuPG's home with an agent that uses the pinentry, and a terminal."""

    def __init__(self, *options):
        for program in ("gpg", "gpg-agent", "gpgconf", "gpg-connect-agent"):
            if not shutil.which(program):
                raise Skip(program + " is not installed")
        self.options = options

    def __enter__(self):
        self.dir = tempfile.mkdtemp(prefix="eva-", dir="/tmp")
        self.terminal = Terminal().__enter__()
        self.env = {**os.environ, "GNUPGHOME": self.dir, "LC_ALL": "C", "GPG_TTY": self.terminal.name}
        self.env.pop("DISPLAY", None)
        with open(self.dir + "/gpg-agent.conf", "w", encoding="ascii") as f:
            f.write("\n".join(("disable-scdaemon", "s2k-count 65536", "pinentry-program " + PINENTRY,
                               *self.options)) + "\n")
        return self

    def __exit__(self, *exc):
        subprocess.run(["gpgconf", "--kill", "all"], env=self.env, check=False,
                       stderr=subprocess.DEVNULL, timeout=kit.TIMEOUT)
        shutil.rmtree(self.dir, ignore_errors=True)
        self.terminal.__exit__(*exc)

    def gpg(self, *arguments):
        """Start gpg."""
        return subprocess.Popen(["gpg", "--batch", "--yes", "--quiet", *arguments], env=self.env,
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE)

    def finish(self, gpg, data=b""):
        """Wait for its end.  Returns (EXIT STATUS, STDERR)."""
        _, err = gpg.communicate(data, timeout=kit.TIMEOUT)
        expect(self.terminal.is_as_before(), "the terminal is not as it was")
        return gpg.returncode, err.decode()

    def create(self):
        """Create a key, whose passphrase is asked for twice."""
        gpg = self.gpg("--quick-gen-key", "x <x@example.org>", "ed25519", "default", "0")
        shown = self.terminal.until("Passphrase: ")
        expect("protect your new key" in shown, "another text:", shown)
        self.terminal.type(PASSPHRASE + "\n")
        self.terminal.until("Repeat: ")
        self.terminal.type(PASSPHRASE + "\n")
        expect_equal(self.finish(gpg)[0], 0, "gpg --quick-gen-key")
        self.forget()

    def forget(self):
        """Let the agent forget the passphrase."""
        subprocess.run(["gpg-connect-agent", "RELOADAGENT", "/bye"], env=self.env, check=True,
                       stdout=subprocess.DEVNULL, timeout=kit.TIMEOUT)

    def sign(self):
        """Start a signature."""
        gpg = self.gpg("--sign", "--output", self.dir + "/signed")
        gpg.stdin.write(b"text")
        gpg.stdin.close()
        gpg.stdin = None
        return gpg


def dialogue():
    """it answers the agent's questions"""
    with Terminal() as terminal, Pinentry(terminal) as p:
        p.expect("GETINFO pid", "D %d" % p.process.pid, "OK")
        p.expect("GETINFO flavor", "D tty", "OK")
        p.expect("GETINFO ttyinfo", "D %s - - - - -" % terminal.name, "OK")
        p.expect("GETINFO nothing", PARAMETER)
        for command in ("SETTITLE a", "SETOK _Fine", "SETCANCEL b", "SETNOTOK No", "SETKEYINFO --clear",
                        "OPTION lc-ctype=C", "OPTION ttytype=xterm", "OPTION grab",
                        "SETDESC Two%0Alines%20of %1b[31m text", "SETERROR Wrong", "SETPROMPT PIN:"):
            p.expect(command, "OK")
        p.say("GETPIN")
        shown = terminal.until("PIN: ")
        expect_equal(shown, "a\r\nTwo\r\nlines of ?[31m text\r\nWrong\r\n")
        terminal.type(PASSPHRASE + "x\x7f\n")
        p.hear("D " + PASSPHRASE, "OK")
        p.say("CONFIRM")
        terminal.until("Fine (y), No (n): ")
        terminal.type("n\n")
        p.hear(NOT_CONFIRMED)
        p.say("CONFIRM")
        terminal.until("(n): ")
        terminal.type("y\n")
        p.hear("OK")
        for command in "CONFIRM --one-button", "MESSAGE":
            p.say(command)
            terminal.until("(Enter): ")
            terminal.type("\n")
            p.hear("OK")
        p.expect("RESET", "OK")
        p.say("CONFIRM")
        terminal.until("OK (y)")
        terminal.type("y\n")
        p.hear("OK")
        p.expect("BYE", "OK closing connection")


def twice():
    """it asks for a new passphrase twice, and again if they differ"""
    with Terminal() as terminal, Pinentry(terminal) as p:
        p.expect("SETPROMPT PIN:", "OK")
        p.expect("SETREPEAT Again:", "OK")
        p.expect("SETREPEATERROR Not the same", "OK")
        p.say("GETPIN")
        for first, second in (("one", "on"), ("on", "one"), ("one", "two")):
            terminal.until("PIN: ")
            terminal.type(first + "\n")
            terminal.until("Again: ")
            terminal.type(second + "\n")
            terminal.until("Not the same")
        terminal.until("PIN: ")
        terminal.type(PASSPHRASE + "\n")
        terminal.until("Again: ")
        terminal.type(PASSPHRASE + "\n")
        p.hear("S PIN_REPEATED", "D " + PASSPHRASE, "OK")


def cancelling():
    """Ctrl-C and Ctrl-D cancel a question, and so does a terminal that goes away"""
    with Terminal() as terminal, Pinentry(terminal) as p:
        p.expect("SETPROMPT PIN:", "OK")
        for keys in "\x03", "\x04", "abc\x03", "abc\x04":
            p.say("GETPIN")
            terminal.until("PIN: ")
            terminal.type(keys)
            p.hear(CANCELED)
            expect(terminal.is_as_before(), "the terminal is not as it was")
        p.expect("OPTION ttyname=/dev/null", "OK")
        p.say("GETPIN")
        expect(p.line().startswith("ERR "), "it asks at /dev/null")
        other = Terminal().__enter__()
        p.expect("OPTION ttyname=" + other.name, "OK")
        p.say("GETPIN")
        other.until("PIN: ")
        os.close(other.slave)
        os.close(other.master)
        p.hear(CANCELED)
        p.expect("NOP", "OK")


def time_over():
    """a question has its time"""
    with Terminal() as terminal, Pinentry(terminal) as p:
        p.expect("SETTIMEOUT 1", "OK")
        p.expect("SETPROMPT PIN:", "OK")
        p.say("GETPIN")
        terminal.until("PIN: ")
        p.hear(TIMEOUT)
        p.expect("SETTIMEOUT 0", "OK")
        p.say("GETPIN")
        terminal.until("PIN: ")
        terminal.type("a\n")
        p.hear("D a", "OK")


def ends():
    """the terminal is given back if the agent leaves, or a signal comes"""
    for end in (None, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGTSTP):
        with Terminal() as terminal, Pinentry(terminal) as p:
            p.expect("SETPROMPT PIN:", "OK")
            p.say("GETPIN")
            terminal.until("PIN: ")
            terminal.type("half")
            if end:
                p.process.send_signal(end)
            else:
                p.process.stdin.close()
                p.process.stdout.close()
            expect_equal(p.process.wait(kit.TIMEOUT), 0)
            expect(terminal.is_as_before(), "the terminal is not as it was")


def signing():
    """gpg creates a key and signs"""
    with Home() as home:
        home.create()
        gpg = home.sign()
        shown = home.terminal.until("Passphrase: ")
        expect("x@example.org" in shown, "another text:", shown)
        home.terminal.type(PASSPHRASE + "\n")
        expect_equal(home.finish(gpg), (0, ""))


def wrong():
    """a wrong passphrase is asked for three times"""
    with Home() as home:
        home.create()
        gpg = home.sign()
        for attempt in 1, 2, 3:
            shown = home.terminal.until("Passphrase: ")
            expect(attempt == 1 or "Bad Passphrase (try %d of 3)" % attempt in shown, "text:", shown)
            home.terminal.type("wrong\n")
        code, err = home.finish(gpg)
        expect(code and "Bad passphrase" in err, code, err)


def giving_up():
    """the user cancels"""
    with Home() as home:
        home.create()
        gpg = home.sign()
        home.terminal.until("Passphrase: ")
        home.terminal.type("half\x03")
        code, err = home.finish(gpg)
        expect(code and "Operation cancelled" in err, code, err)


def agent_timeout():
    """the agent's time is over"""
    with Home("pinentry-timeout 3") as home:
        home.create()
        gpg = home.sign()
        home.terminal.until("Passphrase: ")
        code, err = home.finish(gpg)
        expect(code and "Timeout" in err, code, err)


def leaving():
    """the agent is killed, and the question goes"""
    with Home() as home:
        home.create()
        gpg = home.sign()
        home.terminal.until("Passphrase: ")
        reply = subprocess.run(["gpg-connect-agent", "GETINFO pid", "/bye"], env=home.env, check=True,
                               stdout=subprocess.PIPE, timeout=kit.TIMEOUT).stdout
        os.kill(int(reply.split()[1]), signal.SIGKILL)
        eventually("the terminal is as it was", home.terminal.is_as_before)
        expect(home.finish(gpg)[0], "gpg has no agent, and signs")


if __name__ == "__main__":
    PINENTRY = os.path.abspath(sys.argv[1])
    kit.main([dialogue, twice, cancelling, time_over, ends, signing, wrong, giving_up, agent_timeout,
              leaving])
