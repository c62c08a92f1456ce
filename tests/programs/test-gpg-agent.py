# SPDX-License-Identifier: LGPL-2.1-or-later
"""gpg-agent as a server: pipe mode, scripts of gpg-connect-agent, keys, inquiries, long data.

The key is that of the last Ed25519 test vector in RFC 8032, so a signature that travelled through
inquiries, commands and data lines can be compared with a known one, octet by octet.
"""

import ctypes
import hashlib
import os
import re

from dialogue import Dialogue
from harness import TIMEOUT, Skip, Suite, expect, find_program, Terminal, need

SECRET = bytes.fromhex("833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42")
PUBLIC = bytes.fromhex("ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf")
SIGNATURE = bytes.fromhex("dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589"
                          "09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704")
MESSAGE = hashlib.sha512(b"abc").hexdigest()
PASSPHRASE = b"100% correct\r\n"     # all that must be escaped on the wire
KEYPARAM = b"(genkey (ecc (curve Ed25519)(flags eddsa)))"
BAD_PASSPHRASE, NO_SECRET_KEY, NOT_FOUND, NO_DATA, NO_SCDAEMON = 11, 17, 27, 58, 119
FORBIDDEN, FALSE = 251, 256
TOO_MUCH_DATA, UNKNOWN_COMMAND, INQUIRY_CANCELED, PARAMETER = 273, 275, 277, 280

suite = Suite("gpg-agent", "gpg-connect-agent", "gpgconf")


def connect(home, socket="S.gpg-agent"):
    """A dialogue with the running agent that answers for the pinentry."""
    return Dialogue.connect(os.path.join(home.gnupg, socket))


def sign(agent, grip, **answers):
    """Ask for a signature of the known message."""
    agent.commands("RESET", "SIGKEY " + grip, "SETHASH --hash=sha512 " + MESSAGE)
    return agent.command("PKSIGN", **answers)


def check_signature(reply):
    """The data is the signature of the test vector."""
    r, s = SIGNATURE[:32], SIGNATURE[32:]
    known = b"(7:sig-val(5:eddsa(1:r32:" + r + b")(1:s32:" + s + b")))"
    expect(reply.ok().data == known, "another signature: %r" % reply.data, reply)


def wrap(key, octets):
    """Encrypt OCTETS the way that KEYWRAP_KEY asks for, with the library that GnuPG uses."""
    try:
        crypt = ctypes.CDLL("libgcrypt.so.20")
    except OSError as reason:
        raise Skip("no libgcrypt: %s" % reason) from None
    crypt.gcry_check_version(None)
    aes128, aeswrap = 7, 7
    octets += b"\0" * (-len(octets) % 8)
    handle, out = ctypes.c_void_p(), ctypes.create_string_buffer(len(octets) + 8)
    for rc in (crypt.gcry_cipher_open(ctypes.byref(handle), aes128, aeswrap, 0),
               crypt.gcry_cipher_setkey(handle, key, ctypes.c_size_t(len(key))),
               crypt.gcry_cipher_encrypt(handle, out, ctypes.c_size_t(len(out)), octets,
                                         ctypes.c_size_t(len(octets)))):
        expect(rc == 0, "libgcrypt: error %d" % rc)
    crypt.gcry_cipher_close(handle)
    return out.raw


def known_key():
    """The test vector's key as the S-expression that the agent imports."""
    return (b"(11:private-key(3:ecc(5:curve7:Ed25519)(5:flags5:eddsa)(1:q32:" + PUBLIC
            + b")(1:d32:" + SECRET + b")))")


@suite.test("gpg-agent --server greets, tells its pid, lists its commands and says goodbye")
def _(home):
    with Dialogue.pipe(home, "gpg-agent", "--server") as agent:
        expect(agent.hello.final == home.greeting(None, agent.child.pid), agent.hello.final)
        home.mapped(agent.child.pid)
        expect(agent.command("GETINFO pid").ok().text == str(agent.child.pid), "another pid")
        commands = agent.command("HELP").ok().comments
        expect(len(commands) >= 40 and commands[0] == "NOP", "commands missing", commands)
        expect(len(agent.command("HELP GENKEY").ok().comments) > 10, "no help text")
        expect(agent.command("BYE").final == "OK closing connection", "another goodbye")
        expect(agent.line() is None, "the connection stays open")


