# SPDX-License-Identifier: LGPL-2.1-or-later
"""assuanctl conform: real servers keep the rules, and servers that break one fail that one alone."""

import os
import re
import socket
import subprocess
import threading

from kit import Acceptor, Mock, TOOL, Skip, Suite, expect, expect_equal, need

suite = Suite()

UNKNOWN = b"ERR 536871187 Unknown IPC command\n"
NOT_NOW = b"ERR 536870981 Not implemented\n"
TOO_LONG = b"ERR 536871175 Line too long\n"
BUILTINS = b"# NOP\n# BYE\n# RESET\n# HELP\n# OPTION\n# END\n# CAN\n# ASK\n"


class Server:
    """A server that keeps every rule.  Those below break one each."""

    greeting = b"OK mock\n"

    def __init__(self, place):
        self.address = "unix:" + place.path("M")
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(place.path("M"))
        self.listener.listen(64)
        self.free = threading.Event()       # a new client may be greeted
        self.free.set()
        self.n_clients = 0
        self.acceptor = Acceptor(self.listener, self.serve)

    def close(self):
        self.acceptor.close()

    def serve(self, sock):
        self.n_clients += 1
        STATES.pop(sock.fileno(), None)
        try:
            self.free.wait(60)
            sock.sendall(self.greet())
            self.talk(sock)
        except OSError:
            pass
        finally:
            self.n_clients -= 1
            sock.close()

    def greet(self):
        return self.greeting

    def talk(self, sock):
        """All lines of a client."""
        buffer = b""
        while True:
            octets = sock.recv(65536)
            if not octets:
                return self.eof(sock, buffer)
            buffer = self.come(buffer, octets)
            replies = []
            while b"\n" in buffer:
                line, buffer = buffer.split(b"\n", 1)
                reply = self.line(sock, line)
                if reply is None:
                    sock.sendall(b"".join(replies))
                    return None
                replies.append(reply)
                if line == b"BYE":
                    sock.sendall(b"".join(replies))
                    return None
            sock.sendall(b"".join(self.order(replies)))

    def come(self, buffer, octets):
        return buffer + octets

    def order(self, replies):
        return replies

    def eof(self, sock, rest):
        pass

    def line(self, sock, line):
        """The reply to a line; None closes."""
        if len(line.rstrip(b"\r")) > 1000:
            return TOO_LONG
        if sock_state(sock).asked:
            return self.answer(sock, line)
        if not line or line.startswith(b"#"):
            return self.nothing(line)
        if line[:1] == b" ":
            return self.blank(line)
        word = line.rstrip(b"\r").split(b" ")[0]
        return self.command(sock, word.upper(), line)

    def nothing(self, _):
        return b""

    def blank(self, _):
        return NOT_NOW

    def command(self, sock, word, line):
        if word in (b"NOP", b"RESET", b"BYE"):
            return b"OK\n"
        if word == b"HELP":
            return BUILTINS + b"OK\n" if line == b"HELP" else b"# help\nOK\n"
        if word in (b"D", b"END", b"CAN", b"OPTION"):
            return NOT_NOW
        if word == b"ASK":
            sock_state(sock).asked = True
            sock_state(sock).n = 0
            return b"INQUIRE X\n"
        return self.unknown(line)

    def unknown(self, _):
        return UNKNOWN

    def answer(self, sock, line):
        """A line of an answer."""
        state = sock_state(sock)
        if line.startswith(b"D "):
            state.n += len(line)
            return b""
        state.asked = False
        return self.answered(sock, line, state.n)

    def answered(self, _, line, n):
        return b"OK\n" if line == b"END" and n < 65536 else NOT_NOW


class State:
    """What a connection is in: an inquiry, and how much of the answer came."""
    asked, n = False, 0


STATES = {}


def sock_state(sock):
    return STATES.setdefault(sock.fileno(), State())


BROKEN = {}         # name -> (the ID that fails, the class)


def breaks(check, name=None):
    def add(cls):
        BROKEN[name or cls.__name__] = (check, cls)
        return cls
    return add


