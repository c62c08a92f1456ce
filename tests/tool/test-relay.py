# SPDX-License-Identifier: LGPL-2.1-or-later
"""assuanctl relay: what passes, what does not, and what neither a client nor a server can do to others."""

import json
import os
import random
import re
import signal
import socket
import subprocess
import threading
import time

from kit import TIMEOUT, TOOL, Mock, Suite, as_user, eventually, expect, expect_equal, need

suite = Suite()

EVERY = bytes(range(256))
FORBIDDEN = "ERR 536871163 Forbidden <User defined source 1>\n"


class Relay:
    """`assuanctl relay` on a socket of PLACE."""

    def __init__(self, place, server, *args, name="R", listen=None):
        self.place = place
        self.path = place.path(name)
        self.err = open(place.path(name + ".err"), "w+b")
        self.process = place.start("relay", listen or "unix:" + self.path, *([server] if server else []), *args,
                                   stderr=self.err, stdout=subprocess.DEVNULL)

    def __enter__(self):
        eventually("the relay listens", lambda: os.path.exists(self.path) or self.process.poll() is not None)
        expect(self.process.poll() is None, self.told())
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
        code = self.process.wait(30)
        self.err.close()
        expect("AddressSanitizer" not in self.told() and "runtime error" not in self.told(), self.told())
        expect_equal(code, 0, "exit status of relay")

    def told(self):
        with open(self.err.name, "rb") as f:
            return f.read().decode()

    def connect(self, greeting=b"OK"):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.settimeout(60)
        eventually("the relay listens", lambda: not sock.connect_ex(self.path))
        text = b""
        while greeting and not text.endswith(b"\n"):
            more = sock.recv(1)
            expect(more, "no greeting", text)
            text += more
        expect(text.startswith(greeting), text)
        return sock

    def talk(self, octets, shut=True):
        """What comes of OCTETS, up to the end."""
        sock = self.connect()
        sock.sendall(octets)
        if shut:
            sock.shutdown(socket.SHUT_WR)
        text = sock.makefile("rb").read()
        sock.close()
        return text

    def memory(self):
        """What it has in memory, in octets."""
        with open("/proc/%d/statm" % self.process.pid, encoding="ascii") as f:
            return int(f.read().split()[1]) * 4096


def inquire(*_):
    return "INQUIRE KEY a b\n"


# --- What passes ----------------------------------------------------------------------------------

@suite.test("lines pass as they are, both ways")
def _(place):
    reply = b"# c  \nS  K  v\nS\nD a%zz%00\x00\xff\nD \nEND\nOK  well\x00 done \n"
    err = "ERR  67109139  no  \n"
    with Mock(place, {"get  a\tb%zz ": reply, "E": err, "N": "ERR -1 x\n", "W": "ERR what\n"}, greeting="# hi\nOK  there \n") as mock, \
            Relay(place, mock.address) as relay:
        sock = relay.connect(b"# hi")
        sock.sendall(b"get  a\tb%zz \nE\nN\nW\n# c\n\nBYE\n")
        expect_equal(sock.makefile("rb").read(), b"OK  there \n" + reply + err.encode() + b"ERR -1 x\nERR what\nOK\n")
        expect_equal(mock.heard, ["get  a\tb%zz ", "E", "N", "W", "# c", "", "BYE"])


@suite.test("a dialogue in single octets, and in one piece")
def _(place):
    with Mock(place, {"ASK": inquire, "GET": "D x\nOK\n"}) as mock, Relay(place, mock.address) as relay:
        talk = b"GET\nASK\nD one%25\n# c\nEND\nGET\r\nASK\nCAN\nBYE\n"
        mock.answers.update({"END": "OK\n", "CAN": "ERR 1\n"})
        wanted = b"D x\nOK\nINQUIRE KEY a b\nOK\nD x\nOK\nINQUIRE KEY a b\nERR 1\nOK\n"
        expect_equal(relay.talk(talk), wanted)
        heard = list(mock.heard)
        mock.heard.clear()
        sock = relay.connect()
        for octet in talk:
            sock.sendall(bytes([octet]))
        expect_equal(sock.makefile("rb").read(), wanted)
        expect_equal(mock.heard, heard)
        expect_equal(heard, ["GET", "ASK", "D one%25", "# c", "END", "GET", "ASK", "CAN", "BYE"])


@suite.test("10 MiB of every octet, data and an answer")
def _(place):
    place.write("big", EVERY * 40960)
    bind = place.path("bin")
    os.mkdir(bind)
    os.symlink(TOOL, bind + "/assuanctl")
    server = place.start("serve", "unix:" + place.path("S"), "BIG=cat big", "PASS=assuanctl inquire --max=99999999 X",
                         env={"PATH": bind + ":" + place.env["PATH"]})
    place.ctl("wait", "--timeout=30s", "./S").gives("")
    with Relay(place, "./S") as relay:
        expect(place.ctl("call", relay.path, "BIG").out == EVERY * 40960, "other octets")
        expect(place.ctl("call", "-q", "-i", "X=file:big", relay.path, "PASS").out == EVERY * 40960, "other octets")
    server.terminate()


@suite.test("a client that shuts its side gets its replies")
def _(place):
    with Mock(place, {"SLOW": lambda *_: time.sleep(0.3) or "D x\nOK\n"}) as mock, Relay(place, mock.address) as relay:
        expect_equal(relay.talk(b"SLOW\nNOP\n"), b"D x\nOK\nOK\n")
        expect_equal(relay.talk(b"NOP\nhalf a li"), b"OK\n")
        expect(not [x for x in mock.heard if x.startswith("half")], mock.heard)


