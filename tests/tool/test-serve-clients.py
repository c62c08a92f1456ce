# SPDX-License-Identifier: LGPL-2.1-or-later
"""assuanctl serve: who comes, who leaves, and what clients cannot do to others."""

import json
import os
import re
import signal
import socket
import threading
import time

from kit import TOOL, Suite, as_user, eventually, expect, expect_equal, need
from serves import ASK, Server, number, runs, script

suite = Suite()


# --- Ends -----------------------------------------------------------------------------------------

@suite.test("a client that leaves ends the program's group, by SIGTERM, and by SIGKILL after 5 s")
def _(place):
    script(place, "soft", "sleep 600 & echo $! >soft\ntrap 'echo 1 >told; kill $!; exit' TERM\nwait")
    script(place, "hard", "trap '' TERM; (trap '' TERM; echo 1 >ready; sleep 600; sleep 600) & echo $! >hard; wait")
    script(place, "left", "(trap '' TERM; exec sleep 600) & echo $! >left; sleep 0.1; exec sleep 600")
    with Server(place, "--dir=d") as server:
        started = time.monotonic()
        clients = [server.connect() for _ in range(3)]
        for client, name in zip(clients, ("SOFT", "HARD", "LEFT")):
            client.sendall(name.encode() + b"\n")
        soft, hard, left = (number(place, x) for x in ("soft", "hard", "left"))
        number(place, "ready")
        for client in clients:
            client.close()
        eventually("SIGTERM comes", lambda: os.path.exists(place.path("told")))
        eventually("the group ends", lambda: not runs(soft))
        expect(runs(hard), "killed at once")
        eventually("what ignores SIGTERM ends", lambda: not runs(hard) and not runs(left))
        expect(time.monotonic() - started >= 4.9, "killed too soon")
        server.place.ctl("call", server.path, "NOP").gives("")


@suite.test("--command-timeout ends the command, and the connection goes on")
def _(place):
    with Server(place, "--command-timeout=300ms", "SLOW=echo $$ >pid; sleep 600", "QUICK=echo x",
                ASK) as server:
        result = server.call("-k", "-c", "SLOW", "-c", "QUICK").fails(1, "(62)")
        expect_equal(result.out, b"x\n")
        eventually("the program ends", lambda: not runs(number(place, "pid")))
        server.call("-i", "KEY=exec:sh -c sleep${IFS}1", "ASK", "KEY").gives("[]")


@suite.test("what a command leaves behind holds up nobody")
def _(place):
    with Server(place, "DAEMON=sleep 600 & echo $! >pid; echo x", "NEXT=echo y") as server:
        server.call("-c", "DAEMON", "-c", "NEXT").gives("x\ny\n")
        os.kill(number(place, "pid"), signal.SIGKILL)


@suite.test("32 programs at a time, the others wait their turn; 200 clients at once")
def _(place):
    with Server(place, "ECHO=mkdir run/$ASSUAN_CONNECTION; ls run | wc -l; sleep 0.02; rmdir run/$ASSUAN_CONNECTION",
                "--max-children=4") as server:
        os.mkdir(place.path("run"))
        clients = [server.connect() for _ in range(200)]
        for client in clients:
            client.sendall(b"ECHO\nBYE\n")
        for client in clients:
            text = client.makefile("rb").read()
            count = re.fullmatch(rb"D (\d+)%0A\nOK\nOK[^\n]*\n", text)
            expect(count and int(count[1]) <= 4, text)
    place.ctl("serve", "./T", "--max-children=0", "X=x").fails(2)


@suite.test("a client that waits for its turn may leave")
def _(place):
    with Server(place, "--max-children=1", "WAIT=cat fifo", "NEXT=echo $1 >>list") as server:
        os.mkfifo(place.path("fifo"))
        one, two, three = (server.connect() for _ in range(3))
        one.sendall(b"WAIT\n")
        time.sleep(0.1)
        two.sendall(b"NEXT two\n")
        three.sendall(b"NEXT three\n")
        time.sleep(0.1)
        two.close()
        server.call("NOP").gives("")
        with open(place.path("fifo"), "wb"):
            pass
        expect_equal(three.recv(100), b"OK\n")
        expect_equal(place.read("list"), b"three\n")