def word(check, **replies):
    """Break CHECK by other replies to whole lines, told by methods of the same names."""
    BROKEN[check + ": " + ", ".join(replies)] = (check, type("Broken", (Server,), {
        name: (lambda reply: lambda self, *_: reply)(reply) for name, reply in replies.items()}))


word("greet", greet=b"HELLO\n")
word("greet", blank=NOT_NOW, greet=b"ERR 536870981 Not implemented\n")
word("greet", greet=b"S READY\nOK\n", nothing=b"")
word("unknown", unknown=b"OK\n")
word("number", unknown=b"ERR unknown command\n")
word("number", unknown=b"ERR 275 unknown command\n", nothing=b"")
word("blank", blank=b"OK\n")
word("blank", blank=NOT_NOW + NOT_NOW, nothing=b"")


def lines(check, *replies):
    """Break CHECK by other replies to these lines."""
    table = dict(replies)

    def line(self, sock, octets):
        return table[octets] if octets in table and not sock_state(sock).asked else Server.line(self, sock, octets)
    BROKEN["%s: %s" % (check, replies[0])] = (check, type("Broken", (Server,), {"line": line}))


lines("case", (b"nop", UNKNOWN))
lines("crlf", (b"NOP\r", UNKNOWN))
lines("empty", (b"", NOT_NOW))
lines("empty", (b"# comment", b"OK\n"))
lines("end", (b"END", b"OK\n"))
lines("can", (b"CAN", b"OK\n"))
lines("data", (b"D x", NOT_NOW * 2))
lines("bye", (b"BYE", NOT_NOW))
lines("reset", (b"RESET", None))


@breaks("ahead")
class OutOfOrder(Server):
    """The replies to several lines at once come in another order."""

    def order(self, replies):
        return replies[1:] + replies[:1] if len([x for x in replies if x]) > 2 else replies


@breaks("octets")
class Forgetful(Server):
    """Half a line is forgotten."""

    def come(self, buffer, octets):
        return octets if len(octets) == 1 else buffer + octets


@breaks("eof")
class Hasty(Server):
    """Half a line is a command."""

    def eof(self, sock, rest):
        if rest:
            sock.sendall(self.line(sock, rest))


@breaks("shut")
class Patient(Server):
    """The connection stays open."""

    def eof(self, sock, rest):
        while not rest:
            sock.sendall(b"# still here\n")
            threading.Event().wait(0.2)


@breaks("line-1000")
class Narrow(Server):
    """Shorter lines are too long."""

    def line(self, sock, line):
        return TOO_LONG if len(line) > 900 and not sock_state(sock).asked else super().line(sock, line)


@breaks("line-long")
class Splitter(Server):
    """The rest of a long line is the next one."""

    def line(self, sock, line):
        if len(line) <= 1002:
            return super().line(sock, line)
        return TOO_LONG + super().line(sock, line[1000:])


@breaks("two")
class Waiting(Server):
    """Half a line holds up who comes."""

    def come(self, buffer, octets):
        buffer += octets
        if buffer == b"NO":
            self.free.clear()
        elif buffer != octets:
            self.free.set()
        return buffer

    def line(self, sock, line):
        if self.n_clients == 2:
            threading.Event().wait(0.3)     # what the other one has sent is read by then
            self.free.wait(60)
        return super().line(sock, line)

    def eof(self, sock, rest):
        self.free.set()


def answers(check, *replies):
    """Break CHECK by the reply to an answer's last line."""
    table = dict(replies)

    def answered(self, sock, line, n):
        return table[line] if line in table and (n < 65536) else Server.answered(self, sock, line, n)
    BROKEN["%s: answered" % check] = (check, type("Broken", (Server,), {"answered": answered}))


answers("inquire-can", (b"CAN", NOT_NOW * 2))
answers("inquire-cancel", (b"CANCEL", None))