@suite.test("what a client sent before it left arrives")
def _(place):
    with Mock(place) as mock, Relay(place, mock.address) as relay:
        sock = relay.connect()
        sock.sendall(b"ONE\nTWO\nTHREE\n")
        sock.close()
        eventually("all lines arrive", lambda: mock.heard == ["ONE", "TWO", "THREE"])


@suite.test("a server whose reply does not end hears that its client has left, whatever that still wanted")
def _(place):
    left = []

    def flood(sock, _):
        try:
            while True:
                sock.sendall(b"S FLOOD " + b"x" * 900 + b"\n")
        except OSError:
            left.append("flood")
    with Mock(place, {"FLOOD": flood}) as mock, Relay(place, mock.address) as relay:
        sock = relay.connect()
        sock.sendall(b"FLOOD\nNOP\nBYE\n")
        eventually("it is asked", lambda: "FLOOD" in mock.heard)
        sock.close()
        eventually("the server hears of it", lambda: left == ["flood"])
        child = place.start("relay", "stdio:", mock.address)
        child.stdin.write(b"FLOOD\nBYE\n")
        child.stdin.flush()
        expect_equal([child.stdout.readline()[:9] for _ in range(2)], [b"OK mock\n", b"S FLOOD x"])
        child.stdin.close()
        child.stdout.close()
        eventually("the server hears of it", lambda: left == ["flood"] * 2)
        expect_equal(child.wait(60), 0)


@suite.test("descriptors pass with their line, both ways")
def _(place):
    place.write("in", EVERY)
    server = place.start("serve", "unix:" + place.path("S"), "CAT=cat", "GET=echo x")
    place.ctl("wait", "--timeout=30s", "./S").gives("")
    with Relay(place, "./S") as relay, Relay(place, "./S", "--no-fds", name="N") as none, \
            Relay(place, "./S", "--allow=CAT", name="A") as some:
        place.ctl("call", "--input=in", "--result=out", relay.path, "CAT").gives("")
        expect_equal(place.read("out"), EVERY)
        place.ctl("call", "--input=in", none.path, "CAT").fails(1)
        place.ctl("call", "--input=in", some.path, "CAT").fails(1, "Forbidden")
        before = len(os.listdir("/proc/%d/fd" % some.process.pid))
        sock = some.connect()
        for _ in range(20):
            socket.send_fds(sock, [b"GET\n"], [0, 1, 2])
            expect(sock.recv(100).startswith(b"ERR"), "not refused")
        sock.close()
        eventually("descriptors are closed", lambda: len(os.listdir("/proc/%d/fd" % some.process.pid)) <= before)
        sock = none.connect()
        socket.send_fds(sock, [b"GET\n"], [0])
        expect(b"Not supported" in sock.recv(100), "not refused")
        socket.send_fds(sock, [b"# in flight\n"], [0])
        sock.sendall(b"GET\n")
        expect_equal(sock.makefile("rb").readline(), b"D x%0A\n")
    server.terminate()


@suite.test("descriptors of a server pass to the client")
def _(place):
    def give(sock, _):
        with open("/dev/null", "rb") as f:
            socket.send_fds(sock, [b"OK here\n"], [f.fileno()])
    with Mock(place, {"GIVE": give}) as mock, Relay(place, mock.address) as relay:
        sock = relay.connect()
        sock.sendall(b"GIVE\n")
        text, fds, _, _ = socket.recv_fds(sock, 100, 5)
        expect_equal((text, len(fds)), (b"OK here\n", 1))
        os.close(fds[0])


@suite.test("as many descriptors pass with a line as the kernel takes, or none")
def _(place):
    def give(sock, _):
        with open("/dev/null", "rb") as f:
            socket.send_fds(sock, [b"OK here\n"], [f.fileno()] * 253)
    heard = []

    def server():
        sock, _ = listener.accept()
        sock.sendall(b"OK here\n")
        while True:
            octets, fds, _, _ = socket.recv_fds(sock, 100, 253)
            if not octets:
                return
            heard.append((octets, len(fds)))
            for fd in fds:
                os.close(fd)
            give(sock, octets)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(place.path("S"))
    listener.listen(8)
    threading.Thread(target=server, daemon=True).start()
    with Relay(place, "./S") as relay:
        sock = relay.connect()
        for n in 65, 253:
            socket.send_fds(sock, [b"GIVE\n"], [relay.err.fileno()] * n)
            text, fds, _, _ = socket.recv_fds(sock, 100, 253)
            expect_equal((text, len(fds), heard[-1]), (b"OK here\n", 253, (b"GIVE\n", n)))
            for fd in fds:
                os.close(fd)
        socket.send_fds(sock, [b"GI"], [relay.err.fileno()] * 253)
        socket.send_fds(sock, [b"VE\n"], [relay.err.fileno()] * 253)
        text = sock.makefile("rb").read()
        expect(not text or text.startswith(b"ERR"), text)
        expect_equal(len(heard), 2)
        relay.connect(b"").close()
    listener.close()


