# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests of the example servers need: a server, raw connections to it, and TAP.

Everything is watched from outside, as a user could: what stands on the wire, which descriptors
/proc shows, how much processor time went by, and how the server ends.  Every server is ended at
the end of its test and has to leave with exit status 0 and without its socket, so under
AddressSanitizer each test is a test for leaks, too.
"""

import array
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "kit"))

from basics import TIMEOUT, Failure, Skip, eventually, expect, expect_equal    # noqa: E402


class Connection:
    """A client that speaks octets."""

    def __init__(self, path, greeting=True):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(TIMEOUT)
        self.sock.connect(path)
        self.rest = b""
        if greeting:
            line = self.line()
            expect(line.startswith(b"OK "), "no greeting:", line)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        self.sock.close()

    def send(self, octets, fds=()):
        """Send OCTETS and along with them FDS."""
        if fds:
            ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))]
            n = self.sock.sendmsg([octets], ancillary)
            octets = octets[n:]
        self.sock.sendall(octets)

    def line(self):
        """The next line without its LF, or None at the end of file."""
        while b"\n" not in self.rest:
            try:
                octets = self.sock.recv(65536)
            except socket.timeout:
                raise Failure("no line came; before: %r" % self.rest) from None
            except ConnectionResetError:
                octets = b""
            if not octets:
                expect(not self.rest, "ends in mid-line:", self.rest)
                return None
            self.rest += octets
        line, self.rest = self.rest.split(b"\n", 1)
        return line

    def reply(self):
        """All lines up to OK, ERR, INQUIRE or the end of file."""
        lines = []
        while True:
            lines.append(self.line())
            if lines[-1] is None or lines[-1].split(b" ")[0] in (b"OK", b"ERR", b"INQUIRE"):
                return lines

    def command(self, text, fds=()):
        """Send a command and return its reply."""
        self.send(text + b"\n", fds)
        return self.reply()

    def expect(self, text, *wanted):
        """Send a command and compare its reply."""
        expect_equal(self.command(text), list(wanted), text)

    def expect_error(self, text, code):
        """Send a command that fails with CODE, and return its ERR line."""
        reply = self.command(text)
        expect(reply[0] and reply[0].startswith(b"ERR "), text, "did not fail:", reply)
        expect_equal(int(reply[0].split()[1]) & 0xffff, code, text)
        return reply[0]


class Server:
    """A running example server in a directory of its own."""

    argv = []       # the program and its arguments, where {} stands for the socket's path
    is_by_hand = False

    def __init__(self, **popen):
        # A socket's path may have 107 octets, so not below a long TMPDIR.
        self.dir = tempfile.mkdtemp(prefix="eva-", dir="/tmp")
        self.path = self.dir + "/S"
        self.process = None
        self.popen = popen

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc):
        try:
            if self.process and self.process.poll() is None:
                if exc and exc[0]:
                    self.process.kill()
                    self.finish()
                else:
                    self.stop()
        finally:
            shutil.rmtree(self.dir, ignore_errors=True)

    @classmethod
    def use(cls, argv):
        """Test the server that ARGV tells."""
        cls.argv = [os.path.abspath(argv[0])] + argv[1:]
        cls.name = os.path.basename(argv[0])
        cls.is_by_hand = cls.name == "loop-server"
        # Has addresses, not paths, and the library's own listeners.
        cls.has_addresses = argv[1].startswith("unix:")

    @classmethod
    def at(cls, path):
        """The command line of a server at PATH."""
        return [x.replace("{}", path) for x in cls.argv]

    def start(self):
        """Start the server and wait until it listens."""
        self.process = subprocess.Popen(self.at(self.path), stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        **self.popen)
        self.expect_listening()

    def expect_listening(self):
        """Wait until the server listens, and says so."""
        line = self.process.stdout.readline()
        expect_equal(line.decode(), "%s: listening on %s\n" % (self.name, self.at(self.path)[1]))
        self.idle_fds = self.n_fds()

    def finish(self):
        """Collect the server that ends.  Returns its exit status and messages."""
        try:
            out, err = self.process.communicate(timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            raise Failure("the server does not end") from None
        expect_equal(out, b"")
        return self.process.returncode, err.decode()

    def stop(self, number=signal.SIGTERM):
        """End the server as its user would.  Returns its messages."""
        self.process.send_signal(number)
        code, err = self.finish()
        expect_equal(code, 0, err)
        expect(not os.path.exists(self.path), "the socket was left behind")
        return err

    def connect(self, greeting=True):
        return Connection(self.path, greeting)

    def n_fds(self):
        """How many descriptors the server has open, but for the one that a loop opens at its first
        timer."""
        n = 0
        for entry in os.scandir("/proc/%d/fd" % self.process.pid):
            try:
                n += "timerfd" not in os.readlink(entry.path)
            except FileNotFoundError:
                pass        # closed since
        return n

    def expect_fds(self, n):
        """Wait until the server has N descriptors more than at its start."""
        eventually("%d descriptors more than at the start" % n,
                   lambda: self.n_fds() == self.idle_fds + n)

    def expect_asleep(self):
        """Fail if the server computes although there is nothing to do.  On a busy machine this may
        overlook a loop that spins, but it never accuses one that does not."""
        before = self.cpu_ns()
        time.sleep(0.3)
        spent_ms = (self.cpu_ns() - before) / 1e6
        expect(spent_ms < 100, "the server spins: %d ms of 300" % spent_ms)

    def memory_kib(self):
        """How much memory the server has."""
        with open("/proc/%d/status" % self.process.pid, encoding="ascii") as f:
            return next(int(x.split()[1]) for x in f if x.startswith("VmRSS:"))

    def cpu_ns(self):
        """How long the server has computed."""
        with open("/proc/%d/schedstat" % self.process.pid, encoding="ascii") as f:
            return int(f.read().split()[0])


def run(*argv, data=b"", **kwargs):
    """Run a program to its end.  Returns exit status, output, messages."""
    try:
        done = subprocess.run(argv, input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=TIMEOUT, check=False, **kwargs)
    except subprocess.TimeoutExpired:
        raise Failure("hangs: " + " ".join(argv)) from None
    return done.returncode, done.stdout, done.stderr.decode()


def main(tests):
    """Run TESTS, functions with a line of documentation each, and print TAP."""
    bad = 0
    print("1..%d" % len(tests))
    for number, test in enumerate(tests, 1):
        name = "%s: %s" % (test.__name__, test.__doc__.splitlines()[0])
        try:
            test()
        except Skip as why:
            print("ok %d - %s # SKIP %s" % (number, name, why))
        except Exception:       # whatever it is, the next test is still wanted
            bad += 1
            print("".join("# %s\n" % x for x in traceback.format_exc().splitlines()), end="")
            print("not ok %d - %s" % (number, name))
        else:
            print("ok %d - %s" % (number, name))
        sys.stdout.flush()
    sys.exit(1 if bad else 0)