@breaks("inquire")
class Twice(Server):
    """A short answer has two replies."""

    def answered(self, sock, line, n):
        return b"OK\nOK\n" if line == b"END" and n == 9 else super().answered(sock, line, n)


@breaks("inquire-big")
class Flooded(Server):
    """After the limit, each line has a reply."""

    def answer(self, sock, line):
        if sock_state(sock).n > 65536:
            sock_state(sock).asked = False
            return NOT_NOW
        return super().answer(sock, line)


@breaks("escape")
class Strict(Server):
    """A bad escape ends the connection."""

    def answer(self, sock, line):
        return None if b"%zz" in line else super().answer(sock, line)


# What is no MUST warns.
WARNED = {}


def warned(check, cls):
    WARNED[check] = cls


warned("option", type("Broken", (Server,), {"line": lambda self, sock, line: b"OK\n" if line.startswith(
    b"OPTION") else Server.line(self, sock, line)}))
warned("help", type("Broken", (Server,), {"command": lambda self, sock, word, line: b"# NOP\nOK\n"
                                          if line == b"HELP" else Server.command(self, sock, word, line)}))
warned("help-name", type("Broken", (Server,), {"command": lambda self, sock, word, line: NOT_NOW if line ==
                                               b"HELP RESET" else Server.command(self, sock, word, line)}))
class Small(Server):
    """Only so many clients are served at a time; the others wait."""

    def greet(self):
        while self.n_clients > 20:
            threading.Event().wait(0.01)
        return self.greeting


warned("idle-32", Small)
warned("unknown", type("Broken", (Server,), {"unknown": lambda self, line: NOT_NOW}))
warned("nul", type("Broken", (Server,), {"line": lambda self, sock, line: None if b"\0" in line
                                         else Server.line(self, sock, line)}))
warned("utf8", type("Broken", (Server,), {"line": lambda self, sock, line: None if b"\xff" in line
                                          else Server.line(self, sock, line)}))
warned("long-arg", type("Broken", (Server,), {"unknown": lambda self, line: None if len(line) > 900
                                              else UNKNOWN}))


class Stuck(Server):
    """A new client waits while an inquiry is open, and forever if the one that was asked has left."""

    def command(self, sock, word, line):
        if word == b"ASK":
            self.free.clear()
        return super().command(sock, word, line)

    def answered(self, sock, line, n):
        self.free.set()
        return super().answered(sock, line, n)


warned("leave", Stuck)


def run(place, cls, *args):
    STATES.clear()
    server = cls(place)
    try:
        return place.ctl("-j", "conform", "--command=ASK", server.address, *args)
    finally:
        server.close()


def with_result(result, name):
    return [x["id"] for x in result.json() if x["type"] == "check" and x["result"] == name]


@suite.test("a server that keeps all rules passes all checks")
def _(place):
    result = run(place, Server)
    expect(result.code == 0, result)
    expect_equal(result.json()[-1], {"type": "summary", "ok": 34, "fail": 0, "warn": 0, "skip": 0,
                                     "server": "unix:" + place.path("M")})


for NAME, (CHECK, CLASS) in BROKEN.items():
    @suite.test("one that breaks a rule fails that alone: " + NAME)
    def _(place, check=CHECK, cls=CLASS):
        result = run(place, cls)
        expect(result.code == 1, result)
        expect_equal(with_result(result, "fail"), [check], result)
        expect_equal(with_result(result, "warn"), [], result)
        if check == "greet":
            expect(len(with_result(result, "skip")) == 33, result)

for CHECK, CLASS in WARNED.items():
    @suite.test("what only should be kept warns: " + CHECK)
    def _(place, check=CHECK, cls=CLASS):
        result = run(place, cls)
        expect(result.code == 0, result)
        expect_equal(with_result(result, "warn"), [check], result)


@suite.test("a failure tells what was sent, what came, and why")
def _(place):
    result = run(place, BROKEN["can: (b'CAN', b'OK\\n')"][1], "--only=can")
    expect_equal(result.json()[0], {
        "type": "check", "id": "can", "level": "must", "result": "fail",
        "reason": "CAN: wants ERR, got: OK", "sent": "CAN\n", "got": "OK mock\nOK\n"})