@suite.test("conform finds no fault with a served script, nor with a relay before it")
def _(place):
    os.mkdir(place.path("bin"))
    os.symlink(TOOL, place.path("bin/assuanctl"))
    server = place.start("serve", "unix:" + place.path("S"), "ASK=assuanctl inquire KEY >/dev/null",
                         stderr=subprocess.DEVNULL, env={"PATH": place.path("bin") + ":" + place.env["PATH"]})
    place.ctl("wait", "--timeout=30s", "./S").gives("")
    with Relay(place, "./S") as relay:
        for path in "./S", relay.path:
            result = place.ctl("conform", "--command=ASK", path)
            expect(result.code == 0 and b" 0 failed" in result.out, result)
    server.terminate()


# --- What does not pass ---------------------------------------------------------------------------

@suite.test("--allow: these, what is harmless, and no other; the server never hears of it")
def _(place):
    with Mock(place, {"ASK": inquire, "END": "OK\n"}) as mock, \
            Relay(place, mock.address, "--allow=GETINFO", "--allow=scd  serialno", "--allow=ASK") as relay:
        good = ["GETINFO", "getinfo x", "GETINFO\tx", "SCD SERIALNO", "scd \t serialno x", "NOP", "BYE x"[:3]]
        bad = ["GETINFOX", "GET", "SCD", "SCD APDU", "SCD SERIALNOX", "SCDSERIALNO", "KILLAGENT", "D x", "OPTION a=1",
               "getinfo%20x", "INPUT FD", "OPTION", "GETINFO\0x"]
        text = relay.talk("".join(x + "\n" for x in bad + good).encode())
        expect_equal(text.decode().count(FORBIDDEN), len(bad) - 1, text)
        expect_equal(text.count(b"ERR 536871188 IPC syntax error <User defined source 1>\n"), 1, text)
        expect_equal(text.count(b"OK\n"), len(good), text)
        expect_equal(mock.heard, good)
        mock.heard.clear()
        for line in "RESET", "HELP GETINFO", "END", "END x", "CAN":
            expect(relay.talk(line.encode() + b"\n") is not None, line)
        expect_equal(mock.heard, ["RESET", "HELP GETINFO", "END", "END x", "CAN"])
        mock.heard.clear()
        expect_equal(relay.talk(b"ASK\nD KILLAGENT\n# KILLAGENT\nEND\n"), b"INQUIRE KEY a b\nOK\n")
        expect_equal(mock.heard, ["ASK", "D KILLAGENT", "# KILLAGENT", "END"])


@suite.test("--allow-option: OPTION needs its name, exact")
def _(place):
    with Mock(place) as mock:
        for args, passes in ((("--allow=*",), ()), (("--allow=*", "--allow-option=lang"), ("lang",)),
                             (("--allow-option=lang",), ("lang",)), (("--allow=X", "--allow-option=*"), ("lang", "other")),
                             ((), ("lang", "other"))):
            with Relay(place, mock.address, *args) as relay:
                for form in "OPTION %s=1", "OPTION --%s 1", "option  %s = 1", "OPTION %s":
                    for name in "lang", "other":
                        text = relay.talk((form % name).encode() + b"\n")
                        expect_equal(text == b"OK\n", name in passes, args, form, name)
                expect_equal(relay.talk(b"OPTION langx=1\n") == b"OK\n", "other" in passes, args)
                expect_equal(relay.talk(b"OPTION Lang=1\n") == b"OK\n", "other" in passes, args)


@suite.test("--deny: all but these")
def _(place):
    with Mock(place) as mock, Relay(place, mock.address, "--deny=SCD APDU", "--deny=KILLAGENT", "--log") as relay:
        text = relay.talk(b"SCD SERIALNO\nscd  apdu 00\nkillagent\nNOP\nOPTION a=1\n")
        expect_equal(text, b"OK\n" + FORBIDDEN.encode() * 2 + b"OK\nOK\n")
        expect_equal(mock.heard, ["SCD SERIALNO", "NOP", "OPTION a=1"])
        told = relay.told()
        expect(re.search(r"assuanctl: #1 pid %d uid %d\n" % (os.getpid(), os.getuid()), told), told)
        expect("#1 refused: killagent: Forbidden\n" in told and "apdu [secret]" in told, told)
        eventually("the end is told", lambda: re.search(r"#1 closed \(\w+\)\n", relay.told()))


@suite.test("--deny and --allow: a pattern of OPTION is meant in all forms of it")
def _(place):
    forms = ["OPTION lang=C", "OPTION lang", "option  lang = C", "OPTION --lang C", "OPTION\t--lang=C", "OPTION -- lang=C"]
    others = ["OPTION langx=C", "OPTION --other lang", "OPTION xlang"]
    with Mock(place) as mock:
        for pattern in "OPTION lang", "option --lang":
            with Relay(place, mock.address, "--deny=" + pattern) as relay:
                expect_equal(relay.talk("".join(x + "\n" for x in forms + others).encode()),
                             FORBIDDEN.encode() * len(forms) + b"OK\n" * len(others))
                expect_equal(mock.heard, others)
                mock.heard.clear()
            with Relay(place, mock.address, "--allow=" + pattern) as relay:
                relay.talk("".join(x + "\n" for x in forms + others).encode())
                expect_equal(mock.heard, forms)
                mock.heard.clear()
        with Relay(place, mock.address, "--deny=OPTION putenv=A") as relay:
            relay.talk(b"OPTION putenv=A=1\nOPTION --putenv A\nOPTION putenv=B=1\n")
            expect_equal(mock.heard, ["OPTION putenv=B=1"])


