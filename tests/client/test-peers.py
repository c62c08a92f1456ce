# SPDX-License-Identifier: LGPL-2.1-or-later
"""Real servers of GnuPG, on the system's libassuan, for clients of eva_connect.

The client is a program that takes orders (talker.c); each server is started by it through pipes, or
a socket, or runs as a daemon.
"""

import hashlib
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "programs"))

from harness import Suite, expect, find_program, need, read_until   # noqa: E402

UNKNOWN_COMMAND, INQUIRY_CANCELED, PARAMETER, CANCELED, EOF = 275, 277, 280, 99, 16383
NO_SECRET_KEY, TIMEOUT = 17, 62
USER = "Tessa Example <tessa@example.org>"
KEYPARAM = "(genkey (ecc (curve Ed25519)(flags eddsa)))"

suite = Suite("gpg", "gpg-agent", "gpgconf")


class Reply:
    """What a call was told."""

    def __init__(self, lines):
        self.lines = lines
        words = lines[-1].split(" ", 2)
        self.code = int(words[1])
        self.text = words[2] if len(words) > 2 else None
        self.status = [x[7:] for x in lines if x.startswith("status ")]
        self.data = b"".join(unescape(x[5:]) for x in lines if x.startswith("data "))

    def ok(self):
        """Self, if the call was successful."""
        return self.fails(0)

    def fails(self, code):
        """Self, if the call ended with CODE."""
        expect(self.code == code, "code %d, not %d" % (self.code, code), *self.lines)
        return self


def unescape(text):
    """The octets of TEXT."""
    return re.sub(rb"%([0-9a-f]{2})", lambda m: bytes([int(m[1], 16)]), text.encode())


def escape(octets):
    """OCTETS as an order may have them."""
    return "".join("%%%02x" % x for x in octets)


class Talker:
    """A client that takes orders."""

    def __init__(self, home, address, *options, **kwargs):
        self.child = home.spawn([os.environ["EVA_TALKER"], address, *options], bufsize=0,
                                stderr=None, **kwargs)
        self.heard = b""

    def __enter__(self):
        expect(self.line() == "ready", "not ready")
        return self

    def __exit__(self, *_):
        self.child.stdin.close()
        expect(self.child.wait(60) == 0, "ended with %d" % self.child.returncode)
        self.child.stdout.close()

    def say(self, *orders):
        """Give orders."""
        self.child.stdin.write("".join(x + "\n" for x in orders).encode())

    def line(self):
        """The next line."""
        self.heard = read_until(self.child.stdout, "\n", self.heard)
        line, self.heard = self.heard.split(b"\n", 1)
        return line.decode()

    def wait(self, what):
        """All lines up to one that begins with WHAT."""
        lines = [self.line()]
        while not (lines[-1] + " ").startswith(what + " "):
            lines.append(self.line())
        return lines

    def call(self, command):
        """Call and wait for the end."""
        self.say("call " + command)
        return Reply(self.wait("done"))


def make_key(home):
    """A key without a passphrase; its keygrip."""
    home.gpg("--passphrase", "", "--quick-gen-key", USER, "ed25519").ok()
    keys = home.gpg("--with-colons", "--with-keygrip", "--list-secret-keys").ok().out
    return re.findall(r"^grp:+([0-9A-F]{40}):", keys, re.M)[0]


def use_agent(agent, grip):
    """Ask what an agent knows and can, and sign."""
    expect(re.fullmatch(rb"2\.\d+\.\d+", agent.call("GETINFO version").ok().data), "no version")
    agent.call("GETINFO nonsense").fails(PARAMETER)
    agent.call("FROBNICATE").fails(UNKNOWN_COMMAND)
    infos = agent.call("KEYINFO --list").ok().status
    expect(any(x.startswith("KEYINFO %s D " % grip) for x in infos), "no key", infos)
    agent.call("HAVEKEY " + grip).ok()
    agent.call("HAVEKEY " + "0" * 40).fails(NO_SECRET_KEY)
    digest = hashlib.sha512(b"message").hexdigest()
    for command in "RESET", "SIGKEY " + grip, "SETHASH --hash=sha512 " + digest:
        agent.call(command).ok()
    signature = agent.call("PKSIGN").ok().data
    expect(signature.startswith(b"(7:sig-val(5:eddsa"), "no signature", signature)
    agent.call("READKEY " + grip).ok()


