# SPDX-License-Identifier: LGPL-2.1-or-later
"""assuanctl call: what it prints, and how it ends."""

import os
import signal
import time

from calls import EVERY, TALK, Terminal, answered, escape, inquire
from kit import Mock, Suite, eventually, expect, expect_equal, need

suite = Suite()


# --- Output ---------------------------------------------------------------------------------------

@suite.test("data come to stdout, decoded and exact")
def _(place):
    with Mock(place, TALK) as mock:
        place.ctl("call", mock.address, "DATA").gives("one%\ntwo", "")
        place.ctl("call", mock.address, "EVERY").gives(EVERY, "")


@suite.test("10 MiB of every octet come as they are")
def _(place):
    octets = EVERY * 40960
    with Mock(place, {"BIG": escape(octets) + b"OK\n"}) as mock:
        expect(place.ctl("call", mock.address, "BIG").out == octets, "other octets")


@suite.test("what is not named comes to stderr in wire form, and -q keeps it back")
def _(place):
    with Mock(place, TALK) as mock:
        place.ctl("call", mock.address, "ALL").gives(
            "data", "# a comment\nS PROGRESS x ? 1 2\nS OTHER\n")
        place.ctl("call", "-q", mock.address, "ALL").gives("data", "")
        place.ctl("call", mock.address, "--quiet", "ALL").gives("data", "")


@suite.test("-o: one kind is its text alone, several are lines in wire form")
def _(place):
    rest = {"data": "D data\n", "status": "S PROGRESS x ? 1 2\nS OTHER\n", "comments": "# a comment\n"}
    with Mock(place, {**TALK, **inquire("KEY a b")}) as mock:
        for kind, out in (("status", "PROGRESS x ? 1 2\nOTHER\n"), ("comments", "a comment\n"),
                          ("ok", "done\n"), ("data", "data"), ("inquiries", "")):
            result = place.ctl("call", "-o", kind, mock.address, "ALL").gives(out)
            for other, lines in rest.items():
                expect((lines in result.err) == (other != kind), kind, other, result)
        place.ctl("call", "-o", "data,status", mock.address, "ALL").gives(
            "S PROGRESS x ? 1 2\nS OTHER\nD data\n", "# a comment\n")
        place.ctl("call", "--output=all", mock.address, "ALL").gives(
            "# a comment\nS PROGRESS x ? 1 2\nS OTHER\nD data\nOK done\n", "")
        place.ctl("call", "-o", "inquiries", "-i", "*=text:", mock.address, "ASK").gives("KEY a b\n")
        place.ctl("call", "-o", "all", "-i", "*=text:", mock.address, "ASK").gives(
            "INQUIRE KEY a b\nOK\n")
        place.ctl("call", "-o", "all", mock.address, "BARE").gives("D x\nEND\nOK\n")
        place.ctl("call", "-o", "all", mock.address, "NOSUCH").fails(1)
        place.ctl("call", "-o", "nothing", mock.address, "ALL").fails(2, "none of data")


@suite.test("-o all prints what gpg-connect-agent prints")
def _(place):
    need("gpg-connect-agent")
    with Mock(place, TALK) as mock:
        for command in "PROGRESS", "NOSUCH", "DATA":
            wanted = place.run("gpg-connect-agent", "-S", mock.path, command, "/bye").out
            expect_equal(place.ctl("call", "-o", "all", mock.address, command).out, wanted, command)


@suite.test("--status prints the texts of these status lines")
def _(place):
    with Mock(place, TALK) as mock:
        place.ctl("call", "--status=PROGRESS", mock.address, "ALL").gives("x ? 1 2\n")
        place.ctl("call", "--status=OTHER", "--status", "PROGRESS", mock.address, "ALL").gives(
            "x ? 1 2\n\n")
        place.ctl("call", "--status=PROG", mock.address, "ALL").gives("")


@suite.test("JSON has everything, one object a line")
def _(place):
    with Mock(place, TALK) as mock:
        result = place.ctl("-j", "call", mock.address, "-k", "-c", "ALL", "-c", "NOSUCH").fails(1)
        expect_equal(result.json(), [
            {"type": "hello", "text": "mock"},
            {"type": "comment", "seq": 1, "text": "a comment"},
            {"type": "status", "seq": 1, "keyword": "PROGRESS", "text": "x ? 1 2"},
            {"type": "status", "seq": 1, "keyword": "OTHER", "text": ""},
            {"type": "data", "seq": 1, "text": "data"},
            {"type": "ok", "seq": 1, "text": "done"},
            {"type": "err", "seq": 2, "error": 67109139, "code": 275, "name": "ASS_UNKNOWN_CMD",
             "source": 4, "text": "Unknown IPC command <GPG Agent>"},
        ])
        result = place.ctl("call", "--json", mock.address, "INVALID")
        expect_equal(result.json()[1], {"type": "data", "seq": 1, "base64": "Yf/+AA=="})
        expect_equal(place.ctl("call", "-j", mock.address, "BARE").json()[2], {"type": "end", "seq": 1})
    with Mock(place, inquire("KEY a b"), name="T") as mock:
        result = place.ctl("-j", "call", mock.address, "-i", "KEY=text:x", "ASK")
        expect_equal(result.json()[1], {"type": "inquire", "seq": 1, "keyword": "KEY", "text": "a b",
                                        "answered": "text"})