@suite.test("a line that ends in two CRs is refused: a server that drops the second one reads another line")
def _(place):
    with Mock(place, {"ASK": inquire, "CAN": "ERR 1 x\n"}) as mock, \
            Relay(place, mock.address, "--deny=KILLAGENT") as relay:
        text = relay.talk(b"KILLAGENT\r\r\nKILLAGENT\r\r\r\nKILLAGENT\r\nNOP\r\n")
        syntax = b"ERR 536871188 IPC syntax error <User defined source 1>\n"
        expect_equal(text, syntax * 2 + FORBIDDEN.encode() + b"OK\n")
        expect_equal(mock.heard, ["NOP"])
        mock.heard.clear()
        expect_equal(relay.talk(b"ASK\nD x\r\r\nEND\nNOP\n"), b"INQUIRE KEY a b\nERR 1 x\nOK\n")
        expect_equal(mock.heard, ["ASK", "CAN", "NOP"])


@suite.test("over-long lines are answered, and their tail is not run")
def _(place):
    with Mock(place, {"ASK": inquire, "END": "OK\n", "CAN": "ERR 1 x\n"}) as mock, Relay(place, mock.address) as relay:
        for length in 1001, 1003, 2000, 70000:
            line = b"NOP " + b"x" * (length - 14) + b" KILLAGENT\n"
            text = relay.talk(line + b"NOP\n")
            expect(re.fullmatch(rb"ERR \d+ [^\n]*too long[^\n]*\nOK\n", text), length, text)
        expect_equal(set(mock.heard), {"NOP"})
        mock.heard.clear()
        expect_equal(relay.talk(b"x" * 1000 + b"\n"), b"OK\n")
        mock.heard.clear()
        text = relay.talk(b"ASK\nD a\nD " + b"x" * 2000 + b"\nD b\nEND\nNOP\n")
        expect_equal(text, b"INQUIRE KEY a b\nERR 1 x\nOK\n")
        expect_equal(mock.heard, ["ASK", "D a", "CAN", "NOP"])


@suite.test("a request in place of an answer cancels the inquiry, and is not run")
def _(place):
    with Mock(place, {"ASK": inquire, "CAN": "ERR 1 x\n"}) as mock, Relay(place, mock.address) as relay:
        expect_equal(relay.talk(b"ASK\nD x\nKILLAGENT\nNOP\n"), b"INQUIRE KEY a b\nERR 1 x\nOK\n")
        expect_equal(mock.heard, ["ASK", "D x", "CAN", "NOP"])


@suite.test("requests wait for the reply before them")
def _(place):
    gate = threading.Event()
    with Mock(place, {"ONE": lambda *_: gate.wait(30) and "OK 1\n"}) as mock, Relay(place, mock.address) as relay:
        sock = relay.connect()
        sock.sendall(b"ONE\nTWO\nEND\n")
        eventually("the first one arrives", lambda: mock.heard)
        time.sleep(0.1)
        expect_equal(mock.heard, ["ONE"])
        gate.set()
        eventually("the others follow", lambda: mock.heard == ["ONE", "TWO", "END"])


# --- Servers --------------------------------------------------------------------------------------

@suite.test("a server that is away is an ERR in place of the greeting, and it may come back")
def _(place):
    with Relay(place, "./S", "--log") as relay:
        sock = relay.connect(b"ERR ")
        expect_equal(sock.recv(100), b"")
        place.ctl("call", relay.path, "NOP").fails(3, "connect")
        expect("cannot connect" in relay.told(), relay.told())
        with Mock(place) as mock:
            client = relay.connect()
            client.sendall(b"NOP\n")
            expect_equal(client.recv(100), b"OK\n")
            mock.close_all()
            expect_equal(client.recv(100), b"")
        relay.connect(b"ERR ")
        with Mock(place):
            place.ctl("call", relay.path, "NOP").gives("")
        with Mock(place, greeting="ERR 67108922 no\n"):
            expect_equal(relay.connect(b"ERR 67108922 no\n").recv(10), b"")
        with Mock(place, greeting=""):
            client = relay.connect(b"")
            time.sleep(0.1)
            client.close()


@suite.test("a server that leaves in mid-reply ends the connection, and no other")
def _(place):
    def half(sock, _):
        sock.sendall(b"D half\nOK bu")
        sock.shutdown(socket.SHUT_RDWR)
    with Mock(place, {"HALF": half}) as mock, Relay(place, mock.address) as relay:
        other = relay.connect()
        text = relay.talk(b"HALF\n", shut=False)
        expect(text.startswith(b"D half\n") and b"OK bu" not in text, text)
        other.sendall(b"NOP\n")
        expect_equal(other.recv(100), b"OK\n")


@suite.test("servers that break the protocol hurt nobody else")
def _(place):
    dice = random.Random(3)
    noise = b"".join(dice.choice([b"OK", b"D", b"S x", b"INQUIRE", b"END", b"ERR", b"#", b"", b"X", b"D %"])
                     + bytes(dice.choice(range(32, 256)) for _ in range(dice.randrange(30))) + b"\n" for _ in range(500))
    bad = [b"What?\n", b"D " + b"x" * 5000 + b"\nOK\n", b"OK\nOK\nOK\n", b"S " + b"y" * 100000, b"INQUIRE\nINQUIRE X\nOK\n",
           b"ERR\n", b"D\n", b"\0\n", b"END\nEND\nOK\n", b"OK " + b"x" * 2000 + b"\n", noise, b"\n" * 5000 + b"OK\n"]
    with Mock(place, {"N%d" % n: x for n, x in enumerate(bad)}) as mock, Relay(place, mock.address) as relay:
        other = relay.connect()
        for n in range(len(bad)):
            sock = relay.connect()
            sock.sendall(b"N%d\nNOP\n" % n)
            sock.shutdown(socket.SHUT_WR)
            text = sock.makefile("rb").read()
            expect(all(re.match(rb"OK|D |S|#|ERR|INQUIRE|END|$", x) and len(x) <= 1000 for x in text.split(b"\n")), n, text[:300])
            other.sendall(b"NOP\n")
            expect_equal(other.recv(100), b"OK\n", n)