@suite.test("text and TAP")
def _(place):
    server = BROKEN["reset: (b'RESET', None)"][1](place)
    result = place.ctl("conform", server.address, "--only=nop,reset,inquire").fails(1)
    text = result.out.decode().splitlines()
    expect_equal(text[0], "ok   nop")
    expect(re.match("FAIL reset RESET: wants OK, got: .*; rule: RESET is OK", text[1]), result)
    expect_equal(text[2:], ["skip inquire needs --command", "1 ok, 1 failed, 0 warned, 1 skipped"])
    result = place.ctl("conform", server.address, "--only=nop,reset,inquire", "--format=tap").fails(1)
    text = result.out.decode().splitlines()
    expect_equal(text[:2] + text[3:], ["1..3", "ok 1 - nop", "ok 3 - inquire # SKIP needs --command"])
    expect(text[2].startswith("not ok 2 - reset: RESET: wants OK"), result)
    result = place.ctl("conform", server.address, "--skip=reset", "--format=text")
    expect(result.code == 0 and b"reset" not in result.out, result)
    server.close()


@suite.test("TAP: what a server says makes no failure a TODO or a SKIP")
def _(place):
    server = type("Broken", (Server,), {"line": lambda self, sock, line: b"ERR 1 no # TODO later\n" if line ==
                                        b"RESET" else Server.line(self, sock, line)})(place)
    out = place.ctl("conform", server.address, "--only=reset", "--format=tap").fails(1).out.decode()
    expect_equal(out, "1..1\nnot ok 1 - reset: RESET: wants OK, got: ERR 1 no %23 TODO later\n")
    server.close()


@suite.test("a server whose path is too long for a socket is found by its redirection file")
def _(place):
    os.makedirs(place.path("d" * 60 + "/" + "e" * 60))
    path = place.path("d" * 60 + "/" + "e" * 60 + "/S")
    child = place.start("serve", path, "GET=echo x")
    place.ctl("wait", "--timeout=30s", path).gives("")
    for address in path, "./" + path[len(place.dir) + 1:]:
        place.ctl("call", address, "GET").gives("x\n")
        place.ctl("conform", "--only=nop", address).gives("ok   nop\n1 ok, 0 failed, 0 warned, 0 skipped\n")
        place.ctl("call", "exec:%s relay stdio: %s" % (TOOL, address), "GET").gives("x\n")
    child.terminate()
    place.ctl("conform", path + "x").fails(3, "File name too long")


@suite.test("--timeout is of each check")
def _(place):
    server = BROKEN["Waiting"][1](place)
    result = place.ctl("conform", "--timeout=300ms", "--only=two", server.address).fails(1)
    expect(b"nothing within 0.3 s" in result.out, result)
    server.close()


@suite.test("--list tells all checks")
def _(place):
    listed = place.ctl("conform", "--list").out.decode().splitlines()
    expect(len(listed) == 34 and listed[0].startswith("greet           must "), listed)
    rules = place.ctl("-j", "conform", "--list").json()
    expect_equal([x["id"] for x in rules], [x.split()[0] for x in listed])
    expect_equal(set(x["level"] for x in rules), {"must", "should", "info"})
    tried = {check for check, _ in BROKEN.values()} | set(WARNED)
    expect_equal({x["id"] for x in rules} - tried, {"nop", "fd"})


@suite.test("wrong usage, and no server")
def _(place):
    place.write("M", "")
    for args in (), ("a b",), ("./x", "./y"), ("--only=nope", "./x"), ("--skip=", "./x"), (
            "--format=xml", "./x"), ("--command=", "./x"), ("scdaemon",), ("fd:0",), ("stdio:",):
        place.ctl("conform", *args).fails(2)
    for address in "./none", "exec:" + place.path("none"), "tcp:127.0.0.1:1", "@none-of-assuanctl":
        place.ctl("conform", address).fails(3, "cannot connect")
    place.ctl("conform", "--no-start", "agent").fails(3)