@suite.test("SIGTERM lets commands finish, a second one ends them; Ctrl-C is told by the signal")
def _(place):
    for extra, args, status in ((None, (), 0), (signal.SIGTERM, (), 0), (None, ("--grace=200ms",), 0)):
        place.write("go", "")
        os.unlink(place.path("go"))
        server = Server(place, "SLOW=echo $$ >pid; until [ -e go ]; do sleep 0.05; done; echo done", *args)
        with server:
            client = server.connect()
            client.sendall(b"SLOW\n")
            pid = number(place, "pid")
            server.process.terminate()
            eventually("nobody listens", lambda: not os.path.exists(server.path))
            if extra:
                server.process.send_signal(extra)
            elif not args:
                place.write("go", "")
            text = client.makefile("rb").read()
            expect_equal(b"D done" in text, not extra and not args, text)
            expect_equal(server.process.wait(30), status)
            expect(not runs(pid), "the program is left")
            os.unlink(place.path("pid"))
    server = Server(place, "X=x")
    place.ctl("wait", server.path).gives("")
    server.process.send_signal(signal.SIGINT)
    expect_equal(server.process.wait(30), -signal.SIGINT)


# --- Addresses and users --------------------------------------------------------------------------

@suite.test("addresses: abstract, TCP, inherited, standard input and output, systemd")
def _(place):
    name = "@evt-%d" % os.getpid()
    child = place.start("serve", name, "GET=echo x")
    place.ctl("wait", name).gives("")
    place.ctl("call", name, "GET").gives("x\n")
    relay = place.start("relay", name + "%20%25r", "unix:" + name.replace("evt", "%65vt"))
    place.ctl("wait", "--timeout=30s", name + "%20%25r").gives("")
    place.ctl("call", name + " %25r", "GET").gives("x\n")
    relay.terminate()
    expect_equal(relay.wait(30), 0)
    child.terminate()
    expect_equal(child.wait(30), 0)
    place.ctl("serve", "tcp:127.0.0.1:0", "GET=echo x").fails(2, "--any-uid")
    place.ctl("serve", "tcp:0.0.0.0:0", "--any-uid", "GET=echo x").fails(5, "127.0.0.1")
    child = place.start("serve", "tcp:127.0.0.1:0", "--any-uid", "GET=echo x")
    address = re.search(rb"(tcp:127.0.0.1:\d+)", child.stderr.readline())[1].decode()
    place.ctl("call", address, "GET").gives("x\n")
    child.terminate()
    expect_equal(child.wait(30), 0)
    place.ctl("call", "--", TOOL, "serve", "stdio:", "GET=echo x", data="").fails(2)
    place.ctl("call", "exec:%s serve stdio: GET=date" % TOOL, "GET")
    ours, theirs = socket.socketpair()
    child = place.start("serve", "fd:%d" % theirs.fileno(), "GET=echo x", pass_fds=[theirs.fileno()])
    theirs.close()
    ours.sendall(b"GET\nBYE\n")
    expect_equal(ours.makefile("rb").read().splitlines()[1:3], [b"D x%0A", b"OK"])
    expect_equal(child.wait(30), 0)
    for bad in "agent", "exec:x", "S", "@a%00b":
        place.ctl("serve", bad, "X=x").fails(2, "listen on")
    place.ctl("serve", "systemd:", "X=x").fails(5)
    place.ctl("serve", "@" + "x" * 108, "X=x").fails(5, "takes 107")
    with Server(place, "X=x") as server:
        place.ctl("serve", server.path, "X=x").fails(5, "another server")
    for args in (), ("./T",), ("./T", "--", "X=x"):
        place.ctl("serve", *args).fails(2)


