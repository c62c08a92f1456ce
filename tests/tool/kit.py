# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests of assuanctl need: running it, servers that say what a test wants, and TAP.

Everything is watched from outside, as a user or a script could: stdout, stderr, the exit status, and
what comes to a server.  A test is a function of one argument, a Place: a new directory with a short
path, in which GnuPG's programs have a home of their own.  What it starts is ended with it, by pid.

    suite = Suite()

    @suite.test("a version comes to stdout, and nothing else")
    def _(place):
        with Mock(place, {"GETINFO version": "D 1.0\\nOK\\n"}) as mock:
            place.ctl("call", mock.address, "GETINFO", "version").gives("1.0")

    suite.main()
"""

import json
import os
import pty
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
import traceback

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "kit"))

from basics import (  # noqa: E402,F401
    TIMEOUT, Directory, Failure, Skip, eventually, expect, expect_equal)

TOOL = os.environ.get("EVA_TOOL", "assuanctl")


def need(*programs):
    """Skip unless all PROGRAMS are there."""
    for name in programs:
        if not shutil.which(name):
            raise Skip("not installed: " + name)


def as_user(place):
    """What runs a program as an ordinary user, its environment, and the tool that it can run."""
    need("setpriv")
    if os.getuid():
        raise Skip("only root can be another user")
    os.chmod(place.dir, 0o755)
    # That user may not get to where the tool was built.
    library = re.search(r"=> (.*/libevassuan\S*)", place.run("ldd", TOOL).out.decode())
    for path in (TOOL, library[1]) if library else (TOOL,):
        with open(path, "rb") as f:
            place.write(os.path.basename(path), f.read(), 0o755)
    tool = place.path(os.path.basename(TOOL))
    user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "env",
            "LD_LIBRARY_PATH=" + place.dir]
    result = place.run(*user, tool, "--version")
    if result.code:
        raise Skip("another user cannot run the tool here: " + result.err)
    return user, tool


class Result:
    """What a run of the tool left."""

    def __init__(self, argv, code, out, err):
        self.argv, self.code, self.out, self.err = argv, code, out, err.decode("utf-8", "replace")
        expect("AddressSanitizer" not in self.err and "runtime error" not in self.err, self)

    def __str__(self):
        return "$ %s\n-> %s\n%s\n--\n%s" % (self.argv, self.code, self.out[-3000:], self.err[-3000:])

    def gives(self, out, err=None):
        """The exit status is 0, and stdout is OUT; stderr is ERR if that is told.  Returns self."""
        out = out.encode() if isinstance(out, str) else out
        expect(self.code == 0, "exit status", self.code, self)
        expect_equal(self.out, out, "stdout of", self.argv, self.err)
        if err is not None:
            expect_equal(self.err, err, "stderr of", self.argv)
        return self

    def fails(self, code, *texts):
        """The exit status is CODE; stderr has all TEXTS, on lines that begin well.  Returns self."""
        expect(self.code == code, "not", code, self)
        for text in texts:
            expect(text in self.err, "missing:", repr(text), self)
        return self

    def json(self):
        """The objects of stdout."""
        return [json.loads(line) for line in self.out.decode().splitlines()]


class Place(Directory):
    """A directory, and what runs there."""

    def __init__(self):
        super().__init__("evt-")
        self.home = self.path("h")
        os.mkdir(self.home, 0o700)
        self.write("h/gpg-agent.conf", "disable-scdaemon\ns2k-count 65536\n")
        self.children = []
        self.uses_gnupg = False
        self.env = {"PATH": os.environ["PATH"], "HOME": self.dir, "GNUPGHOME": self.home,
                    "LC_ALL": "C.UTF-8", "TERM": "xterm", "XDG_STATE_HOME": self.path("state")}
        for name in "ASAN_OPTIONS", "UBSAN_OPTIONS", "LD_LIBRARY_PATH", "MALLOC_PERTURB_":
            if name in os.environ:
                self.env[name] = os.environ[name]

    def spawn(self, argv, env=None, **kwargs):
        """Start a program; it is ended with this place at the latest."""
        for stream in ("stdin", "stdout", "stderr"):
            kwargs.setdefault(stream, subprocess.PIPE)
        kwargs.setdefault("cwd", self.dir)
        child = subprocess.Popen(argv, env={**self.env, **(env or {})}, **kwargs)
        self.children.append(child)
        return child

    def run(self, *argv, data=b"", env=None, **kwargs):
        """Run a program to its end."""
        child = self.spawn(argv, env, **kwargs)
        try:
            out, err = child.communicate(data.encode() if isinstance(data, str) else data, TIMEOUT)
        except subprocess.TimeoutExpired:
            child.kill()
            out, err = child.communicate()
            raise Failure("hangs: %s %r %r" % (argv, out, err)) from None
        self.children.remove(child)
        return Result(argv, child.returncode, out or b"", err or b"")

    def ctl(self, *args, **kwargs):
        """Run the tool to its end."""
        return self.run(TOOL, *args, **kwargs)

    def start(self, *args, **kwargs):
        """Start the tool."""
        return self.spawn([TOOL, *args], **kwargs)

    def start_agent(self):
        """Start gpg-agent in this home."""
        need("gpg-agent", "gpgconf", "gpg-connect-agent")
        self.uses_gnupg = True
        with open(self.path("agent.log"), "wb") as log:     # not a pipe: the daemon keeps it
            expect(self.run("gpg-agent", "--daemon", stdout=log, stderr=log).code == 0, "no agent")
        return self.home + "/S.gpg-agent"

    def close(self):
        """End all that runs here, and remove the directory."""
        if self.uses_gnupg:
            self.run("gpgconf", "--kill", "all")
        for child in self.children:
            if child.poll() is None:
                child.send_signal(signal.SIGCONT)
                child.kill()
            child.wait()
            for pipe in (child.stdin, child.stdout, child.stderr):
                if pipe:
                    pipe.close()
        shutil.rmtree(self.dir, ignore_errors=True)


class Screen:
    """The tool on a terminal of its own."""

    def __init__(self, place, *args, **env):
        pid, self.fd = pty.fork()
        if not pid:
            os.chdir(place.dir)
            os.execve(TOOL, [TOOL, *args], {**place.env, **env})
        self.pid, self.text, self.seen = pid, "", 0

    def keys(self, text):
        """Type TEXT."""
        os.write(self.fd, text.encode())

    def read(self):
        """Take what comes; false at the end."""
        if not select.select([self.fd], [], [], TIMEOUT)[0]:
            return False
        try:
            octets = os.read(self.fd, 65536)
        except OSError:
            octets = b""
        self.text += octets.decode("utf-8", "replace")
        return bool(octets)

    def until(self, text):
        """Wait until TEXT shows, behind what was waited for last."""
        while text not in self.text[self.seen:]:
            expect(self.read(), "never:", text, repr(self.text[-2000:]))
        self.seen = self.text.index(text, self.seen) + len(text)

    def end(self):
        """Wait for the end; returns the exit status."""
        while self.read():
            pass
        os.close(self.fd)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


class Acceptor:
    """Accepts clients in a thread of its own, and has another thread serve each.

    A thread that is about to accept has the listener's number already.  If that is closed, and the next
    listener gets the same number, the thread takes a client of the next one.  So the thread ends first.
    """

    def __init__(self, listener, serve):
        self.listener, self.serve, self.clients = listener, serve, []
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.clients.append(sock)
            threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def close(self):
        """Accept no more, and close the listener."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.listener.close()


