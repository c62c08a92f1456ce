# SPDX-License-Identifier: LGPL-2.1-or-later
"""assuanctl relay: what passes, and what does not."""

import os
import re
import socket
import subprocess
import threading
import time

from kit import TOOL, Mock, Suite, eventually, expect, expect_equal
from relays import EVERY, FORBIDDEN, Relay, inquire

suite = Suite()


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


suite.main()
