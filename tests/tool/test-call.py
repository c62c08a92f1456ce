# SPDX-License-Identifier: LGPL-2.1-or-later
"""assuanctl call: what comes to stdout and stderr, exit statuses, inquiries, descriptors, JSON."""

import os
import pty
import re
import select
import signal
import subprocess
import time

from kit import TOOL, Mock, Skip, Suite, eventually, expect, expect_equal, need

suite = Suite()

UNKNOWN = "ERR 67109139 Unknown IPC command <GPG Agent>\n"
CANCELED = "ERR 67109141 IPC call has been cancelled <GPG Agent>\n"
EVERY = bytes(range(256))


def escape(octets):
    """OCTETS as data lines."""
    return b"".join(
        b"D " + re.sub(b"[%\r\n]", lambda m: b"%%%02X" % m[0][0], octets[at:at + 300]) + b"\n"
        for at in range(0, len(octets), 300))


def unescape(text):
    return re.sub(rb"%([0-9A-Fa-f]{2})", lambda m: bytes([int(m[1], 16)]), text)


def inquire(keyword="KEY", then="OK\n"):
    """An answer that inquires, and keeps what it is told as the last of mock.heard."""
    def answer(_, __):
        return "INQUIRE %s\n" % keyword
    return {"ASK": answer, "END": then, "CAN": CANCELED}


def answered(mock):
    """The answer that a mock was given, or None for CAN."""
    expect(mock.heard[-1] in ("END", "CAN", "BYE"), mock.heard)
    lines = [x for x in mock.heard if x.startswith("D ")]
    if "CAN" in mock.heard:
        return None
    return b"".join(unescape(x[2:].encode("utf-8", "surrogateescape")) for x in lines)


TALK = {
    "DATA": "D one%25%0Atwo\nOK\n",
    "ALL": "# a comment\nS PROGRESS x ? 1 2\nS OTHER\nD data\nOK done\n",
    "NOSUCH": UNKNOWN,
    "PROGRESS": "S PROGRESS x ? 1 2\nD x\nS OTHER\nD y%25\nOK done\n",
    "EVERY": escape(EVERY) + b"OK\n",
    "SLOW": lambda *_: time.sleep(30) or "OK\n",
    "CLOSE": None,
    "HALF": lambda sock, _: sock.sendall(b"D half\nOK but no"),
    "JUNK": "What is this?\n",
    "DOUBLE": "OK\nOK\n",
    "LONG": b"D " + b"x" * 5000 + b"\nOK\n",
    "ESC": "S \033]0;title\007\nD \033[31mred\nOK\n",
    "PLAIN": "# comment\nS X\nD x\nOK\n",
    "BARE": "D x\nEND\nOK\n",
    "INVALID": b"D a\xff\xfe%00\nOK\n",
}


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


class Terminal:
    """The tool on a terminal of its own."""

    def __init__(self, place, *args, **env):
        pid, self.fd = pty.fork()
        if not pid:
            os.execve(TOOL, [TOOL, *args], {**place.env, **env})
        self.pid, self.shown = pid, b""

    def read(self):
        """Take what comes, until TEXT or the end."""
        if not select.select([self.fd], [], [], 20)[0]:
            return False
        try:
            octets = os.read(self.fd, 65536)
        except OSError:
            octets = b""
        self.shown += octets
        return bool(octets)

    def until(self, text):
        while text not in self.shown:
            expect(self.read(), "never:", text, self.shown)

    def end(self):
        while self.read():
            pass
        os.close(self.fd)
        return os.waitpid(self.pid, 0)[1]


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

class Example:
    """The example server."""

    def __init__(self, place):
        program = os.environ.get("EVA_SERVER")
        if not program:
            raise Skip("the example server was not built")
        self.address = "unix:" + place.path("E")
        child = place.spawn([program, self.address])
        child.stdout.readline()


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


# --- Addresses ------------------------------------------------------------------------------------

@suite.test("every form of address connects")
def _(place):
    with Mock(place, TALK) as mock:
        for address in mock.address, mock.path, "./S", "../%s/S" % os.path.basename(place.dir):
            place.ctl("call", address, "DATA").gives("one%\ntwo")
        place.write("redirected", "%%Assuan%%\nsocket=%s\n" % mock.path)
        place.ctl("call", "./redirected", "DATA").gives("one%\ntwo")


