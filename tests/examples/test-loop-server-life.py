#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The example server as a program: how it starts and ends, its socket file, and who may connect.

usage: test-loop-server-life.py LOOP-SERVER
"""

import os
import resource
import signal
import socket
import stat
import subprocess
import sys
import tempfile

import kit
from kit import Connection, Server, Skip, eventually, expect, expect_equal, run

NOBODY = 65534
DESCRIPTORS = 40    # what the starving server has


def refused(path, *reasons, cwd=None):
    """Start a server that must refuse to serve at PATH, and give one of REASONS."""
    code, out, err = run(Server.program, path, cwd=cwd)
    expect(code == 1 and not out, path, code, out, err)
    expect(err.count("\n") == 1 and err.startswith("loop-server: "), err)
    expect(any(x in err for x in reasons), "unexpected reason:", err)


# --- Start and end --------------------------------------------------------------------------------

def usage():
    """wrong arguments get a line of usage and exit status 2"""
    for argv in ((), ("--help",), ("-h",), ("--wrong", "/tmp/x"), ("a", "b")):
        code, out, err = run(Server.program, *argv)
        expect_equal((code, out, err), (2, b"", "usage: loop-server SOCKET\n"), argv)


def signals():
    """SIGTERM and SIGINT end the server, which removes its socket"""
    for number in (signal.SIGTERM, signal.SIGINT):
        with Server() as server:
            expect_equal(server.stop(number), "")


def signals_in_command():
    """a signal ends the server also while commands are pending"""
    with Server() as server:
        clients = [server.connect() for _ in range(6)]
        in_r, in_w = os.pipe()
        with tempfile.TemporaryFile() as sink:
            clients[0].command(b"INPUT FD", [in_r])
            clients[0].command(b"OUTPUT FD", [sink.fileno()])
        for c, text in zip(clients, (b"COPY\n", b"COUNT 1000000\n", b"LIST 100000000\n",
                                     b"DIGEST\nD abc\n", b"ECHO half", b"")):
            c.send(text)
        clients[2].line()
        clients[3].line()
        expect_equal(server.stop(), "")
        for c in clients:
            while c.sock.recv(65536):
                pass
            c.close()
        os.close(in_r)
        os.close(in_w)


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
        refused(server.path, "another server is listening")
        refused("S", "another server is listening", cwd=server.dir)
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
        refused(d + "/S", "another server is listening")
        for s in queued:
            s.close()


def race():
    """of several servers that start at once on a stale socket, exactly one serves"""
    with Server() as server:
        server.process.kill()
        server.finish()
        rivals = [subprocess.Popen([Server.program, server.path], stdout=subprocess.PIPE,
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
            refused(d + "/datagrams", os.strerror(91))      # EPROTOTYPE
            expect(os.path.exists(d + "/datagrams"), "removed")


def bad_paths():
    """paths at which nothing can be made are told with their reason"""
    with tempfile.TemporaryDirectory(prefix="eva-", dir="/tmp") as d:
        refused(d + "/missing/S", "No such file")
        refused("", "empty")
        room = 107 - len(d) - 1
        refused(d + "/" + "x" * (room + 1), "107 octets")
        refused(d + "/" + "x" * 5000, "107 octets")
        expect_equal(os.listdir(d), [])
        server = Server()                                   # the longest that there is
        server.path = server.dir + "/" + "x" * (107 - len(server.dir) - 1)
        with server, server.connect() as c:
            c.expect(b"NOP", b"OK")


def replaced():
    """a socket that somebody has put in place of ours is not removed"""
    with Server() as server:
        os.unlink(server.path)
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(server.path)
            server.process.terminate()
            expect_equal(server.finish(), (0, ""))
            expect(os.path.exists(server.path), "removed the other's socket")


# --- Who is served --------------------------------------------------------------------------------

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
        expect("Permission denied" in server.stop(), "no message")

    server = Server(preexec_fn=become_nobody)
    os.chmod(server.dir, 0o777)
    if run("/bin/sh", "-c", 'test -x "$1"', "-", Server.program,
           preexec_fn=become_nobody)[0]:
        raise Skip("the program cannot be reached by another user")
    with server, server.connect() as c:
        c.expect(b"ECHO x", b"D x", b"OK")


def starving():
    """when descriptors run out, clients wait, and the server does not spin"""
    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))
    with Server(preexec_fn=limit) as server:
        served = [server.connect() for _ in range(DESCRIPTORS - server.idle_fds)]
        waiting = [server.connect(greeting=False) for _ in range(5)]
        eventually("all descriptors", lambda: server.n_fds() == DESCRIPTORS)
        server.expect_asleep()
        served[3].expect(b"ECHO x", b"D x", b"OK")
        for c, leaving in zip(waiting, served):
            leaving.close()
            expect(c.line().startswith(b"OK "), "not served")
        for c in served + waiting:
            c.close()
        server.expect_fds(0)
        expect("cannot accept" in server.stop(), "no message")


if __name__ == "__main__":
    Server.program = os.path.abspath(sys.argv[1])
    kit.main([usage, signals, signals_in_command, ignored_sigint, mode, stale, live, live_but_busy,
              race, other_files, bad_paths, replaced, other_user, starving])