class Mock:
    """A server on a socket that answers lines with what a test says, and keeps what it hears.

    ANSWERS: line -> octets (or text) that are sent as they are; None closes; or a function of the
    connection and the line.  A line that is not there is answered with OK.
    """

    def __init__(self, place, answers=None, greeting="OK mock\n", name="S"):
        self.answers = {**(answers or {})}
        self.greeting = greeting
        self.path = place.path(name)
        self.address = "unix:" + self.path
        self.heard = []
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.acceptor = None

    def __enter__(self):
        self.listener.bind(self.path)
        self.listener.listen(64)
        self.acceptor = Acceptor(self.listener, self.serve)
        return self

    def __exit__(self, *_):
        self.acceptor.close()
        self.close_all()
        try:
            os.unlink(self.path)
        except FileNotFoundError:
            pass

    def close_all(self):
        """Leave all clients."""
        for sock in self.acceptor.clients:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def serve(self, sock):
        """One client."""
        try:
            self.say(sock, self.greeting)
            for line in sock.makefile("rb"):
                line = line.rstrip(b"\n").decode("utf-8", "surrogateescape")
                self.heard.append(line)
                if line == "BYE":
                    self.say(sock, "OK\n")
                    break
                answer = self.answers.get(line, "OK\n")
                if callable(answer):
                    answer = answer(sock, line)
                if line and line[0] != "#" and not line.startswith(("D ", "END", "CAN")):
                    if answer is None:
                        break
                    self.say(sock, answer)
                elif line in self.answers:
                    self.say(sock, answer)
        except OSError:
            pass
        finally:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    @staticmethod
    def say(sock, what):
        if what:
            sock.sendall(what if isinstance(what, bytes)
                         else what.encode("utf-8", "surrogateescape"))


class Suite:
    """Tests, each with a place of its own."""

    def __init__(self):
        self.tests = []

    def test(self, name):
        def add(function):
            self.tests.append((name, function))
            return function
        return add

    @staticmethod
    def one(function):
        place = Place()
        try:
            function(place)
        finally:
            place.close()

    def main(self):
        """Run all, or those whose name has the word on the command line, and print TAP."""
        wanted = [t for t in self.tests if len(sys.argv) < 2 or sys.argv[1] in t[0]]
        bad = 0
        print("1..%d" % len(wanted))
        for number, (name, function) in enumerate(wanted, 1):
            try:
                self.one(function)
            except Skip as why:
                print("ok %d - %s # SKIP %s" % (number, name, why))
            except Exception as error:      # whatever it is, the next test is still wanted
                bad += 1
                text = traceback.format_exc() if not isinstance(error, Failure) else "".join(
                    traceback.format_tb(error.__traceback__)[1:2]) + str(error)
                print("".join("# %s\n" % x for x in text.splitlines()), end="")
                print("not ok %d - %s" % (number, name))
            else:
                print("ok %d - %s" % (number, name))
            sys.stdout.flush()
        sys.exit(1 if bad else 0)