@suite.test("programs, TCP, and inherited sockets")
def _(place):
    serve = [TOOL, "serve", "stdio:", "GET=echo x"]
    with Relay(place, "exec:%s serve stdio: GET=date" % TOOL) as relay:
        expect(re.match(rb"\S", place.ctl("call", relay.path, "GET").out), "no date")
        children = "/proc/%d/task/%d/children" % (relay.process.pid, relay.process.pid)
        eventually("the program ends", lambda: not open(children, encoding="ascii").read())
    with Relay(place, None, "--", *serve) as relay:
        place.ctl("call", relay.path, "GET").gives("x\n")
    with Relay(place, "exec:/nonexistent/x", "--log") as relay:
        relay.connect(b"ERR ")
    out = place.ctl("call", "--", TOOL, "relay", "stdio:", "exec:%s serve stdio: GET=pwd" % TOOL).fails(2)
    expect(out, "")
    expect_equal(place.ctl("call", "exec:%s relay stdio: ./none" % TOOL, "NOP").code, 3)
    with Mock(place, {"GET": "D x\nOK\n"}) as mock:
        expect_equal(place.ctl("call", "exec:%s relay stdio: %s" % (TOOL, mock.address), "GET").out, b"x")
        child = place.start("relay", "tcp:127.0.0.1:0", mock.address, "--any-uid")
        address = re.search(rb"(tcp:127.0.0.1:\d+)", child.stderr.readline())[1].decode()
        place.ctl("call", address, "GET").gives("x")
        with Relay(place, address) as relay:
            place.ctl("call", relay.path, "GET").gives("x")
        child.terminate()
        expect_equal(child.wait(30), 0)
        with Relay(place, address) as relay:
            relay.connect(b"ERR ")
        ours, theirs = socket.socketpair()
        child = place.start("relay", "fd:%d" % theirs.fileno(), mock.address, pass_fds=[theirs.fileno()])
        theirs.close()
        ours.sendall(b"GET\nBYE\n")
        expect_equal(ours.makefile("rb").read(), b"OK mock\nD x\nOK\nOK\n")
        expect_equal(child.wait(30), 0)
    place.ctl("relay", "tcp:127.0.0.1:0", "./S").fails(2, "--any-uid")
    for args in (), ("./R",), ("./R", "fd:0"), ("./R", "scdaemon"), ("agent", "./S"), ("./R", "./S", "x"), \
            ("./R", "./S", "--allow=A", "--deny=B"), ("./R", "./S", "--allow= "):
        place.ctl("relay", *args).fails(2)


@suite.test("stdin and stdout are shared: their flags stay as they are, and no other file takes their numbers")
def _(place):
    with Mock(place, {"GET": "D x\nOK\n"}) as mock:
        for args in ("relay", "stdio:", mock.address), ("monitor", "--stdio", "--", TOOL, "relay", "stdio:", mock.address):
            for blocks in True, False:
                theirs_in, ours_in = os.pipe()
                ours_out, theirs_out = os.pipe()
                os.set_blocking(theirs_in, blocks)
                child = place.start(*args, stdin=theirs_in, stdout=theirs_out)
                os.write(ours_in, b"GET\n")
                with os.fdopen(ours_out, "rb") as f:
                    expect_equal([f.readline() for _ in range(3)], [b"OK mock\n", b"D x\n", b"OK\n"])
                    expect_equal((os.get_blocking(theirs_in), os.get_blocking(theirs_out)), (blocks, True), args)
                    expect_equal(os.readlink("/proc/%d/fd/0" % child.pid), "/dev/null")
                    os.close(theirs_out)
                    os.write(ours_in, b"BYE\n")
                    expect_equal(f.read(), b"OK\n")
                expect_equal(child.wait(60), 0)
                os.close(theirs_in)
                os.close(ours_in)


@suite.test("a reader that leaves a pipe is noticed while the server is silent, and before a request")
def _(place):
    silence = threading.Event()
    with Mock(place, {"WAIT": lambda *_: silence.wait(TIMEOUT) and "OK\n"}) as mock:
        for request in b"", b"WAIT\n":
            theirs_in, ours_in = os.pipe()
            ours_out, theirs_out = os.pipe()
            child = place.start("relay", "stdio:", mock.address, stdin=theirs_in, stdout=theirs_out)
            os.close(theirs_out)
            expect_equal(os.read(ours_out, 100), b"OK mock\n")
            os.write(ours_in, request)
            if request:
                eventually("the server has the request", lambda: mock.heard)
            os.close(ours_out)
            expect_equal(child.wait(TIMEOUT), 0, request)
            os.close(theirs_in)
            os.close(ours_in)
        silence.set()


