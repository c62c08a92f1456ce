# SPDX-License-Identifier: LGPL-2.1-or-later
"""A socket of another host: one ssh forwards it for all connections of a subcommand.

A program of the same name stands in for ssh.  It forwards as that one does, on this host."""

import os
import signal
import sys

from kit import Mock, Suite, eventually, expect, expect_equal

suite = Suite()

SSH = """#!%s
import os, socket, sys, threading

words = sys.argv[1:]
here, there = words[words.index("-L") + 1].split(":")
listener = socket.socket(socket.AF_UNIX)
listener.bind(here)
listener.listen()
with open("ssh.log", "a") as log:
    print(os.getpid(), *words[words.index("--") + 1:], file=log)


def copy(a, b):
    while octets := a.recv(65536):
        b.sendall(octets)
    b.shutdown(socket.SHUT_WR)


while True:
    a, b = listener.accept()[0], socket.socket(socket.AF_UNIX)
    b.connect(there)
    threading.Thread(target=copy, args=(a, b), daemon=True).start()
    threading.Thread(target=copy, args=(b, a), daemon=True).start()
""" % sys.executable


def with_ssh(place):
    """What finds the ssh that stands in."""
    os.mkdir(place.path("bin"))
    place.write("bin/ssh", SSH, 0o700)
    return {"PATH": place.path("bin") + ":" + place.env["PATH"]}


def started(place):
    """The pid of each ssh that was started, and the host."""
    if not os.path.exists(place.path("ssh.log")):
        return []
    return [x.split() for x in place.read("ssh.log").decode().splitlines()]


@suite.test("relay and monitor start one ssh for all clients, and end, with a sentence, when it has ended")
def _(place):
    env = with_ssh(place)
    listen = "unix:" + place.path("R")
    with Mock(place, {"GET": "D x\nOK\n"}) as mock:
        address = "ssh:host" + mock.path
        for args in ("relay", listen, address), ("monitor", address, "--listen=" + place.path("R")):
            with open(place.path("err"), "w+b") as err:
                child = place.start(*args, env=env, stderr=err)
                eventually("it listens", lambda: os.path.exists(place.path("R")) or child.poll() is not None)
                for _ in range(3):
                    place.ctl("call", listen, "GET").gives("x")
                expect_equal([x[1:] for x in started(place)], [["host"]], "one ssh")
                os.kill(int(started(place)[0][0]), signal.SIGKILL)
                expect_equal(child.wait(60), 3, args[0])
                expect(address.encode() + b": ssh has ended" in place.read("err"), place.read("err"))
            expect(not os.path.exists(place.path("R")), "its socket is left")
            os.unlink(place.path("ssh.log"))


@suite.test("ssh ends with what it was started for")
def _(place):
    env = with_ssh(place)
    with Mock(place) as mock:
        for args in ("relay", "unix:" + place.path("R"), "ssh:host" + mock.path), (
                "conform", "--only=nop", "ssh:host" + mock.path), ("wait", "ssh:host" + mock.path), (
                "call", "ssh:host" + mock.path, "NOP"):
            child = place.start(*args, env=env)
            eventually("ssh is started", lambda: started(place))
            pid = int(started(place)[0][0])
            if args[0] == "relay":
                eventually("it listens", lambda: os.path.exists(place.path("R")))
                child.terminate()
            out, err = child.communicate(timeout=60)
            expect_equal(child.returncode, 0, args, out, err)
            eventually("ssh has ended", lambda: not os.path.exists("/proc/%d" % pid))
            os.unlink(place.path("ssh.log"))


@suite.test("a program of ours has no socket on another host: monitor says what to do")
def _(place):
    env = with_ssh(place)
    with Mock(place) as mock:
        place.ctl("monitor", "ssh:host" + mock.path, "--", "true", env=env).fails(5, "--listen")


suite.main()
