# SPDX-License-Identifier: LGPL-2.1-or-later
"""assuanctl relay: the clients, and what these cannot do to others."""

import json
import os
import random
import signal
import socket
import threading
import time

from kit import TOOL, Mock, Suite, as_user, eventually, expect, expect_equal, need
from relays import Relay, inquire

suite = Suite()


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
