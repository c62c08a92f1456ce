#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""An example server as a program: how it starts and ends, its socket file, and who may connect.

usage: test-server-life.py SERVER ARGUMENT...        where {} stands for the socket's path
"""

import hashlib
import os
import resource
import select
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time

import kit
from kit import Connection, Server, Skip, eventually, expect, expect_equal, run

DRAIN_S = 5         # what commands have to finish when the server is to end
NOBODY = 65534
DESCRIPTORS = 40    # what the starving server has


def refused(path, *reasons, cwd=None):
    """Start a server that must refuse to serve at PATH, and give one of REASONS."""
    code, out, err = run(*Server.at(path), cwd=cwd)
    expect(code == 1 and not out, path, code, out, err)
    expect(err.count("\n") == 1 and err.startswith(Server.name + ": "), err)
    expect(any(x in err for x in reasons), "unexpected reason:", err)


# --- Start and end --------------------------------------------------------------------------------

def usage():
    """wrong arguments get a line of usage and exit status 2"""
    for argv in ((), ("--help",), ("-h",), ("--wrong", "/tmp/x"), ("a", "b", "c"), ("a", "0")):
        if len(argv) == len(Server.argv) - 1 and argv[0][0] != "-" and argv[-1] != "0":
            continue                                        # enough for some
        code, out, err = run(Server.argv[0], *argv)
        expect_equal((code, out), (2, b""), argv)
        expect(err.startswith("usage: " + Server.name + " ") and err.count("\n") == 1, err)


def signals():
    """SIGTERM and SIGINT end the server, which removes its socket"""
    for number in (signal.SIGTERM, signal.SIGINT):
        with Server() as server:
            expect_equal(server.stop(number), "")


def busy_clients(server):
    """Six clients that would keep SERVER busy forever."""
    clients = [server.connect() for _ in range(6)]
    in_r, in_w = os.pipe()
    with tempfile.TemporaryFile() as sink:
        clients[0].command(b"INPUT FD", [in_r])
        clients[0].command(b"OUTPUT FD", [sink.fileno()])
    os.close(in_r)
    clients[0].in_w = os.fdopen(in_w, "wb")                 # closed along with it
    for c, text in zip(clients, (b"COPY\n", b"COUNT 1000000\n", b"LIST 100000000\n",
                                 b"DIGEST\nD abc\n", b"ECHO half", b"")):
        c.send(text)
    for c in clients[1:4]:
        c.line()
    return clients


def expect_end(c):
    """Return what C still gets, up to the end of file, and close it."""
    octets = c.rest
    while piece := c.sock.recv(65536):
        octets = octets[-1000:] + piece
    c.close()
    return octets


def signals_in_command():
    """a signal ends the server also while commands are pending that never end"""
    with Server() as server:
        clients = busy_clients(server)
        if not Server.is_by_hand:
            clients.pop(2).close()                          # it would not read, which takes longer
        err = server.stop()
        expect(not Server.has_addresses or "seconds to finish: " in err, err)
        answers = [expect_end(c) for c in clients]
        if not Server.is_by_hand:
            for c in answers[0:3]:
                expect(c.rstrip().rsplit(b"\n", 1)[-1].startswith(b"ERR "), c[-200:])


def second_signal():
    """a second signal ends it at once"""
    if Server.is_by_hand:
        raise Skip("ends at once on the first one")
    with Server() as server:
        clients = busy_clients(server)
        before = time.monotonic()
        server.process.send_signal(signal.SIGINT)
        expect_equal(clients[5].line(), None)               # it had no command
        clients[1].line()                                   # still counts
        server.stop(signal.SIGINT)
        spent_s = time.monotonic() - before
        answers = [expect_end(c) for c in clients]
        expect(b"ERR" not in answers[1] or spent_s > DRAIN_S, "had its time:", answers[1][-200:])


def drain():
    """a signal lets commands finish, and takes no others"""
    if Server.is_by_hand:
        raise Skip("ends at once on the first one")
    with Server() as server:
        counter, sender, idle = [server.connect() for _ in range(3)]
        counter.send(b"COUNT 4\nECHO next\n")
        sender.expect(b"DIGEST", b"INQUIRE DATA")
        counter.line()
        server.process.send_signal(signal.SIGTERM)
        expect_equal(idle.line(), None)
        sender.expect(b"END", b"D " + hashlib.sha256(b"").hexdigest().encode(), b"OK")
        expect_equal(counter.reply(), [b"S PROGRESS COUNT ? %d 4" % i for i in range(2, 5)]
                     + [b"OK"])
        for c in counter, sender:
            expect_equal(c.line(), None)
            c.close()
        if Server.has_addresses:                            # its file goes first
            expect(not os.path.exists(server.path), "still there")
        expect_equal(server.finish()[0], 0)


def ignored_sigint():
    """SIGINT ends the server even if its parent had it ignored, as shells do for background jobs"""
    def ignore():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    with Server(preexec_fn=ignore) as server:
        server.stop(signal.SIGINT)


# --- The socket file ------------------------------------------------------------------------------

def mode():
    """the socket is its user's alone, whatever the umask"""
    with Server(preexec_fn=lambda: os.umask(0)) as server:
        info = os.stat(server.path)
        expect(stat.S_ISSOCK(info.st_mode), "no socket")
        expect_equal(oct(stat.S_IMODE(info.st_mode)), oct(0o600))


