# SPDX-License-Identifier: LGPL-2.1-or-later
"""An eva_server behind `ssh -L`: its clients connect to a socket that OpenSSH forwards.

It is a real sshd, on loopback, with a configuration, keys and a port of its own.  What ssh makes of
a connection is not what the client made of it: octets come in other pieces, and a client that is
gone is at first one that has finished sending.

The addresses `ssh:` of eva_connect are tested here, too, by assuanctl: there the library starts ssh.

usage: test-ssh.py HOST [ASSUANCTL]
"""

import getpass
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "host"))

import host                                                     # noqa: E402
import kit                                                      # noqa: E402
from host import Host                                           # noqa: E402
from kit import Connection, Skip, eventually, expect, expect_equal  # noqa: E402

N = 30

# What sshd, started by root, wants to be there, and may not be where no sshd was ever started.
PRIVILEGE_DIR = "/run/sshd"

SSHD_CONFIG = """\
ListenAddress 127.0.0.1
Port %(port)d
HostKey %(dir)s/host_key
AuthorizedKeysFile %(dir)s/user_key.pub
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
AllowStreamLocalForwarding yes
PidFile none
LogLevel ERROR
"""


def free_port():
    """A port that is free at the moment."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def accepts(address):
    """Whether a process accepts connections at ADDRESS."""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(family) as s:
        return s.connect_ex(address) == 0


class Tunnel:
    """A socket that is forwarded to SERVER's, by an sshd and an ssh that are started for it."""

    def __init__(self, server):
        self.dir = server.dir
        self.path = server.dir + "/F"
        self.target = server.path
        self.children = []

    def __enter__(self):
        try:
            self.sshd = self.find("sshd", "/usr/sbin:/sbin:")
            self.ssh = self.find("ssh")
            self.make_key("host_key")
            self.make_key("user_key")
            self.port = self.start_sshd()
            self.forward(self.port)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc):
        for child in reversed(self.children):
            if child.poll() is None:
                child.terminate()
            child.communicate()

    @staticmethod
    def find(name, more=""):
        path = shutil.which(name, path=more + os.environ.get("PATH", os.defpath))
        if not path:
            raise Skip(name + " is not installed")
        return path

    def make_key(self, name):
        code, _, err = kit.run(self.find("ssh-keygen"), "-q", "-t", "ed25519", "-N", "",
                               "-f", "%s/%s" % (self.dir, name))
        expect_equal(code, 0, err)

    def spawn(self, *argv):
        """Start a program whose messages go to a file."""
        with open(self.dir + "/log", "ab") as log:
            child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.children.append(child)
        return child

    def log(self):
        with open(self.dir + "/log", encoding="utf-8", errors="replace") as f:
            return f.read()

    def start_sshd(self):
        """Start sshd and wait until it listens; its port."""
        command = [self.sshd, "-D", "-e", "-f", self.dir + "/sshd_config"]
        if os.geteuid() == 0 and not os.path.isdir(PRIVILEGE_DIR):
            # In a /run that no other process sees.
            command = [self.find("unshare"), "-m", "sh", "-c",
                       "mount -t tmpfs tmpfs /run && mkdir -m 755 %s && exec \"$@\"" % PRIVILEGE_DIR,
                       "sh", *command]
        for _ in range(5):      # another process may take the port first
            port = free_port()
            with open(self.dir + "/sshd_config", "w", encoding="ascii") as f:
                f.write(SSHD_CONFIG % {"port": port, "dir": self.dir})
            sshd = self.spawn(*command)
            eventually("sshd listens", lambda: sshd.poll() is not None
                       or accepts(("127.0.0.1", port)))
            if sshd.poll() is None:
                return port
        raise Skip("sshd cannot be started here: " + self.log().strip()[-200:].replace("\n", "; "))

    def options(self):
        """Those of ssh that reach this sshd and no file of the user's."""
        options = ["IdentitiesOnly=yes", "BatchMode=yes", "ExitOnForwardFailure=yes",
                   "StrictHostKeyChecking=no", "UserKnownHostsFile=%s/known" % self.dir,
                   "IdentityFile=%s/user_key" % self.dir]
        return ["-F", "none", *[x for o in options for x in ("-o", o)]]

    def forward(self, port):
        """Start ssh and wait until the socket is there."""
        ssh = self.spawn(self.ssh, *self.options(), "-o", "LogLevel=ERROR", "-N", "-p", str(port), "-L", "%s:%s" % (self.path, self.target),
                         "%s@127.0.0.1" % getpass.getuser())
        eventually("ssh forwards", lambda: ssh.poll() is not None or accepts(self.path))
        if ssh.poll() is not None:
            raise Skip("ssh cannot log in here: " + self.log().strip()[-200:].replace("\n", "; "))
        self.client = ssh

    def connect(self):
        return Connection(self.path)

    def address(self, path=None, port=None):
        """The address `ssh:` of the server."""
        return "ssh:%s@127.0.0.1:%d%s" % (getpass.getuser(), port or self.port, path or self.target)

    def environment(self, options=()):
        """That of a program which starts an ssh of these options."""
        bin_dir = self.dir + "/bin"
        os.makedirs(bin_dir, exist_ok=True)
        with open(bin_dir + "/ssh", "w", encoding="utf-8") as f:
            f.write("#!/bin/sh\nexec %s \"$@\"\n" % shlex.join([self.ssh, *self.options(), *options]))
        os.chmod(bin_dir + "/ssh", 0o700)
        return {**os.environ, "PATH": bin_dir + ":" + os.environ["PATH"]}

    def call(self, *words, path=None, port=None, options=()):
        """What assuanctl gives that connects by an address `ssh:`, with an ssh of these options."""
        return kit.run(assuanctl, "call", self.address(path, port), *words, env=self.environment(options))

    def start(self, *words):
        """Start assuanctl."""
        child = subprocess.Popen([assuanctl, *words], env=self.environment(), stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE)
        self.children.append(child)
        return child


