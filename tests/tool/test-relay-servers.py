# SPDX-License-Identifier: LGPL-2.1-or-later
"""assuanctl relay: the servers, and what these cannot do to others."""

import os
import random
import re
import signal
import socket
import threading
import time

from kit import TIMEOUT, TOOL, Mock, Suite, eventually, expect, expect_equal, need
from relays import EVERY, Relay, inquire

suite = Suite()


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
        eventually("all of it is heard", lambda: mock.heard == ["ASK", "D <a  b><c>", "END", "BYE"])
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


suite.main()