@suite.test("a server is started, by words that are split or not, and its stderr is ours")
def _(place):
    program = place.write("my server", "#!/bin/sh\necho \"$1/$2\" >&2; echo OK; read x; echo D $x; echo OK;"
                          "read x\n", 0o700)
    place.ctl("call", "-c", "HELLO", "--", program, "a b", "").gives("D HELLO\n"[2:-1], "a b/\n")
    plain = place.path("plain")
    os.symlink(program, plain)
    place.ctl("call", "exec:%s a  b" % plain, "HELLO").gives("HELLO", "a/b\n")
    place.ctl("call", "exec:plain a b", "HELLO", env={"PATH": place.dir + ":/usr/bin:/bin"}).gives("HELLO")


@suite.test("an agent that does not run is started, unless --no-start")
def _(place):
    need("gpg-agent", "gpgconf")
    place.uses_gnupg = True
    place.ctl("call", "--no-start", "agent", "GETINFO", "version").fails(3, "agent")
    result = place.ctl("call", "agent", "GETINFO", "version")
    expect(result.code == 0 and result.out[:2] == b"2.", result)
    socket_name = place.ctl("call", "--no-start", "agent", "GETINFO", "socket_name")
    expect_equal(socket_name.out.decode(), place.home + "/S.gpg-agent")


@suite.test("names are looked up; a server that this GnuPG lacks is told")
def _(place):
    socket = place.start_agent()
    for name, wanted in (("agent", ""), ("agent-extra", ".extra"), ("agent-browser", ".browser")):
        result = place.ctl("call", name, "GETINFO", "version")
        expect(result.code == 0 and result.out[:2] == b"2.", name, wanted, result)
    expect(os.path.exists(socket), "no socket")
    place.ctl("call", "uiserver", "NOP").fails(3, "uiserver")
    with open(place.write("agent", ""), "rb"):
        place.ctl("call", "./agent", "NOP").fails(3)
    place.ctl("call", "scdaemon", "-v", "NOP").fails(1, "> SCD NOP")


@suite.test("the agent is told the session, unless --no-session")
def _(place):
    place.start_agent()
    env = {"GPG_TTY": "/dev/pts/77", "DISPLAY": ":7", "XMODIFIERS": "@im=x", "TERM": "vt100"}
    result = place.ctl("call", "-v", "agent", "NOP", env=env).gives("")
    for line in ("RESET", "OPTION ttyname=/dev/pts/77", "OPTION ttytype=vt100", "OPTION display=:7",
                 "OPTION putenv=XMODIFIERS=@im=x", "OPTION lc-ctype=", "OPTION lc-messages="):
        expect("> " + line in result.err, "missing:", line, result)
    result = place.ctl("call", "-v", "agent", "--no-session", "NOP", env=env).gives("")
    expect_equal([x for x in result.err.splitlines() if x[0] == ">"][:1], ["> NOP"])


# --- Secrets --------------------------------------------------------------------------------------

@suite.test("-v shows the wire without secrets, --show-secrets all of it")
def _(place):
    talk = {**inquire("PASSPHRASE"), "GETPIN": "D wonderland\nOK\n", "GETINFO version": "D 1.0\nOK\n",
            "GET_PASSPHRASE X X X X": "OK wonderland\n", "FOO": "D 12%253\nOK text\n",
            "LIST": "D x\nOK\n"}
    with Mock(place, talk) as mock:
        result = place.ctl("-v", "call", "-q", mock.address, "-i", "*=env:X", "-c", "ASK",
                           "-c", "GET_PASSPHRASE X X X X", "-c", "GETINFO version", "-c", "FOO",
                           "-c", "PRESET_PASSPHRASE grip -1 wonderland", "-c", "PUTVAL a wonderland",
                           "-c", "OPTION http-proxy=wonderland", "-c", "KEYSERVER ldap://u:wonderland@h/",
                           "-c", "SET_SECRET wonderland", env={"X": "wonderland"}).gives("1.012%3")
        expect("wonderland" not in result.err, result)
        expect_equal(result.err.replace(mock.address, "S").splitlines()[:20], [
            "< OK mock", "> ASK", "< INQUIRE PASSPHRASE", "> D [secret]", "> END", "< OK",
            "> GET_PASSPHRASE X X X X", "< OK [secret]", "> GETINFO version", "< D 1.0", "< OK",
            "> FOO", "< D [4 octets]", "< OK text", "> PRESET_PASSPHRASE grip -1 [secret]", "< OK",
            "> PUTVAL [secret]", "< OK", "> OPTION http-proxy=[secret]", "< OK"])
        expect("//[secret]@h/" in result.err and "> SET_SECRET [secret]" in result.err, result)
        result = place.ctl("-v", "--show-secrets", "call", mock.address, "-i", "*=env:X", "ASK",
                           env={"X": "wonderland"}).gives("")
        expect("D wonderland" in result.err and "secrets are shown" in result.err, result)


