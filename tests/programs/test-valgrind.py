# SPDX-License-Identifier: LGPL-2.1-or-later
"""GnuPG's programs under valgrind: no errors, and no lost memory, with the library involved.

An error counts if it happened in our libassuan.so.0, or in what that called for memory or system
calls.  What a program does wrong in a handler that the library called is its own affair."""

import os
import xml.etree.ElementTree as xml

from dialogue import Dialogue
from harness import Suite, expect, find_program

UID = "Frank Example <frank@example.org>"
KEYPARAM = b"(genkey (ecc (curve Ed25519)(flags eddsa)))"
VALGRIND = ["valgrind", "--quiet", "--xml=yes", "--leak-check=full", "--num-callers=40",
            "--show-leak-kinds=definite", "--track-fds=no", "--vgdb=no"]

# What the library calls for memory and system calls, also through hooks that a program set.
HELPERS = ("vgpreload", "libc.", "libgcrypt.", "libgpg-error.", "libnpth.", "ld-linux")

suite = Suite("valgrind", "gpg", "gpg-agent", "gpg-connect-agent", "gpgconf")


def under(home, program, *args):
    """The command line that runs a program under valgrind, which writes a report for each pid."""
    report = "--xml-file=%s" % home.path("report-%p.xml")
    return [*VALGRIND, report, find_program(program), *args]


def blames(home, error):
    """Whether a valgrind ERROR happened in our library, as far as its first stack tells."""
    functions = {frame.findtext("fn") for frame in error.find("stack").iter("frame")}
    if error.findtext("kind").startswith("Leak_") and "assuan_new_ext" in functions:
        return False    # gpg-connect-agent never releases its context
    for frame in error.find("stack").iter("frame"):
        path = frame.findtext("obj") or ""
        name = os.path.basename(path)
        if name.startswith("libassuan") and os.path.samefile(path, home.library):
            return True
        if not name.startswith(HELPERS):
            return False
    return False


def describe(error):
    """A few words and the stack of a valgrind ERROR."""
    what = error.findtext("what") or error.findtext("xwhat/text")
    frames = ["  %s (%s)" % (f.findtext("fn"), f.findtext("obj")) for f in error.iter("frame")]
    return "\n".join([what, *frames])


def parse(path):
    """The errors in a report, and whether it is complete, not cut by the process's exec()."""
    parser = xml.XMLPullParser()
    with open(path, "rb") as f:
        parser.feed(f.read())
    elements = [e for _, e in parser.read_events()]
    states = [e.findtext("state") for e in elements if e.tag == "status"]
    return [e for e in elements if e.tag == "error"], "FINISHED" in states


def check_reports(home, n_expected):
    """N_EXPECTED processes, at least, ran to their end under valgrind, and were clean."""
    n_finished, found = 0, []
    for name in os.listdir(home.dir):
        if name.startswith("report-"):
            errors, finished = parse(home.path(name))
            n_finished += finished
            found += [e for e in errors if blames(home, e)]
            os.unlink(home.path(name))
    expect(n_finished >= n_expected, "only %d processes came to their end" % n_finished)
    expect(not found, "%d errors" % len(found), *[describe(e) for e in found[:5]])
    return "%d processes" % n_finished


@suite.test("gpg-agent --server: inquiries, long data, errors, a cancelled command")
def _(home):
    with Dialogue.pipe(home, *under(home, "gpg-agent", "--server")) as agent:
        agent.commands("HELP", "HELP GENKEY", "GETINFO std_env_names", "OPTION lc-ctype=C")
        agent.command("GENKEY --no-protection", KEYPARAM=KEYPARAM).ok()
        agent.command("GENKEY --no-protection").error()
        agent.command("GENKEY --no-protection", KEYPARAM=b"%" * 5000).error()
        agent.commands("PUTVAL longest ".ljust(1000, "x"), "GETVAL longest", "RESET")
        agent.command("FROBNICATE").error()
        agent.command("OPTION =").error()
        agent.send(b"NOP\n" * 20)
        for _ in range(20):
            agent.reply().ok()
        agent.commands("BYE")
    return check_reports(home, 1)


@suite.test("gpg and gpg-agent: a key is made, signs, and verifies, with a passphrase by inquiry")
def _(home):
    with open(home.path("agent.log"), "wb") as log:
        home.run(*under(home, "gpg-agent", "--daemon"), stdout=log, stderr=log).ok()
    secret = home.write("passphrase", "secret")
    gpg = [*under(home, "gpg", "--batch", "--pinentry-mode", "loopback", "--passphrase-file"),
           secret]
    home.run(*gpg, "--quick-gen-key", UID, "ed25519", "default", "0").ok()
    home.agent("RELOADAGENT").ok()
    signed = home.run(*gpg, "--sign", data="text").ok()
    expect(home.run(*gpg, "--decrypt", data=signed.raw).ok().out == "text", "the text changed")


@suite.test("gpg-connect-agent: a script with inquiries, data and errors, and a lost connection")
def _(home):
    script = """\
/subst
/let param %s
/definq KEYPARAM param
GENKEY --no-protection
/cleardef
/hex
GETINFO std_env_names
/nohex
/decode
GETINFO std_env_names
HELP
FROBNICATE
SCD GETINFO version
KILLAGENT
""" % KEYPARAM.decode()
    result = home.run(*under(home, "gpg-connect-agent"), data=script).ok()
    expect(result.out.count("OK") == 6 and result.out.count("ERR") == 1, "other answers", result)


@suite.test("gpg, gpg-agent's daemon and gpg-connect-agent are clean up to their ends")
def _(home):
    home.wait_for_ends()
    return check_reports(home, 5)


if __name__ == "__main__":
    suite.main()