@suite.test("gpg-agent --server as exec: tells keys and signs, through a socket and through pipes")
def _(home):
    home.grip = make_key(home)
    for options in [], ["pipes"]:
        with Talker(home, "exec:gpg-agent --server", *options) as agent:
            use_agent(agent, home.grip)
            expect(agent.call("BYE").ok().text == "closing connection", "another goodbye")
            expect(agent.line() == "closed %d" % EOF, "not closed")


@suite.test("gpg-agent as a daemon, over its socket, several clients at once")
def _(home):
    home.agent("NOP")              # which starts it, if gpg did not
    address = "unix:" + os.path.join(home.gnupg, "S.gpg-agent")
    with Talker(home, address) as one, Talker(home, address) as two:
        one.say("call GETINFO pid", "call GETINFO version", "call NOP")
        use_agent(two, home.grip)
        expect(len([one.wait("done") for _ in range(3)]) == 3, "no answers")
        use_agent(one, home.grip)


@suite.test("an inquiry of gpg-agent is answered later, refused, and given up; it goes on each time")
def _(home):
    with Talker(home, "exec:gpg-agent --server") as agent:
        agent.say("call GENKEY --no-protection")
        expect(agent.wait("inquire")[-1] == "inquire KEYPARAM", "no inquiry")
        agent.say("answer " + escape(KEYPARAM[:10].encode()), "answer " + KEYPARAM[10:], "end")
        reply = Reply(agent.wait("done")).ok()
        expect(b"(10:public-key(3:ecc" in reply.data, "no key", reply.data)
        agent.say("call GENKEY --no-protection")
        agent.wait("inquire")
        agent.say("refuse")
        Reply(agent.wait("done")).fails(INQUIRY_CANCELED)
        use_agent(agent, home.grip)
        agent.say("call GENKEY --no-protection")
        agent.wait("inquire")
        agent.say("answer (genkey", "cancel")
        Reply(agent.wait("done")).fails(CANCELED)
        use_agent(agent, home.grip)
        agent.say("limit 50", "call GENKEY --no-protection")
        Reply(agent.wait("done")).fails(TIMEOUT)
        agent.say("limit 0")
        use_agent(agent, home.grip)


@suite.test("what is given up before the inquiry comes is cancelled in the background")
def _(home):
    with Talker(home, "exec:gpg-agent --server") as agent:
        for _ in range(20):
            agent.say("call GENKEY --no-protection", "cancel", "call GETINFO version")
            expect(agent.line() == "done %d" % CANCELED, "not cancelled")
            expect(Reply(agent.wait("done")).ok().data.startswith(b"2."), "another's answer")


@suite.test("encrypted data go to gpg-agent through an inquiry and come back as data")
def _(home):
    home.gpg("--quick-add-key", "--passphrase", "",
             re.findall(r"^fpr:+([0-9A-F]{40}):", home.gpg(
                 "--with-colons", "--list-secret-keys").ok().out, re.M)[0], "cv25519").ok()
    with Talker(home, "exec:gpg-agent --server") as agent:
        agent.call("RESET").ok()
        agent.call("SETKEY " + home.grip).ok()
        agent.say("call PKDECRYPT")
        expect(agent.wait("inquire")[-1].startswith("inquire CIPHERTEXT"), "no inquiry")
        agent.say("answer (7:enc-val(3:rsa(1:a1:x)))", "end")
        expect(Reply(agent.wait("done")).code, "this was no ciphertext")
        use_agent(agent, home.grip)


