# SPDX-License-Identifier: LGPL-2.1-or-later
"""gpgsm: a self-signed certificate, signatures, and its server, which works on descriptors."""

import os
import re
import threading

from dialogue import Dialogue
from harness import TIMEOUT, Suite, expect, find_program

PASSPHRASE = "pass phrase 1"
PARAMETERS = """\
Key-Type: RSA
Key-Length: 2048
Key-Usage: sign, encrypt
Serial: random
Name-DN: CN=Test Certificate,O=Example
Name-Email: test@example.org
"""
TEXT = b"some text, and a percent: %\r\n" * 20000     # more than a pipe holds
NO_PUBLIC_KEY, NO_DATA = 9, 58

suite = Suite("gpgsm", "gpg-agent", "gpg-connect-agent", "gpgconf")


class Feeder:
    """A pipe whose other end a thread feeds, or drains, while the server works."""

    def __init__(self, feed=None):
        inner, outer = os.pipe()
        self.end, self.other = (outer, inner) if feed is None else (inner, outer)
        self.octets = feed
        self.thread = threading.Thread(target=self.drain if feed is None else self.feed,
                                       daemon=True)
        self.thread.start()

    def feed(self):
        """Write all that there is to write, unless the server gives up."""
        try:
            with open(self.other, "wb") as f:
                f.write(self.octets)
        except BrokenPipeError:
            pass

    def drain(self):
        """Read until the server closes its end."""
        with open(self.other, "rb") as f:
            self.octets = f.read()

    def take(self):
        """Our copy of the server's end is no longer needed; wait for the rest."""
        if self.end >= 0:
            os.close(self.end)
            self.end = -1
        self.thread.join(TIMEOUT)
        expect(not self.thread.is_alive(), "the server hangs on a pipe")
        return self.octets


def work(server, command, source, *message):
    """Let the server run COMMAND from a passed pipe to another one; what it wrote."""
    given, taken = Feeder(source), Feeder()
    more = [Feeder(m) for m in message]
    try:
        for line, pipe in [("INPUT FD", given), ("OUTPUT FD", taken)] + [("MESSAGE FD", m)
                                                                           for m in more]:
            server.send_fd(pipe.end)
            server.commands(line)
            if pipe is not taken:
                os.close(pipe.end)
                pipe.end = -1
        reply = server.command(command).ok()
        server.commands("RESET")
        return taken.take(), reply
    finally:
        for pipe in (given, taken, *more):
            pipe.take()


@suite.test("gpgsm --gen-key makes a self-signed certificate with a key that gpg-agent creates")
def _(home):
    home.configure("gpgsm", "disable-dirmngr", "disable-crl-checks")
    home.configure("gpg-agent", "pinentry-program " + home.fake_pinentry())
    home.mapped(home.start_agent())
    home.answers(*[PASSPHRASE] * 3)
    parameters = home.write("parameters", PARAMETERS)
    certificate = home.run("gpgsm", "--batch", "--gen-key", parameters).ok().raw
    expect(home.asked().count("GETPIN") >= 1, "no passphrase wanted", home.asked())
    home.run("gpgsm", "--batch", "--import", data=certificate).ok().has("imported: 1")
    listing = home.run("gpgsm", "--with-colons", "--list-secret-keys").ok().out
    home.fpr = re.search(r"^fpr:+([0-9A-F]{40}):", listing, re.M).group(1)
    home.write("h/trustlist.txt", home.fpr + " S\n")
    home.agent("RELOADAGENT").ok()


@suite.test("gpgsm signs after the passphrase, and verifies; a changed text is refused")
def _(home):
    home.write("text", TEXT)
    home.answers(PASSPHRASE)
    home.run("gpgsm", "--batch", "--detach-sign", "-o", home.path("sig"),
             home.path("text")).ok()
    home.run("gpgsm", "--verify", home.path("sig"), home.path("text")).ok().has("Good signature")
    home.write("text2", TEXT + b"!")
    home.run("gpgsm", "--verify", home.path("sig"), home.path("text2")).fails().has("invalid signature")


@suite.test("gpgsm encrypts to the certificate and decrypts again")
def _(home):
    sealed = home.run("gpgsm", "--batch", "-r", home.fpr, "--encrypt", data=TEXT).ok().raw
    expect(home.run("gpgsm", "--decrypt", data=sealed).ok().raw == TEXT, "the text changed")


@suite.test("gpgsm --server signs, verifies, encrypts and decrypts on descriptors that are passed")
def _(home):
    with Dialogue.paired(home, "gpgsm", "--server") as server:
        home.mapped(server.child.pid)
        signature, reply = work(server, "SIGN --detached", TEXT)
        expect(any(x.startswith("SIG_CREATED D ") for x in reply.status), "no status", reply)
        _, reply = work(server, "VERIFY", signature, TEXT)
        expect(any(x.startswith("GOODSIG ") for x in reply.status), "not good", reply)
        server.commands("RECIPIENT " + home.fpr)
        sealed, _ = work(server, "ENCRYPT", TEXT)
        opened, _ = work(server, "DECRYPT", sealed)
        expect(opened == TEXT, "the text changed")


@suite.test("gpgsm --server works on numbers of inherited descriptors (INPUT FD=n)")
def _(home):
    home.write("text", TEXT)
    with open(home.path("text"), "rb") as text, open(home.path("signed"), "wb") as signed:
        fds = [text.fileno(), signed.fileno()]
        with Dialogue.pipe(home, "gpgsm", "--server", pass_fds=fds) as server:
            server.commands("INPUT FD=%d" % fds[0], "OUTPUT FD=%d" % fds[1], "SIGN")
    home.run("gpgsm", "--verify", home.path("signed")).ok().has("Good signature")


@suite.test("gpg-connect-agent --exec starts gpgsm as a server and passes it files (/sendfd)")
def _(home):
    home.agent_script("""
        /sendfd %s r
        INPUT FD
        /sendfd %s w
        OUTPUT FD
        SIGN""" % (home.path("text"), home.path("signed2")),
                      "--exec", find_program("gpgsm"), "--server").ok()
    home.run("gpgsm", "--verify", home.path("signed2")).ok().has("Good signature")


@suite.test("gpgsm --server lists keys and exports certificates as data, long ones too")
def _(home):
    with Dialogue.pipe(home, "gpgsm", "--server") as server:
        expect(home.fpr in server.command("LISTKEYS").ok().text, "not listed")
        expect(home.fpr in server.command("LISTSECRETKEYS " + home.fpr).ok().text, "not listed")
        expect("Test Certificate" in server.command("DUMPKEYS").ok().text, "not dumped")
        certificate = server.command("EXPORT --data").ok().data
        armored = server.command("EXPORT --data --armor").ok().text
    expect(len(certificate) > 600 and "BEGIN CERTIFICATE" in armored, "no certificate")
    exported = home.run("gpgsm", "--export", home.fpr).ok().raw
    expect(exported == certificate, "the data lines hold another certificate than the file")


@suite.test("gpgsm --server refuses what cannot be, and goes on")
def _(home):
    with Dialogue.pipe(home, "gpgsm", "--server") as server:
        server.command("RECIPIENT nobody@example.net").error(NO_PUBLIC_KEY)
        server.command("SIGN").error()
        server.command("INPUT FD").error()
        server.command("OUTPUT").error()
        server.command("GETAUDITLOG").error(NO_DATA)
        expect(server.command("GETINFO pid").ok().text == str(server.child.pid), "another pid")


if __name__ == "__main__":
    suite.main()