@suite.test("the agent understands a command that comes octet by octet, and a hundred at once")
def _(home):
    with Dialogue.pipe(home, "gpg-agent", "--server") as agent:
        for octet in b"GETINFO version\n":
            agent.send(bytes([octet]))
        expect(re.match(r"2\.\d", agent.reply().ok().text), "no version")
        agent.send(b"GETINFO version\n" * 100)
        for _ in range(100):
            expect(agent.reply().ok().text.startswith("2."), "a reply without its data")


@suite.test("the agent's daemon runs on the library under test and greets each client with a pid")
def _(home):
    pid = home.start_agent("--allow-preset-passphrase")
    home.mapped(pid)
    with connect(home) as one, connect(home) as two:
        for agent in one, two:
            expect(agent.hello.final == home.greeting(os.getpid(), pid),
                   "not greeted by pid: " + agent.hello.final)


@suite.test("IMPORT_KEY takes an encrypted key and a new passphrase by inquiries")
def _(home):
    with connect(home) as agent:
        agent.commands("OPTION pinentry-mode=loopback")
        wrapped = wrap(agent.command("KEYWRAP_KEY --import").ok().data, known_key())
        reply = agent.command("IMPORT_KEY", KEYDATA=wrapped, NEW_PASSPHRASE=PASSPHRASE).ok()
        expect(reply.inquiries == ["KEYDATA", "NEW_PASSPHRASE"], "other inquiries", reply)
        home.grip = agent.command("KEYINFO --list").ok().status[0].split()[1]
        point = agent.command("READKEY " + home.grip).ok().data
        expect(PUBLIC in point, "another public key", point)


@suite.test("PKSIGN with the right passphrase gives the RFC's signature, with a wrong one an error")
def _(home):
    with connect(home) as agent:
        agent.commands("OPTION pinentry-mode=loopback")
        sign(agent, home.grip, PASSPHRASE=b"wrong").error(BAD_PASSPHRASE)
        reply = sign(agent, home.grip, PASSPHRASE=PASSPHRASE)
        expect(reply.inquiries == ["PASSPHRASE"], "not asked for the passphrase", reply)
        check_signature(reply)


@suite.test("PKSIGN whose inquiry is cancelled says so, and the connection goes on")
def _(home):
    with connect(home) as agent:
        agent.commands("OPTION pinentry-mode=loopback")
        home.agent("RELOADAGENT").ok()
        sign(agent, home.grip).error(INQUIRY_CANCELED)
        check_signature(sign(agent, home.grip, PASSPHRASE=PASSPHRASE))


@suite.test("PRESET_PASSPHRASE, by hex, by inquiry and by its program, spares the question")
def _(home):
    presets = [
        lambda: home.agent("PRESET_PASSPHRASE %s -1 %s" % (home.grip, PASSPHRASE.hex().upper())),
        lambda: home.agent_script("""
            /subst
            /let secret ${unpercent 100%%25 correct%%0d%%0a}
            /definq PASSPHRASE secret
            PRESET_PASSPHRASE --inquire %s -1""" % home.grip),
        lambda: home.run("gpg-preset-passphrase", "--preset", "--passphrase",
                         PASSPHRASE.decode(), home.grip),
    ]
    with connect(home) as agent:
        for preset in presets:
            agent.commands("RELOADAGENT")
            cached = agent.command("KEYINFO " + home.grip).ok().status[0].split()[5]
            expect(cached == "-", "still cached: " + cached)
            preset().ok()
            cached = agent.command("KEYINFO " + home.grip).ok().status[0].split()[5]
            expect(cached == "1", "not cached: " + cached)
            check_signature(sign(agent, home.grip))


@suite.test("PRESET_PASSPHRASE --inquire keeps its arguments whatever the length of the answer")
def _(home):
    if home.is_reference():
        raise Skip("deviation: there the answer overwrites the arguments of the running command")
    with connect(home) as agent:
        for n in 1, 10, 30, 100, 200:
            agent.command("PRESET_PASSPHRASE --inquire test:%d -1" % n, PASSPHRASE=b"%" * n).ok()
            got = agent.command("GET_PASSPHRASE --data --no-ask test:%d X X X" % n).ok().text
            expect(got == "%" * n, "%d: another passphrase" % n)