@suite.test("JSON ends with a failure if there is one")
def _(place):
    with Mock(place, TALK) as mock:
        for kind, code, args in (("timeout", 4, ("--timeout=100ms", "SLOW")),
                                 ("protocol", 3, ("JUNK",)), ("connect", 3, ("CLOSE",)),
                                 ("usage", 2, ("--accept=NO", "NOP")), ("usage", 2, ())):
            last = place.ctl("-j", "call", mock.address, *args).fails(code).json()[-1]
            expect_equal((last["type"], last["kind"]), ("fail", kind))
    with Mock(place, inquire(), name="T") as mock:
        result = place.ctl("-j", "call", mock.address, "ASK").fails(5)
        expect(any(x["type"] == "fail" and x["kind"] == "local" for x in result.json()), result)


# --- Exit statuses --------------------------------------------------------------------------------

@suite.test("an ERR is exit status 1, and the message tells what to do")
def _(place):
    with Mock(place, TALK) as mock:
        result = place.ctl("call", mock.address, "NOSUCH").fails(1)
        expect_equal(result.out, b"")
        expect_equal(result.err, "assuanctl: %s: NOSUCH: Unknown IPC command <GPG Agent> (275); try: "
                     "assuanctl describe %s\n" % (mock.address, mock.address))


@suite.test("several commands end at the first ERR, or go on and tell of it")
def _(place):
    with Mock(place, TALK) as mock:
        args = ("-c", "DATA", "-c", "NOSUCH", "--command=ALL")
        expect_equal(place.ctl("call", mock.address, *args).fails(1).out, b"one%\ntwo")
        for option in "-k", "--keep-going":
            expect_equal(place.ctl("call", mock.address, option, *args).fails(1).out, b"one%\ntwodata")


@suite.test("--accept makes an ERR no failure, by number, name, and whole error")
def _(place):
    with Mock(place, TALK) as mock:
        for code in "275", "67109139", "ASS_UNKNOWN_CMD", "GPG_ERR_ASS_UNKNOWN_CMD", "ass_unknown_cmd":
            place.ctl("call", "--accept", code, mock.address, "-c", "NOSUCH", "-c", "DATA").gives(
                "one%\ntwo", "")
        place.ctl("call", "--accept=NO_SECKEY", mock.address, "NOSUCH").fails(1)
        place.ctl("call", "--accept=17", "--accept=275", mock.address, "NOSUCH").gives("")
        place.ctl("call", "--accept=WRONG", mock.address, "NOSUCH").fails(2, "WRONG")


@suite.test("wrong usage is exit status 2, and nothing is said to a server")
def _(place):
    with Mock(place, TALK) as mock:
        for args in ((), ("call",), ("nonsense",), ("call", mock.address), ("--nonsense",),
                     ("call", mock.address, "--nonsense", "NOP"), ("call", "nowhere", "NOP"),
                     ("call", mock.address, "-c", "NOP", "NOP"), ("call", mock.address, "A\nB"),
                     ("call", mock.address, "x" * 1001), ("call", mock.address, ""),
                     ("call", mock.address, "# x"), ("call", "stdio:", "NOP"), ("call", "--"),
                     ("call", mock.address, "--timeout=x", "NOP"), ("call", mock.address, "-o"),
                     ("--color=blue", "call", mock.address, "NOP"), ("call", "--quiet=1", "x", "NOP"),
                     ("call", mock.address, "-i", "KEY", "NOP"), ("call", "fd:x", "NOP"),
                     ("call", mock.address, "-i", "KEY=fd:x", "NOP"), ("call", "exec:", "NOP"),
                     ("call", mock.address, "-i", "KEY=nonsense:", "NOP"),
                     ("call", mock.address, "--send-fd=77", "NOP")):
            result = place.ctl(*args).fails(2)
            expect(result.err.startswith("assuanctl: ") and result.err.count("\n") == 1, result)
        expect_equal([x for x in mock.heard if x != "BYE"], [])


@suite.test("1000 octets are a command, and go as they are")
def _(place):
    with Mock(place) as mock:
        place.ctl("call", mock.address, "x" * 1000).gives("")
        place.ctl("call", mock.address, "X", "a  b", "", " c").gives("")
        expect_equal([x for x in mock.heard if x != "BYE"], ["x" * 1000, "X a  b   c"])


@suite.test("--percent, --plus and --hex write arguments")
def _(place):
    with Mock(place) as mock:
        for option, wanted in (("--percent", "X a%20b%25%2B%0Ac \u00fc"), ("--plus", "X a+b%25%2B%0Ac \u00fc"),
                               ("--hex", "X 612062252B0A63 C3BC")):
            place.ctl("call", option, mock.address, "X", "a b%+\nc", "\u00fc").gives("")
            expect_equal([x for x in mock.heard if x != "BYE"][-1], wanted)