def settle(server):
    """Wait until all that came through the tunnel have left."""
    server.await_stats("they left", lambda s: s["n_connections"] == 1)
    server.expect_fds(0)


def commands():
    """commands, inquiries and errors come through as they are"""
    with Host() as server, Tunnel(server) as tunnel:
        with tunnel.connect() as c:
            c.expect(b"ECHO 100% sure", b"D 100%25 sure", b"OK")
            c.expect(b"ASK", b"INQUIRE DATA")
            c.expect(b"D some\nD thing\nEND", b"D something", b"OK")
            c.expect_error(b"FAIL 58 because", 58)
            c.expect_error(b"INPUT FD", 257)      # no descriptor comes through
            c.expect(b"COUNT 2", b"S PROGRESS COUNT ? 1 2", b"S PROGRESS COUNT ? 2 2", b"OK")
            c.expect(b"BYE", b"OK closing connection")
            expect_equal(c.line(), None)
        settle(server)


def long_data():
    """megabytes in both directions"""
    n = 8 << 20
    with Host() as server, Tunnel(server) as tunnel, tunnel.connect() as c:
        reply = c.command(b"BULK %d" % n)
        expect_equal((sum(len(x) - 2 for x in reply[:-1]), reply[-1]), (n, b"OK"))
        c.expect(b"TAKE", b"INQUIRE DATA")
        c.send(b"D " + b"x" * 990 + b"\n")
        for _ in range(n // 990):
            c.send(b"D " + b"x" * 990 + b"\n")
        c.expect(b"END", b"S TAKEN %d" % (n // 990 * 990 + 990), b"OK")


def many():
    """connections side by side, each with commands ahead"""
    with Host() as server, Tunnel(server) as tunnel:
        clients = [tunnel.connect() for _ in range(N)]
        for i, c in enumerate(clients):
            c.send(b"".join(b"ECHO %d %d\n" % (i, j) for j in range(100)))
        for i, c in reversed(list(enumerate(clients))):
            for j in range(100):
                expect_equal(c.reply(), [b"D %d %d" % (i, j), b"OK"])
            c.close()
        settle(server)


def half_closed():
    """a client that finishes sending gets all its answers, then the end"""
    with Host() as server, Tunnel(server) as tunnel, tunnel.connect() as c:
        c.send(b"ECHO one\nWAIT 300\nLIST 1000\nECHO two\n")
        c.sock.shutdown(socket.SHUT_WR)
        expect_equal(c.reply(), [b"D one", b"OK"])
        expect_equal(c.reply(), [b"OK"])
        expect_equal(len(c.reply()), 1001)
        expect_equal(c.reply(), [b"D two", b"OK"])
        expect_equal(c.line(), None)
        settle(server)


def leaving():
    """a client that leaves is noticed when something is said to it, and when ssh ends"""
    with Host() as server, Tunnel(server) as tunnel:
        before = server.stats()
        with tunnel.connect() as c:
            c.send(b"COUNT 1000000\n")
            c.line()
        server.await_stats("who left is noticed",
                           lambda s: s["n_cancelled"] == before["n_cancelled"] + 1)
        waiting = [tunnel.connect() for _ in range(5)]
        for c in waiting:
            c.send(b"WAIT\n")
        server.await_stats("they wait", lambda s: s["n_waits"] == 5)
        tunnel.client.terminate()
        server.await_stats("the end of ssh is noticed",
                           lambda s: s["n_waits"] == 0 and s["n_connections"] == 1)
        for c in waiting:
            c.close()
        server.expect_fds(0)


def not_reading():
    """clients that do not read what they asked for cost no more than others"""
    with Host() as server, Tunnel(server) as tunnel:
        greedy = [tunnel.connect() for _ in range(N)]
        for c in greedy:
            c.send(b"BULK\n")
        with tunnel.connect() as c:
            for i in range(100):
                c.expect(b"ECHO %d" % i, b"D %d" % i, b"OK")
        for c in greedy:
            c.close()
        settle(server)
        expect(server.stats()["most_held_len"] <= N * (256 << 10), "held", server.stats())


def agent():
    """gpg-connect-agent at the other end"""
    if not shutil.which("gpg-connect-agent"):
        raise Skip("gpg-connect-agent is not installed")
    with Host() as server, Tunnel(server) as tunnel:
        code, out, _ = kit.run("gpg-connect-agent", "-S", tunnel.path,
                               data=b"ECHO hi\nHELP LIMIT\nLIST 2\n/bye\n")
        expect_equal(code, 0)
        expect_equal(out.splitlines()[:2] + out.splitlines()[-3:],
                     [b"D hi", b"OK", b"D 1%0A", b"D 2%0A", b"OK"])


def left_behind():
    """The directories that the library makes for ssh.  Other programs have some for a while."""
    return {name for name in os.listdir("/tmp") if name.startswith("eva-ssh-")}


def expect_gone(before):
    """Each directory that is new and there now goes, also that of another test."""
    new = left_behind() - before
    eventually("directories of ssh are gone", lambda: not new & left_behind())


def address():
    """eva_connect starts ssh, and nothing is left of it"""
    if not assuanctl:
        raise Skip("assuanctl is not built")
    before = left_behind()
    with Host() as server, Tunnel(server) as tunnel:
        for _ in range(3):
            code, out, err = tunnel.call("ECHO over ssh")
            expect_equal((code, out), (0, b"over ssh"), err)
        settle(server)
    expect_gone(before)


def address_fails():
    """what ssh says when it cannot come in, or when no server is there"""
    if not assuanctl:
        raise Skip("assuanctl is not built")
    before = left_behind()
    with Host() as server, Tunnel(server) as tunnel:
        code, _, err = tunnel.call("NOP", path="/nonexistent/s")
        expect(code and "open failed" in err, (code, err))
        code, _, err = tunnel.call("NOP", port=free_port())
        expect(code and "refused" in err, (code, err))
        code, _, err = tunnel.call("NOP", options=("-o", "PubkeyAuthentication=no"))
        expect(code and "Permission denied" in err and "said why" in err, (code, err))
    expect_gone(before)


def tunnels():
    """assuanctl waits, checks, relays and watches by one ssh, which ends with it"""
    if not assuanctl:
        raise Skip("assuanctl is not built")
    with Host() as server, Tunnel(server) as tunnel:
        there, gone = tunnel.address(), tunnel.address(path="/nonexistent/s")
        for words in ("wait", there), ("wait", "--gone", gone), ("conform", "--only=greet,nop,two,fd", there):
            code, out, err = kit.run(assuanctl, *words, env=tunnel.environment())
            expect_equal(code, 0, (words, out, err))
        # What a user's configuration says of forwarding counts less.
        with open(tunnel.dir + "/config", "w", encoding="utf-8") as f:
            f.write("ClearAllForwardings yes\n")
        code, out, err = kit.run(assuanctl, "wait", "--timeout=20s", there,
                                 env=tunnel.environment(("-F", f.name)))
        expect_equal(code, 0, (out, err))
        code, _, err = kit.run(assuanctl, "wait", "--timeout=1s", gone, env=tunnel.environment())
        expect_equal(code, 4, err)
        code, _, err = kit.run(assuanctl, "conform", "ssh:-x@host/s", env=tunnel.environment())
        expect(code == 2 and "is no address" in err, (code, err))
        for words in ("relay", server.dir + "/R", there), ("monitor", there, "--listen=" + server.dir + "/R"):
            child = tunnel.start(*words)
            eventually("it listens", lambda: accepts(server.dir + "/R") or child.poll() is not None)
            for _ in range(3):
                code, out, err = kit.run(assuanctl, "call", server.dir + "/R", "ECHO over ssh")
                expect_equal((code, out), (0, b"over ssh"), err)
            ssh = children_of(child.pid)
            expect_equal(len(ssh), 1, words)
            child.terminate()
            child.communicate(timeout=60)
            expect_equal(child.returncode, 0, words)
            expect_equal(children_of(1) & ssh, set(), "ssh is left")
        child = tunnel.start("relay", server.dir + "/R", there)
        eventually("it listens", lambda: accepts(server.dir + "/R") or child.poll() is not None)
        for pid in children_of(child.pid):
            os.kill(pid, signal.SIGTERM)
        _, err = child.communicate(timeout=60)
        expect(child.returncode == 3 and b"ssh has ended" in err, (child.returncode, err))
        settle(server)


def children_of(pid):
    """The processes that PID has started and that run."""
    with open("/proc/%d/task/%d/children" % (pid, pid), encoding="ascii") as f:
        return set(map(int, f.read().split()))


if __name__ == "__main__":
    host.Host.program = os.path.abspath(sys.argv[1])
    assuanctl = os.path.abspath(sys.argv[2]) if len(sys.argv) > 2 else None
    kit.main([commands, long_data, many, half_closed, leaving, not_reading, agent, address,
              address_fails, tunnels])