@suite.test("a script creates a key from a file (/definqfile) and a variable (/definq)")
def _(home):
    home.write("param", KEYPARAM)
    made = home.agent_script("""
        /subst
        /let secret my passphrase
        /definqfile KEYPARAM %s
        /definq NEWPASSWD secret
        /datafile %s
        GENKEY --inq-passwd""" % (home.path("param"), home.path("public"))).ok()
    expect("INQUIRE KEYPARAM" in made.lines and "INQUIRE NEWPASSWD" in made.lines, made)
    public = home.read("public")
    expect(public.startswith(b"(10:public-key(3:ecc(5:curve7:Ed25519)"), "no key: %r" % public)


@suite.test("a script's inquiry is answered by a program (/definqprog)")
def _(home):
    program = home.write("answer", "#!/bin/sh\nprintf '%%s' '%s'\n" % KEYPARAM.decode(), 0o700)
    home.agent_script("""
        /definqprog KEYPARAM %s
        GENKEY --no-protection""" % program).ok()


@suite.test("a script loops and decides: /let, /while, /if, and arithmetic")
def _(home):
    made = home.agent_script("""
        /subst
        /definqfile KEYPARAM %s
        /let i 40
        /while $i
          GENKEY --no-protection
          /echo ${* $i $i}
          /let i ${- $i 1}
        /end
        /let none 0
        /if $none
          FROBNICATE
        /end
        /let some 1
        /if $some
          /echo done
        /end""" % home.path("param")).ok()
    expect(made.lines.count("INQUIRE KEYPARAM") == 40, "not forty keys", made)
    expect("1600" in made.lines and made.lines[-1] == "done", "not as the script says", made)
    keys = home.agent("KEYINFO --list").ok().status("KEYINFO")
    expect(len({x.split()[0] for x in keys}) == 43, "not all keys listed: %d" % len(keys))


@suite.test("HAVEKEY tells keys apart, also by the longest list that fits a line")
def _(home):
    grips = [x.split()[0] for x in home.agent("KEYINFO --list").ok().status("KEYINFO")]
    with connect(home) as agent:
        agent.command("HAVEKEY " + grips[0]).ok()
        agent.command("HAVEKEY " + "0" * 40).error(NO_SECRET_KEY)
        line = ("HAVEKEY" + (" " + "0" * 40) * 23 + " " + grips[1]).ljust(1000)
        agent.command(line).ok()


@suite.test("data lines are shown raw, in hex and decoded, and written to a file as they were")
def _(home):
    with connect(home) as agent:
        names = agent.command("GETINFO std_env_names").ok().data
    shown = home.agent("GETINFO std_env_names", options=["--hex"]).ok()
    rows = [re.match(r"D\[....\]  ((?:[0-9A-F]{2} {1,2})+)", x) for x in shown.lines]
    expect(b"".join(bytes.fromhex(r.group(1)) for r in rows if r) == names, "wrong hex", shown)
    home.agent_script("/datafile %s\nGETINFO std_env_names" % home.path("names")).ok()
    expect(home.read("names") == names, "the file differs")
    value = "a%0Ab%25c"
    home.agent("PUTVAL test " + value).ok()
    expect(home.agent("GETVAL test").data() == value, "not escaped as expected")
    decoded = home.agent("GETVAL test", options=["--decode"]).ok()
    expect("D a" in decoded.lines and any(x.startswith("D b%c") for x in decoded.lines), decoded)


@suite.test("values of every octet and the greatest length survive the way to the agent and back")
def _(home):
    octets = bytes(range(1, 256))
    with connect(home) as agent:
        agent.commands("PUTVAL octets " + "".join("%%%02X" % x for x in octets))
        expect(agent.command("GETVAL octets").ok().data == octets, "octets changed")
        longest = "PUTVAL longest ".ljust(1000, "x")
        agent.commands(longest)
        expect(agent.command("GETVAL longest").ok().text == "x" * 985, "cut")
        agent.commands("PUTVAL percent " + "%25" * 320)
        expect(agent.command("GETVAL percent").ok().data == b"%" * 320, "percents changed")


@suite.test("too much data for an inquiry is one error, and the connection goes on")
def _(home):
    with connect(home) as agent:
        agent.command("GENKEY --no-protection", KEYPARAM=b"%" * 5000).error(TOO_MUCH_DATA)
        agent.command("GENKEY --no-protection", KEYPARAM=KEYPARAM).ok()


@suite.test("a key that EXPORT_KEY gave and DELETE_KEY removed is gone")
def _(home):
    with connect(home) as agent:
        agent.commands("OPTION pinentry-mode=loopback")
        expect(len(agent.command("KEYWRAP_KEY --export").ok().data) == 16, "no wrapping key")
        data = agent.command("EXPORT_KEY " + home.grip, PASSPHRASE=PASSPHRASE).ok().data
        expect(len(data) % 8 == 0 and len(data) > 100, "no key")
        agent.commands("DELETE_KEY --force " + home.grip)
        agent.command("KEYINFO " + home.grip).error(NOT_FOUND)


