# SPDX-License-Identifier: LGPL-2.1-or-later
"""assuanctl monitor: clients at a socket of its own, and a server that it starts."""

import glob
import os
import random
import re
import signal
import socket
import stat
import sys
import threading

from kit import TIMEOUT, TOOL, Mock, Skip, Suite, eventually, expect, expect_equal, need
from monitors import SECRET, TALK, expect_clean, start_listening

suite = Suite()


# --- Clients that come ----------------------------------------------------------------------------

def give(sock, octets, seed):
    """Send all, in pieces of any length, then the end of file."""
    dice = random.Random(seed)
    while octets:
        n = dice.choice((1, 7, 1000, 60000))
        sock.sendall(octets[:n])
        octets = octets[n:]
    sock.shutdown(socket.SHUT_WR)


def take(sock):
    octets = b""
    while True:
        more = sock.recv(65536)
        if not more:
            return octets
        octets += more


@suite.test("both ends get the same octets, whatever they are")
def _(place):
    dice = random.Random(1)
    there = bytes(dice.choice(b"\n\r\0%D #x\xff") for _ in range(300000)) + b"x" * 5000 + b"\nhalf"
    back = bytes(dice.randrange(256) for _ in range(700000)) + b"\nend"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(place.path("S"))
    listener.listen(8)
    class Address:
        address = place.path("S")
    child = start_listening(place, Address, "-w", "/dev/null")
    for seed in range(3):
        client = socket.socket(socket.AF_UNIX)
        client.connect(place.path("L"))
        server = listener.accept()[0]
        got = []
        threads = [threading.Thread(target=give, args=x) for x in ((client, there, seed), (server, back, seed))]
        threads.append(threading.Thread(target=lambda c=client: got.append(take(c))))
        for thread in threads:
            thread.start()
        expect(take(server) == there, "the server got other octets")
        for thread in threads:
            thread.join()
        expect(got[0] == back, "the client got other octets", len(got[0]))
        client.close()
        server.close()
    child.terminate()
    child.communicate()
    expect_equal(child.returncode, 0)
    listener.close()


def holds(pid, name):
    """Whether process PID has a descriptor of a file whose path ends with NAME."""
    for path in glob.glob("/proc/%d/fd/*" % pid):
        try:
            if os.readlink(path).endswith(name):
                return True
        except FileNotFoundError:       # it was closed meanwhile
            pass
    return False


@suite.test("descriptors go along")
def _(place):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(place.path("S"))
    listener.listen(8)
    class Address:
        address = place.path("S")
    child = start_listening(place, Address, "-w", "/dev/null")
    client = socket.socket(socket.AF_UNIX)
    client.connect(place.path("L"))
    server = listener.accept()[0]
    for a, b in (client, server), (server, client):
        file = place.write("file", "content")
        with open(file, "rb") as f:
            socket.send_fds(a, [b"INPUT FD\n"], [f.fileno()] * 253)      # so many the kernel takes
        octets, fds, _, _ = socket.recv_fds(b, 100, 253)
        expect_equal(octets, b"INPUT FD\n")
        expect_equal(len(fds), 253)
        expect_equal(os.pread(fds[1], 100, 0), b"content")
        for fd in fds:
            os.close(fd)
    eventually("closed", lambda: not holds(child.pid, "/file"))
    client.close()
    server.close()
    listener.close()
    child.terminate()
    child.communicate()


@suite.test("many clients at a socket of ours; one that does not read holds up no other")
def _(place):
    with Mock(place, {"BIG": b"D " + b"x" * 900 + b"\n", **TALK}) as mock:
        child = start_listening(place, mock, "-w", place.path("log"))
        stalled = socket.socket(socket.AF_UNIX)
        stalled.connect(place.path("L"))
        stalled.sendall(b"BIG\n" * 3000)
        for _ in range(20):
            place.ctl("call", place.path("L"), "GETINFO", "version").gives("1.0", "")
        stalled.close()
        child.send_signal(signal.SIGINT)
        child.communicate()
        expect_equal(child.returncode, -signal.SIGINT)
        expect(not os.path.exists(place.path("L")), "the socket is left")
        log = place.read("log").decode()
        expect_equal(len(set(re.findall(r" #(\d+) pid", log))), 21)
    expect_equal(stat.S_IMODE(os.stat(place.path("log")).st_mode), 0o600)


@suite.test("a client that has to wait for the server holds up no other")
def _(place):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(place.path("S"))
    listener.listen(0)

    class Address:
        address = "unix:" + place.path("S")
    child = start_listening(place, Address)
    first, second, waiting = (socket.socket(socket.AF_UNIX) for _ in range(3))
    for sock in first, second, waiting, listener:
        sock.settimeout(TIMEOUT)
    first.connect(place.path("L"))
    server = listener.accept()[0]
    waiting.connect(place.path("S"))        # the queue is full
    second.connect(place.path("L"))
    server.sendall(b"OK here\n")
    expect_equal(first.recv(100), b"OK here\n")
    listener.accept()
    listener.accept()[0].sendall(b"OK there\n")
    expect_equal(second.recv(100), b"OK there\n")
    child.terminate()
    child.communicate()
    for sock in first, second, waiting, listener:
        sock.close()