@suite.test("no connection, or a broken one, is exit status 3")
def _(place):
    with open(place.path("file"), "w", encoding="ascii"):
        pass
    for address in "unix:" + place.path("none"), "./none", "/tmp/none/none", "@evassuan-none", \
            "tcp:127.0.0.1:1", place.path("file"), "exec:/nonexistent/x", "exec:false", \
            "unix:" + place.dir + "/" + "x" * 108:
        place.ctl("call", address, "NOP").fails(3, "assuanctl: " + address + ": ")
    with Mock(place, TALK) as mock:
        place.ctl("call", mock.address, "CLOSE").fails(3, "closed the connection")
        expect_equal(place.ctl("call", mock.address, "HALF").fails(3).out, b"half")
        place.ctl("call", mock.address, "JUNK").fails(3, "breaks the protocol")
        place.ctl("call", mock.address, "LONG").fails(3, "breaks the protocol")
        place.ctl("call", mock.address, "-k", "-c", "CLOSE", "-c", "NOP").fails(3)
    for greeting in "ERR 67108922 Not allowed\n", "Hello\n", "":
        with Mock(place, greeting=greeting, name="T") as mock:
            if greeting:
                place.ctl("call", mock.address, "NOP").fails(3, "cannot connect")
            else:
                place.ctl("call", "--timeout=200ms", mock.address, "NOP").fails(4)


@suite.test("the time of --timeout is exit status 4, for the whole run")
def _(place):
    with Mock(place, {**TALK, "NAP": lambda *_: time.sleep(0.2) or "OK\n"}) as mock:
        place.ctl("call", "--timeout", "100ms", mock.address, "SLOW").fails(4, "--timeout")
        place.ctl("--timeout=0.4s", "call", mock.address, *["-c", "NAP"] * 9).fails(4)
        place.ctl("--timeout=0", "call", mock.address, "NAP").gives("")


@suite.test("an inquiry that nothing answers is cancelled: exit status 5 and a hint")
def _(place):
    with Mock(place, inquire("KEY a b")) as mock:
        place.ctl("call", mock.address, "ASK").fails(5, "INQUIRE KEY a b", "-i KEY=ask:")
        expect_equal(answered(mock), None)
    with Mock(place, inquire("PINENTRY_LAUNCHED 123 x"), name="T") as mock:
        place.ctl("call", mock.address, "-q", "ASK").gives("", "")
        expect_equal(answered(mock), b"")


@suite.test("a stdout that is full is exit status 5")
def _(place):
    with Mock(place, TALK) as mock, open("/dev/full", "wb") as full:
        place.ctl("call", mock.address, "DATA", stdout=full).fails(5, "stdout")


@suite.test("Ctrl-C gives the call up, also in an inquiry, and ends by the signal")
def _(place):
    with Mock(place, {**TALK, **inquire()}) as mock:
        place.write("fifo-maker", "")
        os.mkfifo(place.path("fifo"))
        keep = os.open(place.path("fifo"), os.O_RDWR)
        for command, args in (("SLOW", ()), ("ASK", ("-i", "KEY=file:" + place.path("fifo")))):
            tool = place.start("call", *args, mock.address, command)
            eventually("the command", lambda c=command: c in mock.heard)
            time.sleep(0.2)
            tool.send_signal(signal.SIGINT)
            expect_equal(tool.wait(20), -signal.SIGINT, command)
        os.close(keep)
        eventually("CAN", lambda: "CAN" in mock.heard)


@suite.test("a reader that leaves ends the tool by SIGPIPE, without a message")
def _(place):
    with Mock(place, {"BIG": escape(EVERY * 40960) + b"OK\n"}) as mock:
        tool = place.start("call", mock.address, "BIG")
        tool.stdout.read(1)
        tool.stdout.close()
        tool.stdout = None
        expect_equal(tool.stderr.read(), b"")
        expect_equal(tool.wait(20), -signal.SIGPIPE)


# --- Help -----------------------------------------------------------------------------------------

@suite.test("--help and --version go to stdout; options may be cut and stand anywhere")
def _(place):
    for args in ("--help",), ("call", "--help"), ("-h",), ("call", "x", "-h"):
        expect(b"usage: assuanctl" in place.ctl(*args).gives(place.ctl(*args).out, "").out, args)
    expect(place.ctl("--version").out.startswith(b"assuanctl "), "no version")
    with Mock(place, TALK) as mock:
        place.ctl("call", "--qui", mock.address, "ALL", "--out", "ok").gives("done\n")
        place.ctl("call", mock.address, "--st=OTHER", "-q", "--", "ALL").gives("\n")


@suite.test("help on a terminal goes through the pager, but for --no-pager")
def _(place):
    pager = place.write("pager", "#!/bin/sh\necho paged; cat >/dev/null\n", 0o700)
    for variable in "ASSUANCTL_PAGER", "PAGER":
        tool = Terminal(place, "call", "--help", **{variable: pager})
        expect_equal(tool.end(), 0)
        expect_equal(tool.shown, b"paged\r\n")
    tool = Terminal(place, "--no-pager", "call", "--help", PAGER=pager)
    expect_equal(tool.end(), 0)
    expect(b"usage" in tool.shown, tool.shown)


suite.main()