@suite.test("other users come in if they are named, and --hello greets")
def _(place):
    with Server(place, "X=echo x", "--hello=Good day") as server:
        expect_equal(os.stat(server.path).st_mode & 0o777, 0o600)
        out = place.ctl("-j", "call", server.path, "X").json()
        expect_equal(out[0]["text"], "Good day")
    place.ctl("serve", "./T", "X=x", "--allow-uid=no-such-user").fails(2, "no user")
    if os.getuid():
        return
    place.ctl("serve", "./" + "x" * 108, "X=x", "--any-uid").fails(2, "107 octets")
    user, tool = as_user(place)
    for args, code in (("--allow-uid=65534",), 0), (("--any-uid",), 0), (("--allow-uid=root",), 3):
        with Server(place, "X=echo x", *args) as server:
            result = place.run(*user, tool, "call", server.path, "X")
            expect(result.code == code, args, result)


# --- Peers ----------------------------------------------------------------------------------------

@suite.test("gpg-connect-agent talks to it")
def _(place):
    need("gpg-connect-agent")
    with Server(place, "GETINFO=printf 1.0", "ST=echo 'S X y' >&3; exit 77", ASK) as server:
        out = place.run("gpg-connect-agent", "-S", server.path, "GETINFO", "ST", "/definq KEY v", "/let v val",
                        "ASK KEY", "/bye").out.decode()
        expect_equal(out, "D 1.0\nOK\nS X y\nERR 536871163 Forbidden <User defined source 1>\nINQUIRE KEY\nD [val]\nOK\n")


@suite.test("gpg-agent makes a key, signs and decrypts with a pinentry that is served")
def _(place):
    need("gpg", "gpg-agent")
    place.write("pinentry", "#!/bin/sh\nexec %s serve stdio: '--option=*' 'GETPIN=echo $$ >>%s; printf secret' "
                "CONFIRM=: MESSAGE=: SETDESC=: SETPROMPT=: SETTITLE=: SETOK=: SETCANCEL=: SETNOTOK=: SETERROR=: "
                "SETKEYINFO=: SETREPEAT=: SETREPEATERROR=: SETREPEATOK=: SETQUALITYBAR=: SETQUALITYBAR_TT=: "
                "SETGENPIN=: SETGENPIN_TT=: SETTIMEOUT=: 'GETINFO=[ $1 != pid ] || printf $PPID'\n"
                % (TOOL, place.path("asked")), 0o755)
    with open(place.path("h/gpg-agent.conf"), "a", encoding="ascii") as f:
        f.write("pinentry-program %s\nallow-preset-passphrase\n" % place.path("pinentry"))
    place.start_agent()
    gpg = ["gpg", "--batch", "--quiet", "--no-tty", "--trust-model=always"]
    made = place.run("gpg", "--batch", "--quiet", "--quick-gen-key", "Ada <a@b.c>", "ed25519/cert,sign", "default", "never")
    if made.code:
        made = place.run("gpg", "--batch", "--quick-gen-key", "Ada <a@b.c>", "default", "default", "never")
    expect(made.code == 0, made)
    expect(place.read("asked"), "the pinentry was not asked")
    place.run("gpgconf", "--kill", "gpg-agent")
    place.start_agent()
    before = len(place.read("asked"))
    signed = place.run(*gpg, "--sign", data="text")
    expect(signed.code == 0, signed)
    expect(len(place.read("asked")) > before, "the pinentry was not asked")
    expect_equal(place.run(*gpg, "--decrypt", data=signed.out).out, b"text")


# --- Hostile clients ------------------------------------------------------------------------------

