# SPDX-License-Identifier: LGPL-2.1-or-later
"""assuanctl call: what answers a server's questions, terminals, and descriptors."""

import os

from calls import EVERY, TALK, Example, Terminal, answered, inquire
from kit import Mock, Suite, expect, expect_equal

suite = Suite()


# --- Inquiries ------------------------------------------------------------------------------------

@suite.test("each source answers")
def _(place):
    big = EVERY * 40960
    path = place.write("answer", big)
    with Mock(place, inquire("KEY p q")) as mock:
        for source, wanted, kwargs in (
                ("file:" + path, big, {}), ("file:-", big, {"data": big}),
                ("exec:cat " + path, big, {}), ("text:a b%", b"a b%", {}), ("text:", b"", {}),
                ("env:X", b"from X", {"env": {"X": "from X"}}), ("file:/dev/null", b"", {}),
                ("exec:printenv ASSUAN_INQUIRY", b"p q\n", {}), ("fd:0", b"x", {"data": b"x"})):
            del mock.heard[:]
            place.ctl("call", mock.address, "-q", "-i", "KEY=" + source, "ASK", **kwargs).gives("", "")
            expect(answered(mock) == wanted, source, len(answered(mock) or b""), mock.heard[-1])


@suite.test("a file stays open between commands: fd: goes on where it was")
def _(place):
    with open(place.write("answer", "abc"), "rb") as file, Mock(place, inquire()) as mock:
        place.ctl("call", mock.address, "-i", "KEY=fd:%d" % file.fileno(), "-c", "ASK", "-c", "ASK",
                  pass_fds=[file.fileno()]).gives("")
        expect_equal(mock.heard[:5], ["ASK", "D abc", "END", "ASK", "END"])


@suite.test("the first rule that matches answers; * is every keyword, and case counts")
def _(place):
    with Mock(place, inquire("KEY")) as mock:
        for rules, wanted in ((("KEY=text:1", "*=text:2"), b"1"), (("*=text:1", "KEY=text:2"), b"1"),
                              (("key=text:1", "KEYS=text:2", "KE=text:3", "*=text:4"), b"4")):
            del mock.heard[:]
            options = [x for rule in rules for x in ("--inquiry", rule)]
            place.ctl("call", mock.address, *options, "ASK").gives("")
            expect_equal(answered(mock), wanted)


@suite.test("a source that fails is CAN and exit status 5")
def _(place):
    with Mock(place, inquire()) as mock:
        for source, text in (("file:/nonexistent", "No such file"), ("exec:/nonexistent", "No such file"),
                             ("exec:", "exec"), ("exec:false", "exit status 1"), ("env:NOTSET", "NOTSET"),
                             ("fd:99", "descriptor"), ("file:/", "directory"),
                             ("exec:sh -c kill${IFS}-9${IFS}$$", "signal 9")):
            del mock.heard[:]
            place.ctl("call", mock.address, "-i", "KEY=" + source, "ASK").fails(5, "KEY", text)
            expect_equal([x for x in mock.heard if x != "BYE"][-1], "CAN", source)


@suite.test("cancel: says CAN, and the server's ERR tells the exit status")
def _(place):
    with Mock(place, inquire()) as mock:
        place.ctl("call", mock.address, "-i", "KEY=cancel:", "ASK").fails(1, "cancelled")
        place.ctl("call", mock.address, "-i", "KEY=cancel:", "--accept=277", "ASK").gives("")


@suite.test("ask: reads from the terminal without echo")
def _(place):
    with Mock(place, inquire("PASSPHRASE")) as mock:
        tool = Terminal(place, "call", "-q", "-i", "PASSPHRASE=ask:", mock.address, "ASK")
        tool.until(b"PASSPHRASE> ")
        os.write(tool.fd, b"open sesame\n")
        expect_equal(tool.end(), 0)
        expect(b"sesame" not in tool.shown, tool.shown)
        expect_equal(answered(mock), b"open sesame")
        place.ctl("call", mock.address, "-i", "PASSPHRASE=ask:", "ASK", start_new_session=True).fails(
            5, "ask")


@suite.test("a terminal gets no control characters, an end of line, and colours only if wanted")
def _(place):
    with Mock(place, TALK) as mock:
        def shown(*args, **env):
            tool = Terminal(place, "call", mock.address, *args, **env)
            expect_equal(tool.end(), 0)
            return tool.shown
        out = shown("ESC", "-o", "data")
        expect(b"\033]" not in out and b"%1B[31mred\r\n" in out and b"%07" in out, out)
        expect(b"\033[36m" in shown("PLAIN", "-o", "status"), "no colour")
        for args, env in (((), {"NO_COLOR": "1"}), ((), {"TERM": "dumb"}), (("--color=never",), {})):
            expect(b"\033" not in shown("PLAIN", "-o", "all", *args, **env), args, env)
        expect(b"\033" in shown("PLAIN", "-o", "all", "--color=always", NO_COLOR="1"), "no colour")
        expect(b"\033" in place.ctl("call", "--color=always", "-o", "all", mock.address, "ALL").out, "?")
        expect(b"\033" not in place.ctl("call", "-o", "all", mock.address, "ALL").out, "colour")


@suite.test("progress is a bar on a terminal, which is wiped, and lines elsewhere")
def _(place):
    with Mock(place, {"WORK": "S PROGRESS work ? 1 2\nS PROGRESS work ? 2 2\nD x\nOK\n"}) as mock:
        tool = Terminal(place, "call", mock.address, "WORK")
        expect_equal(tool.end(), 0)
        expect(b"work [##########..........] 1/2" in tool.shown and b"\r\033[K" in tool.shown
               and b"S PROGRESS" not in tool.shown, tool.shown)
        for option in "-q", "-j":
            tool = Terminal(place, "call", option, mock.address, "WORK")
            expect_equal(tool.end(), 0)
            expect(b"[###" not in tool.shown, tool.shown)
        place.ctl("call", mock.address, "WORK").gives(
            "x", "S PROGRESS work ? 1 2\nS PROGRESS work ? 2 2\n")


# --- Descriptors ----------------------------------------------------------------------------------

@suite.test("--input and --result pass files")
def _(place):
    server = Example(place)
    octets = EVERY * 1000
    place.write("in", octets)
    place.ctl("call", server.address, "--input=in", "--result=out", "COPY", "-q").gives("")
    expect(place.read("out") == octets, "another copy")
    place.ctl("call", server.address, "--input", "-", "--result", "-", "COPY", "-q", data=octets).gives(
        octets)
    place.ctl("call", server.address, "--input=none", "COPY").fails(5, "none", "No such file")


@suite.test("--send-fd passes descriptors, in their order")
def _(place):
    server = Example(place)
    with open(place.write("in", "some text"), "rb") as source, \
            open(place.path("out"), "wb") as target:
        fds = [source.fileno(), target.fileno()]
        place.ctl("call", server.address, "-q", "--send-fd=%d" % fds[0], "--send-fd=%d" % fds[1],
                  "-c", "INPUT FD", "-c", "OUTPUT FD", "-c", "COPY", pass_fds=fds).gives("")
    expect_equal(place.read("out"), b"some text")


@suite.test("no descriptor is passed where none can travel")
def _(place):
    place.write("in", "x")
    for option in "--input=in", "--result=out", "--send-fd=0":
        place.ctl("call", "tcp:127.0.0.1:1", option, "NOP").fails(2, "no descriptor")
    expect(not os.path.exists(place.path("out")), "a file was made")


suite.main()