def stale():
    """a socket that a dead server left is replaced"""
    with Server() as server:
        server.process.kill()
        server.finish()
        expect(os.path.exists(server.path), "SIGKILL cannot remove it")
        server.start()
        with server.connect() as c:
            c.expect(b"ECHO x", b"D x", b"OK")


def live():
    """a socket that a server listens on is left to it"""
    with Server() as server, server.connect() as c:
        refused(server.path, "another server listens", "another server is listening")
        if not Server.has_addresses:
            refused("S", "another server listens", "another server is listening", cwd=server.dir)
        c.expect(b"ECHO x", b"D x", b"OK")
        with server.connect() as other:
            other.expect(b"ECHO y", b"D y", b"OK")


def live_but_busy():
    """a server whose queue of clients is full counts as alive"""
    with tempfile.TemporaryDirectory(prefix="eva-", dir="/tmp") as d, \
            socket.socket(socket.AF_UNIX) as busy:
        busy.bind(d + "/S")
        busy.listen(0)
        queued = []
        while len(queued) < 100:
            s = socket.socket(socket.AF_UNIX)
            s.setblocking(False)
            queued.append(s)
            if s.connect_ex(d + "/S"):
                break
        refused(d + "/S", "another server listens", "another server is listening")
        for s in queued:
            s.close()


def race():
    """of several servers that start at once on a stale socket, exactly one serves"""
    with Server() as server:
        server.process.kill()
        server.finish()
        rivals = [subprocess.Popen(Server.at(server.path), stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE) for _ in range(8)]
        try:
            lines = [p.stdout.readline() for p in rivals]
            winners = [p for p, line in zip(rivals, lines) if line]
            expect_equal(len(winners), 1)
            with Connection(server.path) as c:
                c.expect(b"NOP", b"OK")
            winners[0].terminate()
            expect_equal(sorted(p.wait(kit.TIMEOUT) for p in rivals), [0] + 7 * [1])
        finally:
            for p in rivals:
                p.kill()
                p.communicate()


def other_files():
    """a file that is no socket is left alone"""
    with tempfile.TemporaryDirectory(prefix="eva-", dir="/tmp") as d:
        path = d + "/file"
        with open(path, "w", encoding="ascii") as f:
            f.write("precious")
        refused(path, "not a socket")
        with open(path, encoding="ascii") as f:
            expect_equal(f.read(), "precious")
        refused(d, "not a socket")
        os.mkfifo(d + "/fifo")
        refused(d + "/fifo", "not a socket")
        os.symlink("nowhere", d + "/link")
        refused(d + "/link", "not a socket")
        expect_equal(sorted(os.listdir(d)), ["fifo", "file", "link"])
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
            other.bind(d + "/datagrams")
            refused(d + "/datagrams", os.strerror(91), "another server listens")      # EPROTOTYPE
            expect(os.path.exists(d + "/datagrams"), "removed")