@suite.test("-v: an OPTION and SCD are known in every form of theirs")
def _(place):
    shown = {"OPTION token x-wonderland": "OPTION token [secret]", "OPTION --proxy  x-wonderland": "OPTION --proxy  [secret]",
             "option http-proxy = x-wonderland": "option http-proxy = [secret]", "OPTION pin=x-wonderland": "OPTION pin=[secret]",
             "OPTION putenv=PIN=x-wonderland": "OPTION putenv=PIN=[secret]", "OPTION putenv A=PASS": "OPTION putenv A=PASS",
             "OPTION --putenv TOKEN=x-wonderland": "OPTION --putenv TOKEN=[secret]", "OPTION lang C": "OPTION lang C",
             "OPTION ttyname=/dev/pass": "OPTION ttyname=/dev/pass", "SCD\tPUTVAL x-wonderland": "SCD\tPUTVAL [secret]",
             "SCD \tPUTVAL\tx-wonderland": "SCD \tPUTVAL\t[secret]", "OPTION token": "OPTION token",
             "PRESET_PASSPHRASE\tg -1\twonderland": "PRESET_PASSPHRASE\tg -1\t[secret]"}
    with Mock(place) as mock:
        result = place.ctl("-v", "call", "-q", mock.address, *sum((["-c", x] for x in shown), [])).gives("")
        expect_equal([x[2:] for x in result.err.splitlines() if x[0] == ">"], [*shown.values(), "BYE"])


@suite.test("what -v shows can be chosen")
def _(place):
    with Mock(place, {"FOO bar": "D twelve octet\nOK\n", "GETPIN": "D 1234\nOK\n", "GETINFO x": "D 1.0\nOK\n",
                      "BAD bar": "ERR 1 x\n"}) as mock:
        def shown(*options):
            result = place.ctl("call", "-vq", *options, mock.address, "-c", "FOO bar", "-c", "GETPIN",
                               "-c", "GETINFO x").gives("twelve octet12341.0")
            return [x for x in result.err.splitlines() if x[2:5] in ("D t", "D [", "D 1", "FOO")]
        expect_equal(shown(), ["> FOO bar", "< D [12 octets]", "< D [secret]", "< D 1.0"])
        expect_equal(shown("--show-data"), ["> FOO bar", "< D twelve octet", "< D [secret]", "< D 1.0"])
        expect_equal(shown("--open=foo", "--open=GETPIN", "--secret=GETINFO"),
                     ["> FOO bar", "< D twelve octet", "< D 1234", "< D [secret]"])
        expect_equal(shown("--secret=FOO"), ["> FOO [secret]", "< D [secret]", "< D [secret]", "< D 1.0"])
        place.ctl("call", mock.address, "BAD", "bar").fails(1, "BAD bar: x")
        place.ctl("call", "--secret=bad", mock.address, "BAD", "bar").fails(1, "BAD [secret]: x")


@suite.test("a secret argument is in no message")
def _(place):
    talk = {"PUTVAL a wonderland": UNKNOWN, "SETATTR wonderland": None}
    with Mock(place, talk) as mock:
        for command, code in (("PUTVAL a wonderland", 1), ("SETATTR wonderland", 3),
                              ("PUTVAL wonderland\n", 2), ("PUTVAL wonderland" + "x" * 1000, 2)):
            result = place.ctl("call", mock.address, command).fails(code)
            expect("wonderland" not in result.err, result)


@suite.test("a loopback passphrase goes to gpg-agent and comes back")
def _(place):
    place.start_agent()
    result = place.ctl("call", "agent", "-q", "-i", "PASSPHRASE=text:open sesame",
                       "-c", "OPTION pinentry-mode=loopback",
                       "-c", "GET_PASSPHRASE --data X X Prompt Desc")
    if result.code:
        place.write("h/gpg-agent.conf", "allow-loopback-pinentry\n")
    result.gives("open sesame", "")


@suite.test("gpg-agent's own errors and successes tell themselves")
def _(place):
    place.start_agent()
    result = place.ctl("call", "agent", "GETINFO", "version")
    expect(result.code == 0 and result.out[:2] == b"2.", result)
    place.ctl("call", "agent", "NOSUCH").fails(1, "(275); try: assuanctl describe agent")
    place.ctl("call", "agent", "--accept=NOT_FOUND", "--", "HAVEKEY", "0" * 40).fails(1, "No secret key")
    place.ctl("call", "agent", "--accept=NO_SECKEY", "--", "HAVEKEY", "0" * 40).gives("")


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