@suite.test("a relay takes a file for its output")
def _(place):
    with Mock(place, {"GET": "D " + "x" * 900 + "\nOK\n"}) as mock, open(place.path("out"), "w+b") as out:
        place.ctl("relay", "stdio:", mock.address, data="GET\n" * 200 + "BYE\n", stdout=out)
        expect_equal(place.read("out"), b"OK mock\n" + (b"D " + b"x" * 900 + b"\nOK\n") * 200 + b"OK\n")


@suite.test("exec: with quotes is the same program everywhere")
def _(place):
    os.mkdir(place.path("a b"))
    program = place.write("a b/server", "#!/bin/sh\nprintf 'OK'; printf ' <%s>' \"$@\"; echo\n"
                          "while read x; do echo OK; done\n", 0o700)
    for address in "exec:'%s' 'c  d' \"e'f\" g\\ h ''", 'exec:"%s" "c  d" e\\\'f g" "h ""':
        address %= program
        greeting = b"OK <c  d> <e'f> <g h> <>\n"
        expect(place.ctl("-v", "call", address, "NOP").err.startswith("< " + greeting.decode()), address)
        with Relay(place, address) as relay:
            expect_equal(relay.talk(b""), b"")
            relay.connect(greeting)
        place.ctl("conform", address, "--only=nop").gives("ok   nop\n1 ok, 0 failed, 0 warned, 0 skipped\n")
    for word in "'a", '"a', "a\\", '"a\\"':
        for args in ("relay", "./R"), ("conform",), ("call",):
            place.ctl(*args, "exec:" + word, *(["NOP"] if args == ("call",) else [])).fails(2, "is no address")
    with Mock(place, {"ASK": inquire, "END": "OK\n", "CAN": "ERR 1\n"}) as mock:
        place.ctl("call", "-q", mock.address, "-i", "*=exec:printf <%s> 'a  b' c", "ASK").gives("")
        expect_equal(mock.heard, ["ASK", "D <a  b><c>", "END", "BYE"])
        place.ctl("call", mock.address, "-i", "*=exec:printf 'a", "ASK").fails(5, "Invalid argument")


@suite.test("a program ends by itself after its client, and is ended if it does not")
def _(place):
    tidy = ["--", "sh", "-c", "echo OK; cat >/dev/null; sleep 0.3; echo tidy >>ends"]
    stubborn = ["--", "sh", "-c", "trap 'echo told >>ends; exit' TERM; echo OK; while :; do sleep 0.1; done"]

    def ends():
        return place.read("ends").decode().split() if os.path.exists(place.path("ends")) else []
    place.run(TOOL, "relay", "stdio:", *tidy)
    expect_equal(ends(), ["tidy"], "the client leaves a relay for one")
    for sig, code in (signal.SIGTERM, 0), (signal.SIGINT, -signal.SIGINT):
        os.unlink(place.path("ends"))
        relay = Relay(place, None, *tidy)
        sock = relay.connect()
        relay.process.send_signal(sig)
        expect_equal(relay.process.wait(60), code)
        expect_equal(ends(), ["tidy"], sig)
        sock.close()
    os.unlink(place.path("ends"))
    with Relay(place, None, "--grace=200ms", *stubborn) as relay:
        relay.connect().close()
        eventually("the program is told to end", lambda: ends() == ["told"])
        children = "/proc/%d/task/%d/children" % (relay.process.pid, relay.process.pid)
        eventually("it is waited for", lambda: not open(children, encoding="ascii").read())
        sock = relay.connect()
    expect_equal(ends(), ["told"] * 2, "the relay ends")
    sock.close()


@suite.test("gpg makes a key, signs and decrypts through it, with what an allow-list needs")
def _(place):
    need("gpg", "gpg-agent")
    place.start_agent()
    allow = ["RESET", "GETINFO", "GENKEY", "HAVEKEY", "KEYINFO", "READKEY", "SIGKEY", "SETKEYDESC", "SETHASH", "PKSIGN",
             "SETKEY", "PKDECRYPT", "GETEVENTCOUNTER", "AGENT_ID", "SCD SERIALNO", "KEYATTR"]
    with Relay(place, "agent", *["--allow=" + x for x in allow], "--allow-option=*", "--log") as relay:
        home = place.path("h2")
        os.mkdir(home, 0o700)
        place.write("h2/S.gpg-agent", "%%Assuan%%\nsocket=%s\n" % relay.path)
        gpg = ["gpg", "--batch", "--quiet", "--no-autostart", "--no-tty", "--trust-model=always",
               "--pinentry-mode=loopback", "--passphrase=secret"]
        env = {"GNUPGHOME": home}
        made = place.run(*gpg, "--quick-gen-key", "Ada <a@b.c>", "default", "default", "never", env=env)
        expect(made.code == 0, made, relay.told())
        signed = place.run(*gpg, "--sign", data="text", env=env)
        expect_equal(place.run(*gpg, "--decrypt", data=signed.out, env=env).out, b"text")
        sealed = place.run(*gpg, "--encrypt", "-r", "a@b.c", data=EVERY, env=env)
        expect_equal(place.run(*gpg, "--decrypt", data=sealed.out, env=env).out, EVERY)
        place.ctl("call", relay.path, "KILLAGENT").fails(1, "Forbidden")
        place.ctl("call", relay.path, "GETINFO", "pid")
        expect("pid" in relay.told() and "secret\n" not in relay.told(), relay.told())