@suite.test("a descriptor is passed to gpg, who reads from it")
def _(home):
    home.gpg("--export", "-o", home.path("key"), USER).ok()
    with open(home.path("key"), "rb") as key, open(home.path("out"), "wb") as out:
        argv = "exec:%s --server --no-tty --batch" % find_program("gpgsm") if find_program(
            "gpgsm") else None
        if not argv:
            need("gpgsm")
        with Talker(home, argv, pass_fds=[key.fileno(), out.fileno()]) as server:
            server.call("GETINFO version").ok()
            server.say("pass %d INPUT FD" % key.fileno())
            Reply(server.wait("done")).ok()
            server.say("pass %d OUTPUT FD" % out.fileno())
            Reply(server.wait("done")).ok()
            expect(server.call("IMPORT").code, "no certificate was in there")


@suite.test("dirmngr --server answers what it can offline")
def _(home):
    need("dirmngr")
    for options in [], ["pipes"]:
        with Talker(home, "exec:dirmngr --server", *options) as server:
            expect(server.call("GETINFO version").ok().data.startswith(b"2."), "no version")
            server.call("KEYSERVER --clear").ok()
            server.call("KEYSERVER hkp://127.0.0.1:9").ok()
            expect("hkp://127.0.0.1:9" in " ".join(server.call("KEYSERVER").ok().status), "lost")
            expect(server.call("KS_GET -- 0xDEADBEEF").code, "a key from nowhere")
            server.say("call VALIDATE")
            expect(server.wait("inquire")[-1] == "inquire TARGETCERT", "no inquiry")
            server.say("refuse")
            expect(Reply(server.wait("done")).code, "nothing was validated")
            server.say("call VALIDATE")
            server.wait("inquire")
            server.say("cancel")
            Reply(server.wait("done")).fails(CANCELED)
            server.call("HELP").ok()
            server.call("FROBNICATE").fails(UNKNOWN_COMMAND)


@suite.test("scdaemon --server tells about itself, and that there is no card")
def _(home):
    need("scdaemon")
    with Talker(home, "exec:%s --server" % find_program("scdaemon")) as server:
        expect(server.call("GETINFO version").ok().data.startswith(b"2."), "no version")
        expect(server.call("SERIALNO").code, "a card from nowhere")
        server.call("HELP").ok()


@suite.test("pinentry is told what to show, and asked for nothing")
def _(home):
    for name in "pinentry-tty", "pinentry-curses":
        program = find_program(name)
        if not program:
            continue
        with Talker(home, "exec:" + program, "pipes") as server:
            for command in "OPTION ttyname=/dev/null", "SETTITLE Title", "SETDESC 100%25", "NOP":
                server.call(command).ok()
            expect(server.call("GETINFO flavor").ok().data, "no flavor")
            expect(int(server.call("GETINFO pid").ok().data) > 0, "no pid")
            server.call("FROBNICATE").fails(UNKNOWN_COMMAND)


@suite.test("a fake pinentry's answer is cancelled while the agent waits for it")
def _(home):
    home.configure("gpg-agent", "pinentry-program " + home.fake_pinentry())
    home.answers("inquire", "one phrase")
    with Talker(home, "exec:gpg-agent --server") as agent:
        agent.call("OPTION ttyname=/dev/null").ok()
        agent.say("call GET_PASSPHRASE --data cache Error Prompt Text")
        reply = Reply(agent.wait("done"))
        expect(reply.code or reply.data, "neither error nor passphrase")
        agent.call("GETINFO version").ok()


@suite.test("a server that is killed is the end of its client's connection")
def _(home):
    with Talker(home, "exec:gpg-agent --server", "pipes") as agent:
        pid = int(agent.call("GETINFO pid").ok().data)
        os.kill(pid, 9)
        expect(agent.line() == "closed %d" % EOF, "not closed")
        agent.say("call NOP")
        expect(agent.line().startswith("error"), "nobody is there")


if __name__ == "__main__":
    suite.main()