@suite.test("where the server is away, a client is told so")
def _(place):
    child = place.start("monitor", place.path("none"), "--listen=" + place.path("L"))
    child.stderr.readline()
    place.ctl("call", place.path("L"), "NOP").fails(3, "IPC connect call failed")
    child.terminate()
    child.communicate()


@suite.test("a socket that is in use is not taken, one that was left behind is")
def _(place):
    with Mock(place) as mock:
        place.ctl("monitor", mock.address, "--listen=" + mock.path).fails(5, "another server listens there")
        left = socket.socket(socket.AF_UNIX)
        left.bind(place.path("L"))
        left.close()
        child = start_listening(place, mock)
        expect_equal(stat.S_IMODE(os.stat(place.path("L")).st_mode), 0o600)
        child.terminate()
        child.communicate()


@suite.test("another user is not let in")
def _(place):
    need("setpriv")
    if os.getuid():
        raise Skip("only root can be another user")
    with Mock(place) as mock:
        child = start_listening(place, mock)
        os.chmod(place.dir, 0o755)
        os.chmod(place.path("L"), 0o666)
        result = place.run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", sys.executable, "-c",
                           "import socket; s = socket.socket(socket.AF_UNIX); s.connect(%r); "
                           "print(s.recv(100).decode())" % place.path("L"))
        expect(b"Permission denied" in result.out, result)
        expect_equal(mock.heard, [])
        child.terminate()
        child.communicate()


# --- In front of a server -------------------------------------------------------------------------

PINENTRY = """import sys
print("OK", flush=True)
for line in sys.stdin:
    if line == "GETPIN\\n":
        print("D %s" % open("@/pin").read())
    print("OK", flush=True)
    if line == "BYE\\n":
        break
"""


@suite.test("in front of a pinentry: the log names on whose behalf the agent asks")
def _(place):
    need("gpg-connect-agent")
    place.write("pin", SECRET)
    place.write("pinentry.py", PINENTRY.replace("@", place.dir))
    program = place.write("pinentry", "#!/bin/sh\nexec %s monitor --stdio -w %s -- %s %s \"$@\"\n" % (
        TOOL, place.path("log"), sys.executable, place.path("pinentry.py")), 0o700)
    place.write("h/gpg-agent.conf", "disable-scdaemon\npinentry-program %s\n" % program)
    place.start_agent()
    for _ in range(2):
        result = place.run("gpg-connect-agent", "GET_PASSPHRASE --data --no-ask X X Prompt Desc",
                           "GET_PASSPHRASE --data X X Prompt Desc", "CLEAR_PASSPHRASE X", "/bye")
        expect(("D " + SECRET) in result.out.decode(), result)
    log = place.read("log").decode()
    expect(re.search(r"#1 pid \d+ uid \d+ gpg-agent", log), log)
    expect(re.search(r"on behalf of pid \d+ uid \d+ gpg-connect-agent GET_PASSPHRASE --data", log), log)
    expect(re.search(r"#1 < OK +GETPIN: \d+ ms", log), log)
    expect("< D [secret]" in log, log)
    expect_clean(log)
    expect(len(re.findall(r"pid \d+ uid \d+ gpg-agent", log)) >= 2, log)
    expect_equal(stat.S_IMODE(os.stat(place.path("log")).st_mode), 0o600)


@suite.test("--stdio without a file shows on stderr; SIGINT is the server's")
def _(place):
    child = place.start("monitor", "--stdio", "--", "sh", "-c",
                        "trap 'echo OK interrupted; exit' INT; echo OK; while :; do sleep 0.05; done")
    expect_equal(child.stdout.readline(), b"OK\n")
    child.send_signal(signal.SIGINT)
    expect_equal(child.stdout.readline(), b"OK interrupted\n")
    out, err = child.communicate()
    expect_equal(out, b"")
    expect(b"#1 < OK interrupted" in err and b"closed" in err, err)
    expect_equal(child.returncode, 0)


@suite.test("--stdio: nothing but the server's lines is on stdout, even if there is no server")
def _(place):
    result = place.ctl("-j", "monitor", "--stdio", "--", place.path("none")).fails(3, "No such file")
    expect(result.out.startswith(b"ERR ") and result.out.count(b"\n") == 1, result)
    place.ctl("-j", "monitor", "--stdio", "--", "echo", "OK bye").gives("OK bye\n")


@suite.test("servers of other kinds: a started one for each client, an abstract socket")
def _(place):
    server = place.write("server", "#!/bin/sh\necho OK $$\nread x; echo OK\n", 0o700)

    class Address:
        address = "exec:" + server
    child = start_listening(place, Address, "-w", place.path("log"))
    for _ in range(3):
        place.ctl("call", place.path("L"), "NOP").gives("", "")
    child.terminate()
    child.communicate()
    expect_equal(len(set(re.findall(r"< OK (\d+)", place.read("log").decode()))), 3)
    Address.address = "@evt-monitor-%d" % os.getpid()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind("\0" + Address.address[1:])
    listener.listen(1)
    child = start_listening(place, Address)
    client = socket.socket(socket.AF_UNIX)
    client.connect(place.path("L"))
    listener.accept()[0].sendall(b"OK here\n")
    expect_equal(client.recv(100), b"OK here\n")
    child.terminate()
    expect(b"< OK here" in child.communicate()[0], "not shown")
    client.close()
    listener.close()


suite.main()