@suite.test("wrong commands and arguments get the agent's errors, each with one reply")
def _(home):
    with connect(home) as agent:
        agent.command("FROBNICATE").error(UNKNOWN_COMMAND)
        agent.command("GETINFO nonsense").error(PARAMETER)
        agent.command("SIGKEY xyz").error(PARAMETER)
        agent.command("PKSIGN").error()
        agent.command("GETVAL no-such-key").error(NO_DATA)
        agent.command("GETINFO cmd_has_option GENKEY no-such").error(FALSE)
        agent.command("OPTION no-such-option=1").error()
        expect(agent.command("nop").final == "OK", "case matters")


@suite.test("the restricted socket refuses what it must")
def _(home):
    with connect(home, "S.gpg-agent.extra") as agent:
        agent.command("GETINFO restricted").ok()
        agent.command("KILLAGENT").error(FORBIDDEN)
        agent.command("EXPORT_KEY " + "0" * 40).error(FORBIDDEN)


@suite.test("clients that leave in the middle of an inquiry cost the agent nothing")
def _(home):
    for _ in range(20):
        agent = connect(home)
        agent.send(b"GENKEY --no-protection\n")
        while not agent.line().startswith(b"INQUIRE"):
            pass
        agent.send(b"D (genk")
        agent.close()
    home.agent("GETINFO version").ok()


@suite.test("the agent passes commands on to scdaemon, and scdaemon's data and errors back")
def _(home):
    need("scdaemon")
    with connect(home) as agent:
        expect(agent.command("SCD GETINFO version").ok().text.startswith("2."), "no version")
        expect("SERIALNO" in str(agent.command("SCD HELP").ok()), "no help")
        agent.command("SCD FROBNICATE").error(UNKNOWN_COMMAND)


@suite.test("without tpm2daemon a key for the TPM gets an error, and neither it nor the agent is lost")
def _(home):
    need("gpg")
    with connect(home) as agent:
        if not any(x.startswith("KEYTOTPM ") for x in agent.command("HELP").ok().comments):
            raise Skip("this gpg-agent knows no TPM")
        if find_program("tpm2daemon"):
            raise Skip("tpm2daemon is installed")
        home.gpg("--passphrase", "", "--quick-gen-key", "tpm@example.org", "rsa2048", "sign").ok()
        listing = home.gpg("--with-colons", "--with-keygrip", "--list-secret-keys").ok().out
        grip = re.search("^grp:+([0-9A-F]{40}):", listing, re.M).group(1)
        for _ in range(3):
            agent.command("KEYTOTPM " + grip).error(NO_SCDAEMON)
        # What gpg makes of that: it tells the reason, and asks on.
        edit = home.run("gpg", "--no-tty", "--command-fd", "0", "--edit-key", "tpm@example.org",
                        data="keytotpm\ny\nquit\n").has("error from TPM: No SmartCard daemon")
        expect(edit.code >= 0, "a crash", edit)
        home.run("gpgconf", "--check-options", "tpm2daemon").fails().has("probably not installed")
        home.run("gpgconf", "--kill", "tpm2daemon").ok()
        agent.commands("HAVEKEY " + grip, "GETINFO version")
    home.gpg("--local-user", "tpm@example.org", "--sign", data="still here").ok()


@suite.test("gpg-connect-agent is used as a dialogue: each line's answer before the next line")
def _(home):
    with Terminal() as terminal:
        client = terminal.spawn(home, ["gpg-connect-agent"])
        for i in range(10):
            terminal.type("PUTVAL turn %d\n" % i)
            terminal.read_until("OK\r\n")
            terminal.type("GETVAL turn\n")
            expect("D %d\r\n" % i in terminal.read_until("OK\r\n"), "another value")
        home.mapped(client.pid)
        terminal.type("/bye\n")
        expect(client.wait(TIMEOUT) == 0, "exit code %d" % client.returncode)


@suite.test("KILLAGENT ends the agent after its answer")
def _(home):
    with connect(home) as agent:
        expect(agent.command("KILLAGENT").final == "OK closing connection", "another answer")
        expect(agent.line() is None, "the connection stays open")


if __name__ == "__main__":
    suite.main()