def bad_paths():
    """paths at which nothing can be made are told with their reason"""
    with tempfile.TemporaryDirectory(prefix="eva-", dir="/tmp") as d:
        refused(d + "/missing/S", "there is no directory", "No such file")
        refused("", "empty", "the name is missing")
        room = 107 - len(d) - 1
        if not Server.has_addresses:    # the library's listeners write a redirection file there
            refused(d + "/" + "x" * (room + 1), "107 octets")
        refused(d + "/" + "x" * 5000, "takes 107", "107 octets")
        expect_equal(os.listdir(d), [])
        server = Server()                                   # the longest that there is
        server.path = server.dir + "/" + "x" * (107 - len(server.dir) - 1)
        with server, server.connect() as c:
            c.expect(b"NOP", b"OK")


def replaced():
    """a socket that stands in place of ours is not removed"""
    with Server() as server:
        os.unlink(server.path)
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(server.path)
            server.process.terminate()
            expect_equal(server.finish(), (0, ""))
            expect(os.path.exists(server.path), "removed the other's socket")


# --- Addresses ------------------------------------------------------------------------------------

def serves(c):
    """Fail unless the connection C works."""
    with c:
        c.expect(b"ECHO x", b"D x", b"OK")


def abstract():
    """a server can listen at a name without a file"""
    if not Server.has_addresses:
        raise Skip("takes paths")
    server = Server()
    server.path = "@" + server.dir
    with server:
        server.path = "\0" + server.dir
        serves(server.connect())