@suite.test("an agent is started if none runs, and may be killed and come back")
def _(place):
    need("gpg-agent", "gpgconf")
    place.uses_gnupg = True
    with Relay(place, "agent") as relay:
        pid = place.ctl("call", relay.path, "GETINFO", "pid").out
        expect(pid, "no agent")
        place.run("gpgconf", "--kill", "gpg-agent")
        eventually("the agent is away", lambda: place.ctl("call", relay.path, "NOP").code == 3)
        place.run("gpgconf", "--launch", "gpg-agent")
        eventually("the agent is back", lambda: place.ctl("call", relay.path, "GETINFO", "pid").out not in (b"", pid))


# --- Clients --------------------------------------------------------------------------------------

@suite.test("who may come in, and how many")
def _(place):
    with Mock(place) as mock:
        with Relay(place, mock.address, "--max-clients=2") as relay:
            expect_equal(os.stat(relay.path).st_mode & 0o777, 0o600)
            one, two = relay.connect(), relay.connect()
            relay.connect(b"ERR ")
            two.close()
            eventually("there is room again", lambda: place.ctl("call", relay.path, "NOP").code == 0)
            one.close()
        with Relay(place, mock.address, "--max-clients-per-uid=1") as relay:
            one = relay.connect()
            relay.connect(b"ERR ")
            one.close()
        if os.getuid():
            return
        user, tool = as_user(place)
        for args, code in (("--allow-uid=65534",), 0), (("--any-uid",), 0), (("--allow-uid=root",), 3):
            with Relay(place, mock.address, *args) as relay:
                result = place.run(*user, tool, "call", relay.path, "NOP")
                expect(result.code == code, args, result)


@suite.test("a thousand clients; idle ones are cheap")
def _(place):
    need("prlimit")
    server = place.spawn(["prlimit", "--nofile=8192", TOOL, "serve", "unix:" + place.path("S"), "GET=echo x"])
    place.ctl("wait", "--timeout=30s", "./S").gives("")
    import resource
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    with Relay(place, "./S") as relay:
        for _ in range(3):
            relay.talk(b"NOP\n" * 50)
        before = relay.memory()
        clients = [relay.connect() for _ in range(1000)]
        grown = relay.memory() - before
        expect("ASAN_OPTIONS" in os.environ or b"asan" in TOOL.encode() or grown <= 4 << 20, grown, "octets for 1000 clients")
        for client in clients:
            client.sendall(b"NOP\nNOP\n")
        for client in clients:
            text = b""
            while text.count(b"\n") < 2:
                text += client.recv(100)
            expect_equal(text, b"OK\nOK\n")
        for client in clients:
            client.close()
        place.ctl("call", relay.path, "GET").gives("x\n")
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    server.terminate()


@suite.test("one that does not read holds up nobody, and costs little")
def _(place):
    server = place.start("serve", "unix:" + place.path("S"), "ENDLESS=yes", "GET=echo x")
    place.ctl("wait", "--timeout=30s", "./S").gives("")
    with Relay(place, "./S") as relay:
        before = relay.memory()
        stalled = [relay.connect() for _ in range(5)]
        for client in stalled:
            client.sendall(b"ENDLESS\n")
        time.sleep(0.5)
        for _ in range(5):
            place.ctl("call", relay.path, "GET").gives("x\n")
        grown = relay.memory() - before
        expect("asan" in TOOL or grown < 8 << 20, grown)
        # It does not spin either.
        with open("/proc/%d/stat" % relay.process.pid, encoding="ascii") as f:
            spent = int(f.read().rsplit(")", 1)[1].split()[11])
        time.sleep(0.5)
        with open("/proc/%d/stat" % relay.process.pid, encoding="ascii") as f:
            expect(int(f.read().rsplit(")", 1)[1].split()[11]) - spent < 20, "the relay spins")
        for client in stalled:
            client.close()
        place.ctl("call", relay.path, "GET").gives("x\n")
    server.terminate()


@suite.test("a server that does not read holds up its client alone")
def _(place):
    gate = threading.Event()
    with Mock(place, {"ASK": lambda sock, _: sock.sendall(b"INQUIRE X\n") or gate.wait(60) and None}) as mock, \
            Relay(place, mock.address) as relay:
        sock = relay.connect()
        sock.sendall(b"ASK\n")
        sock.recv(100)
        sock.settimeout(1)
        sent = 0
        try:
            while sent < 100 << 20:
                sent += sock.send(b"D " + b"x" * 900 + b"\n")
        except TimeoutError:
            pass
        expect(sent < 50 << 20, "all of it was taken")
        expect("asan" in TOOL or relay.memory() < 32 << 20, relay.memory())
        place.ctl("call", relay.path, "NOP").gives("")
        sock.close()
        gate.set()


@suite.test("a reader that stalls for a while gets all of it, however much that is")
def _(place):
    def ask(sock, _):
        sock.sendall(b"INQUIRE X\n")
        time.sleep(0.03)
        return ""

    def give(sock, line):
        sock.sendall((b"D " + b"x" * 997 + b"\n") * int(line[5:]))
        return "OK\n"
    with Mock(place, {"ASK": ask, "END": "OK done\n", **{"GIVE %d" % n: give for n in range(600)}}) as mock, \
            Relay(place, mock.address) as relay:
        sock = relay.connect()
        for n in range(60, 560, 7):
            sock.sendall(b"ASK\n")
            expect_equal(sock.recv(100), b"INQUIRE X\n")
            sock.sendall((b"D " + b"x" * 997 + b"\n") * n + b"END\n")
            expect_equal(sock.recv(100), b"OK done\n", n)
            sock.sendall(b"GIVE %d\n" % n)
            time.sleep(0.03)
            left = n * 1000 + 3
            while left:
                more = sock.recv(left)
                expect(more, "closed")
                left -= len(more)