@suite.test("no MUST fails on GnuPG's started servers")
def _(place):
    tried = 0
    for argv in (["gpg-agent", "--server"], ["dirmngr", "--server"], ["/usr/lib/gnupg/scdaemon", "--server"],
                 ["pinentry-curses"], ["pinentry-tty"]):
        try:
            need(argv[0])
        except Skip:
            continue
        place.uses_gnupg = True
        result = place.ctl("-j", "conform", "--timeout=30s", "--", *argv)
        expect(result.code == 0, argv, result)
        expect(len(with_result(result, "ok")) >= 23, argv, result)
        tried += 1
    if not tried:
        raise Skip("none is installed")


@suite.test("no MUST fails on the agent's and dirmngr's sockets")
def _(place):
    place.start_agent()
    result = place.ctl("-j", "conform", "--timeout=30s", "agent", "--command=GENKEY")
    expect(result.code == 0, result)
    expect_equal(with_result(result, "warn"), ["help-name"])
    need("dirmngr")
    result = place.ctl("-j", "conform", "--timeout=30s", "dirmngr", "--command=VALIDATE")
    expect(result.code == 0, result)


@suite.test("the example servers pass, in every loop that was built")
def _(place):
    program = os.environ.get("EVA_SERVER")
    if not program:
        raise Skip("no example server")
    built = os.path.dirname(program)
    servers = [[os.path.join(built, x), "unix:"] for x in os.listdir(built)
               if x.startswith("server-") and "." not in x]
    servers += [[os.path.join(built, x), ""] for x in ("threads-server", "by-hand/loop-server")
                if os.path.exists(os.path.join(built, x))]
    for number, (name, scheme) in enumerate(servers):
        socket_path = place.path("E%d" % number)
        count = ["3"] if name.endswith("threads-server") else []
        server = place.spawn([name, scheme + socket_path, *count], stderr=subprocess.STDOUT)
        while b"listening" not in server.stdout.readline():
            expect(server.poll() is None, name, "does not start")
        result = place.ctl("-j", "conform", socket_path, "--command=DIGEST")
        expect(result.code == 0, name, result)
        expect_equal(with_result(result, "skip"), [])
        expect_equal(with_result(result, "warn"), ["option"], name)


@suite.test("a server of scripts passes, too, and one behind a relay")
def _(place):
    serve = place.start("serve", place.path("V"), "ASK=assuanctl inquire X >/dev/null; true",
                        env={"PATH": os.path.dirname(TOOL) + ":" + os.environ["PATH"]})
    place.ctl("wait", place.path("V"))
    relay = place.start("relay", place.path("R"), place.path("V"))
    place.ctl("wait", place.path("R"))
    for path in place.path("V"), place.path("R"):
        result = place.ctl("-j", "conform", path, "--command=ASK")
        expect_equal(with_result(result, "fail"), [], path, result)
    for child in serve, relay:
        child.terminate()
        child.communicate()


@suite.test("-v shows the lines of each connection, without secrets")
def _(place):
    with Mock(place, {"HELP": "# GETPIN\nOK\n", "HELP GETPIN": "OK\n", "HELP NOP": "OK\n"}) as mock:
        result = place.ctl("conform", "-v", "--only=greet,nop,octets", mock.address).gives(
            "ok   greet\nok   nop\nok   octets\n3 ok, 0 failed, 0 warned, 0 skipped\n")
        expect("#1 < OK mock\n" in result.err and "#2 > NOP\n#2 < OK\n" in result.err, result)
        expect("#3 > NOP\n#3 < OK\n" in result.err, result)
        expect_equal(place.ctl("conform", "--only=nop", mock.address).err, "")
        objects = place.ctl("conform", "-vj", "--only=nop", mock.address).json()
        expect_equal([x["line"] for x in objects if x["type"] == "line"], ["OK mock", "NOP", "OK", "BYE", "OK"])


suite.main()