def inherited():
    """a server can serve on a socket that it inherits, from its parent or from systemd"""
    if not Server.has_addresses:
        raise Skip("takes paths")
    for address, script in (("fd:7", 'exec "$0" fd:7 7<&3 3<&-'),
                            ("systemd:", 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" systemd:')):
        with tempfile.TemporaryDirectory(prefix="eva-", dir="/tmp") as d, \
                socket.socket(socket.AF_UNIX) as listening:
            listening.bind(d + "/S")
            listening.listen()
            process = subprocess.Popen(
                ["/bin/sh", "-c", 'exec 3<&%d; ' % listening.fileno() + script, Server.argv[0]],
                pass_fds=[listening.fileno()], stdout=subprocess.PIPE)
            try:
                expect_equal(process.stdout.readline().decode(),
                             "%s: listening on unix:%s/S\n" % (Server.name, d), address)
                serves(Connection(d + "/S"))
                process.terminate()
                expect_equal(process.wait(kit.TIMEOUT), 0)
                expect(os.path.exists(d + "/S"), "removed what is not its own")
            finally:
                process.kill()
                process.communicate()


def bad_addresses():
    """what is no address that can be served at is told with what to do"""
    if not Server.has_addresses:
        raise Skip("takes paths")
    for address, reason in (("/tmp/S", "write unix:/tmp/S"), ("S", "no address"),
                            ("", "no address"), ("unix:S", "relative"),
                            ("Unix:/tmp/S", "write unix:/PATH"), ("exec:true", "exec:"),
                            ("tcp:localhost:1", "write tcp:127.0.0.1:1"),
                            ("tcp:127.0.0.1:0", "take a Unix socket"), ("fd:99", "descriptor"),
                            ("fd:0", "descriptor"), ("systemd:", "LISTEN_FDS"),
                            ("systemd:name", "LISTEN_FDS")):
        code, out, err = run(Server.argv[0], address)
        expect_equal((code, out), (1, b""), address)
        expect(err.startswith(Server.name + ": ") and err.count("\n") == 1, err)
        expect(" %s:" % address in err and reason in err, "unexpected message:", address, err)


# --- What is served --------------------------------------------------------------------------------

def other_user():
    """another user is refused, root is served"""
    if os.geteuid():
        raise Skip("only root can become another user")

    def become_nobody():
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)

    with Server() as server:
        os.chmod(server.dir, 0o755)
        os.chmod(server.path, 0o666)                # so the mode does not refuse him already
        child = os.fork()
        if not child:
            code = 1
            try:
                become_nobody()
                with server.connect(greeting=False) as c:
                    code = 2
                    c.send(b"ECHO x\n")
                    while (line := c.line()) != b"D x":
                        if line is None:
                            code = 0
                            break
            except BrokenPipeError:
                code = 0            # hung up on even before he could ask
            finally:
                os._exit(code)
        expect_equal(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 0)
        server.expect_fds(0)
        err = server.stop()
        expect("Permission denied" in err or not Server.is_by_hand, "no message")

    server = Server(preexec_fn=become_nobody)
    os.chmod(server.dir, 0o777)
    if run("/bin/sh", "-c", 'test -x "$1"', "-", Server.argv[0],
           preexec_fn=become_nobody)[0]:
        raise Skip("the program cannot be reached by another user")
    with server, server.connect() as c:
        c.expect(b"ECHO x", b"D x", b"OK")


def limit():
    """What the starving server does before it starts."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))


def short():
    """clients leave the server some descriptors: a client that is too many is told so"""
    if Server.is_by_hand:
        raise Skip("it has no limits")
    with Server(preexec_fn=limit) as server:
        clients = [server.connect(greeting=False) for _ in range(DESCRIPTORS)]
        lines = [c.line() for c in clients]
        served = [c for c, line in zip(clients, lines) if line.startswith(b"OK ")]
        told = [line for line in lines if line.startswith(b"ERR ") and b"Limit reached" in line]
        expect(len(served) >= DESCRIPTORS // 4 and len(told) == len(clients) - len(served), lines)
        eventually("some descriptors are left",
                   lambda: len(os.listdir("/proc/%d/fd" % server.process.pid))
                   <= DESCRIPTORS - DESCRIPTORS // 8)
        server.expect_asleep()
        served[3].expect(b"ECHO x", b"D x", b"OK")
        for c in clients:
            c.close()
        server.expect_fds(0)
        with server.connect() as c:
            c.expect(b"ECHO x", b"D x", b"OK")
        expect_equal(server.stop(), "")


def starving():
    """when descriptors run out, clients wait, and the server does not spin"""
    if not Server.is_by_hand:
        raise Skip("it has limits")
    with Server(preexec_fn=limit) as server:
        clients = [server.connect(greeting=False) for _ in range(DESCRIPTORS)]
        eventually("all descriptors",
                   lambda: len(os.listdir("/proc/%d/fd" % server.process.pid)) == DESCRIPTORS)
        server.expect_asleep()
        served = [c for c in clients if select.select([c.sock], [], [], 0)[0]]
        waiting = [c for c in clients if c not in served]
        expect(served and waiting, len(served), len(waiting))
        for c in served:
            expect(c.line().startswith(b"OK "), "not greeted")
        served[3].expect(b"ECHO x", b"D x", b"OK")
        for c in served[4:]:        # more than wait: a loop may take a descriptor for its timers
            c.close()
        for c in waiting:
            expect(c.line().startswith(b"OK "), "not served")
        for c in clients:
            c.close()
        server.expect_fds(0)
        err = server.stop()
        expect("cannot accept" in err, "no message")


if __name__ == "__main__":
    Server.use(sys.argv[1:])
    kit.main([usage, signals, signals_in_command, second_signal, drain, ignored_sigint, mode, stale,
              live, live_but_busy, race, other_files, bad_paths, replaced, abstract, inherited,
              bad_addresses, other_user, short, starving])