@suite.test("hostile clients hurt nobody else")
def _(place):
    with Server(place, ASK, "GET=echo x", "SHOUT=yes | head -c 1000000", "--option=*",
                "FD=cat", "--command-timeout=2s") as server:
        sends = [b"GET\n" * 3000, b"x" * 100000, b"GET " + b"y" * 5000 + b"\nGET\n", b"ASK KEY\nD half",
                 b"ASK KEY\n" + b"D x\n" * 1000 + b"GET\n", b"ASK KEY\nCAN\nCAN\nCAN\n", b"SHOUT\n" * 50,
                 b"\0\n\xff\n D x\nEND\nCAN\n", b"ASK \0KEY\n", b"OPTION " + b"a" * 900 + b"=1\n", b"GET %00%zz%\n",
                 b"INPUT FD\nFD\n", b"OUTPUT FD=1000\nGET\n", b"ASK KEY\nASK KEY\nASK KEY\n", b"ASK END\nEND\n"]

        def hurt(octets, leaves):
            try:
                sock = server.connect()
                sock.sendall(octets)
                if not leaves:
                    sock.shutdown(socket.SHUT_WR)
                    while sock.recv(65536):
                        pass
                sock.close()
            except OSError:
                pass
        threads = [threading.Thread(target=hurt, args=(x, leaves)) for x in sends for leaves in (True, False)]
        for thread in threads:
            thread.start()
        for _ in range(10):
            server.call("GET").gives("x\n")
        for thread in threads:
            thread.join(60)
            expect(not thread.is_alive(), "a client hangs")
        server.call("GET").gives("x\n")
        sock = server.connect()
        files = [os.open("/dev/null", os.O_RDONLY) for _ in range(60)]
        try:
            for _ in range(5):
                socket.send_fds(sock, [b"NOP\n"], files)
        except OSError:
            pass    # the server has left
        for fd in files:
            os.close(fd)
        sock.close()
        server.call("GET").gives("x\n")


@suite.test("-v shows the lines of all clients, without secrets")
def _(place):
    with Server(place, "-v", "GETPIN=printf hush-hush", "GETINFO=echo x") as server:
        server.call("GETPIN").gives("hush-hush")
        server.call("GETINFO").gives("x\n")
        told = server.told()
        expect(re.search(r"#\d+ < D \[secret\]\n#\d+ < OK", told) and "hush" not in told, told)
        expect(re.search(r"#\d+ > GETINFO\n", told), told)
    with Server(place, "-v", "--secret=GETINFO", "--open=GETPIN", "GETPIN=printf hush-hush", "GETINFO=echo x",
                name="T") as server:
        server.call("GETPIN").gives("hush-hush")
        server.call("GETINFO").gives("x\n")
        told = server.told()
        expect("< D hush-hush\n" in told and "< D [secret]\n" in told and "< D x" not in told, told)


@suite.test("-j tells where it listens, and with -v of clients and lines")
def _(place):
    server = place.start("serve", "-jv", "tcp:127.0.0.1:0", "--any-uid", "GETPIN=printf hush-hush")
    first = json.loads(server.stdout.readline())
    expect(re.match(r"tcp:127.0.0.1:[1-9]\d*$", first["address"]) and first["type"] == "listen", first)
    place.ctl("call", first["address"], "GETPIN").gives("hush-hush")
    seen = []
    while not seen or seen[-1]["type"] != "disconnect":
        seen.append(json.loads(server.stdout.readline()))
    server.terminate()
    server.communicate(timeout=60)
    expect_equal((seen[0]["type"], seen[0]["conn"]), ("connect", 1))
    lines = [(x["from"], x["line"]) for x in seen if x["type"] == "line"][1:]
    expect_equal(lines[:3], [("client", "GETPIN"), ("server", "D [secret]"), ("server", "OK")])
    result = place.ctl("serve", "-jv", "stdio:", "X=printf x", data="X\nBYE\n")
    expect(result.out.endswith(b"D x\nOK\nOK closing connection\n") and '"type":"line"' in result.err, result)


suite.main()