@suite.test("hostile clients hurt nobody else")
def _(place):
    dice = random.Random(5)
    with Mock(place, {"ASK": inquire, "END": "OK\n", "CAN": "ERR 1\n"}) as mock, Relay(place, mock.address) as relay:
        words = [b"NOP", b"ASK", b"D x", b"END", b"CAN", b"CANCEL", b"", b"# c", b" NOP", b"\0", b"x" * 1500, b"OPTION a", b"D %zz",
                 b"S x", b"OK", b"INQUIRE x", b"\xff", b"ASK\r"]

        def hurt(seed):
            chance = random.Random(seed)
            try:
                sock = relay.connect()
                sock.settimeout(2)      # the mock does not reply to `D x` as a request
                for _ in range(30):
                    sock.sendall(chance.choice(words) + chance.choice([b"\n", b"\n", b"\n", b"", b"\r\n"]))
                if chance.random() < 0.5:
                    sock.shutdown(socket.SHUT_WR)
                    while sock.recv(65536):
                        pass
                sock.close()
            except OSError:
                pass
        threads = [threading.Thread(target=hurt, args=(dice.random(),)) for _ in range(60)]
        for thread in threads:
            thread.start()
        for _ in range(5):
            place.ctl("call", relay.path, "GET").gives("")
        for thread in threads:
            thread.join(90)
            expect(not thread.is_alive(), "a client hangs")


@suite.test("SIGTERM: replies are waited for, clients at rest are closed; --grace; Ctrl-C")
def _(place):
    gate = threading.Event()
    with Mock(place, {"SLOW": lambda *_: gate.wait(30) and "OK slow\n"}) as mock:
        for args, finishes in ((), True), (("--grace=200ms",), False):
            gate.clear()
            with Relay(place, mock.address, *args) as relay:
                busy, idle = relay.connect(), relay.connect()
                mock.heard.clear()
                busy.sendall(b"SLOW\nNEXT\n")
                eventually("it is asked", lambda: mock.heard)
                relay.process.terminate()
                expect_equal(idle.recv(100), b"")
                if finishes:
                    gate.set()
                expect_equal(busy.makefile("rb").read(), b"OK slow\n" if finishes else b"")
                gate.set()
                expect("NEXT" not in mock.heard, mock.heard)
        relay = Relay(place, mock.address)
        eventually("it listens", lambda: os.path.exists(relay.path))
        relay.process.send_signal(signal.SIGINT)
        expect_equal(relay.process.wait(30), -signal.SIGINT)
        expect(not os.path.exists(relay.path), "the socket is left")


@suite.test("-v shows the lines of all clients, without secrets")
def _(place):
    with Mock(place, {"GETPIN": "D hush-hush\nOK\n"}) as mock, Relay(place, mock.address, "-v") as relay:
        expect(b"hush" in relay.talk(b"GETPIN\n"), "no data")
        told = relay.told()
        expect("#1 < D [secret]\n#1 < OK\n" in told and "hush" not in told, told)
        expect("#1 > GETPIN\n" in told, told)
    with Mock(place, {"FOO": "D bar\nOK\n"}) as mock, \
            Relay(place, mock.address, "-v", "--show-data", "--secret=X", name="Q") as relay:
        expect(b"bar" in relay.talk(b"FOO\nX y\n"), "no data")
        told = relay.told()
        expect("#1 < D bar\n#1 < OK\n" in told and "#1 > X [secret]\n" in told, told)


@suite.test("-j tells where it listens, and with --log and -v of clients and lines")
def _(place):
    with Mock(place, {"GETPIN": "D hush-hush\nOK\n"}) as mock:
        def told(*options):
            relay = place.start("relay", "-j", *options, "--deny=KILLAGENT", "unix:" + place.path("R"), mock.address)
            first = json.loads(relay.stdout.readline())
            expect_equal(first, {"type": "listen", "address": "unix:" + place.path("R")})
            place.ctl("call", "-k", place.path("R"), "-c", "GETPIN", "-c", "KILLAGENT").fails(1, "Forbidden")
            seen = []
            while options and (not seen or seen[-1]["type"] != "disconnect"):
                seen.append(json.loads(relay.stdout.readline()))
            relay.terminate()
            out, err = relay.communicate(timeout=60)
            expect_equal((relay.returncode, out, err), (0, b"", b""))
            return seen
        expect_equal(told(), [])
        seen = told("--log")
        expect_equal([x["type"] for x in seen], ["connect", "refused", "disconnect"])
        expect_equal([x["conn"] for x in seen], [1, 1, 1])
        expect_equal((seen[0]["uid"], seen[1]["request"], seen[1]["text"]), (os.getuid(), "KILLAGENT", "Forbidden"))
        lines = [(x["from"], x["line"]) for x in told("-v") if x["type"] == "line"]
        expect_equal(lines[:4], [("server", "OK mock"), ("client", "GETPIN"), ("server", "D [secret]"), ("server", "OK")])
        result = place.ctl("relay", "-jv", "stdio:", mock.address, data="NOP\n").gives("OK mock\nOK\n")
        expect('"type":"line"' in result.err, result)


suite.main()
