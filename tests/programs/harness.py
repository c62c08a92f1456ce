# SPDX-License-Identifier: LGPL-2.1-or-later
"""What every real-program test needs: a home, processes, evidence and TAP.

Each test program starts GnuPG's own programs, unmodified, on the libassuan of the directory that
the environment variable EVA_COMPAT_DIR names, if it is one that they are built for.  The dynamic
loader is pointed there for every process, and asked to write down which libraries it loaded, so
that a test can prove that nothing fell back to the system's library; /proc/PID/maps is looked at
besides where the process still runs and lets us (gpg-agent makes itself unreadable to everyone but
root).
"""

import ctypes
import fcntl
import glob
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import termios
import time
import traceback

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "kit"))

from basics import TIMEOUT, Directory, Failure, Skip    # noqa: E402

PR_SET_CHILD_SUBREAPER = 36


def expect(condition, what, *details):
    """Fail with WHAT and the DETAILS unless CONDITION holds."""
    if not condition:
        raise Failure("\n".join([what, *(str(d) for d in details)]))


def compat_dir():
    """The directory of the libraries under test, 2/libassuan.so.0 and 3/libassuan.so.9, or of one of
    them alone; without one there is nothing to test."""
    path = os.environ.get("EVA_COMPAT_DIR", "")
    if not path or not libraries(path):
        print("Bail out! EVA_COMPAT_DIR must name a directory with a libassuan.so")
        sys.exit(1)
    return os.path.abspath(path)


def libraries(path):
    """The libraries below the directory PATH, by their sonames."""
    path = glob.escape(path)
    found = [name for pattern in ("libassuan.so.[0-9]", "[23]/libassuan.so.[0-9]")
             for name in glob.glob(os.path.join(path, pattern))]
    return {os.path.basename(name): name for name in found}


def built_for(program):
    """The libassuan that PROGRAM is linked with, as libassuan.so.0, or None."""
    asked = subprocess.run(["ldd", find_program(program)], check=False, stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=TIMEOUT)
    found = re.search(r"^\s*(libassuan\.so\.\d+) ", asked.stdout.decode(), re.M)
    return found and found[1]


def library(*programs):
    """The path of the library under test, which PROGRAMS can run on; skip if they want another."""
    for program in programs:
        soname = built_for(program)
        if soname:
            found = libraries(compat_dir())
            if soname not in found:
                raise Skip("%s is built for %s here" % (program, soname))
            return found[soname]
    raise Skip("no program is built for libassuan here: " + ", ".join(programs))


def find_program(name):
    """The path of NAME, also among the programs that GnuPG keeps out of PATH, or None."""
    path = shutil.which(name)
    if path or not shutil.which("gpgconf"):
        return path
    dirs = subprocess.run(["gpgconf", "--list-dirs", "libexecdir"], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, timeout=TIMEOUT, check=False).stdout
    return shutil.which(name, path=dirs.decode().strip())


def need(*names):
    """Skip unless all programs are there."""
    missing = [n for n in names if not find_program(n)]
    if missing:
        raise Skip("not installed: " + ", ".join(missing))


class Result:
    """What a finished process left: exit code, output and messages."""

    def __init__(self, argv, code, out, err):
        self.argv, self.code, self.raw = argv, code, out
        self.out, self.err = (t.decode("utf-8", "replace") for t in (out, err))

    def __str__(self):
        return "$ %s\n-> %d\n%s%s" % (" ".join(self.argv), self.code, self.out[-3000:],
                                      self.err[-3000:])

    def ok(self):
        """Self, if the process was content."""
        expect(self.code == 0, "exit code %d" % self.code, self)
        return self

    def fails(self):
        """Self, if the process gave up with an error, which is not the same as a crash."""
        expect(self.code > 0, "exit code %d, a clean failure expected" % self.code, self)
        return self

    def has(self, *texts):
        """Self, if all TEXTS stand in the output or among the messages."""
        for text in texts:
            expect(text in self.out or text in self.err, "missing: " + text, self)
        return self


class Home(Directory):
    """A GnuPG home of its own in a short new directory, and all processes started in it."""

    def __init__(self, library_path):
        self.library = library_path
        super().__init__("evap-")
        self.gnupg = self.path("h")
        os.mkdir(self.gnupg, 0o700)
        os.mkdir(self.path("ld"), 0o700)
        for program in "gpg", "gpg-agent":
            self.configure(program)
        # A tester's own card is none of our business.
        self.configure("scdaemon", "disable-ccid", "pcsc-driver /nonexistent")
        self.children = []
        self.env = {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "HOME": self.dir,
            "GNUPGHOME": self.gnupg,
            "LC_ALL": "C",
            "TZ": "UTC",
            "TERM": "xterm",
            "LD_LIBRARY_PATH": os.path.dirname(library_path),
            "LD_DEBUG": "files",
            "LD_DEBUG_OUTPUT": self.path("ld", "record"),
        }
        if "MALLOC_PERTURB_" in os.environ:     # meson's way to show uses of freed memory
            self.env["MALLOC_PERTURB_"] = os.environ["MALLOC_PERTURB_"]
        # Daemons detach themselves; as their new parent we find all of them at the end.
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    # Files

    def configure(self, program, *lines):
        """Write PROGRAM's configuration file; passphrases of tests need no slow derivation."""
        quick = ["s2k-count 65536"] if program in ("gpg", "gpg-agent") else []
        self.write(os.path.join("h", program + ".conf"), "".join(x + "\n" for x in quick + [*lines]))

    def fake_pinentry(self):
        """Make a pinentry that answers from a list; returns its path for pinentry-program."""
        code = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fake-pinentry.py")
        self.answers()
        return self.write("pinentry", "#!/bin/sh\nexec '%s' '%s' '%s'\n"
                          % (sys.executable, code, self.dir), 0o700)

    def answers(self, *lines):
        """What the fake pinentry is to answer from now on; forgets what it was asked."""
        self.write("answers", "".join(x + "\n" for x in lines))
        self.write("asked", "")

    def asked(self):
        """The lines that the fake pinentry got since the last answers()."""
        return self.read("asked").decode().splitlines()

    # Processes

    def spawn(self, argv, env=None, **kwargs):
        """Start a program on the library under test; it is ended with this home at the latest."""
        argv = [find_program(argv[0]) or argv[0], *argv[1:]]
        for stream in ("stdin", "stdout", "stderr"):
            kwargs.setdefault(stream, subprocess.PIPE)
        kwargs.setdefault("cwd", self.dir)
        child = subprocess.Popen(argv, env={**self.env, **(env or {})}, **kwargs)
        self.children.append(child)
        return child

    def run(self, *argv, data=b"", env=None, timeout=TIMEOUT, **kwargs):
        """Run a program to its end, with DATA as its standard input."""
        child = self.spawn(argv, env, **kwargs)
        try:
            out, err = child.communicate(data.encode() if isinstance(data, str) else data, timeout)
            out, err = out or b"", err or b""
        except subprocess.TimeoutExpired as late:
            child.kill()
            out, err = late.stdout or b"", late.stderr or b""
            raise Failure("hangs: %s" % Result(argv, -1, out, err)) from None
        self.children.remove(child)
        return Result(argv, child.returncode, out, err)

    def gpg(self, *args, **kwargs):
        """Run gpg without questions."""
        return self.run("gpg", "--batch", "--no-tty", "--status-fd", "2", *args, **kwargs)

    def start_agent(self, *options):
        """Start gpg-agent as a daemon and return its pid.

        Programs start it by themselves too, but then poll for its socket once a second."""
        with open(self.path("agent.log"), "wb") as log:     # not a pipe: the daemon keeps it
            self.run("gpg-agent", "--daemon", *options, stdout=log, stderr=log).ok()
        return int(self.agent("GETINFO pid").data())

    def agent(self, *commands, options=(), data=b""):
        """Give commands to the agent through gpg-connect-agent."""
        result = self.run("gpg-connect-agent", *options, *commands, "/bye", data=data)
        return Transcript(result)

    def agent_script(self, text, *options):
        """Run a script of gpg-connect-agent's command language."""
        lines = [x.strip() for x in text.strip().splitlines()]
        return Transcript(self.run("gpg-connect-agent", *options,
                                   data="\n".join(lines + ["/bye", ""])))

    def greeting(self, client, server):
        """How the process SERVER greets CLIENT, which is None if it is on the other end of pipes:
        with the client's pid if it knows that, or on libassuan 3 with its own."""
        pid = server if os.path.basename(self.library) == "libassuan.so.9" else client
        return "OK Pleased to meet you" + (", process %d" % pid if pid else "")

    # Evidence

    def is_reference(self):
        """Whether the library under test is the system's own, to try the tests themselves on."""
        asked = subprocess.run(["pkg-config", "--variable=libdir", "libassuan"], check=False,
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        path = os.path.join(asked.stdout.decode().strip(), os.path.basename(self.library))
        return os.path.exists(path) and os.path.samefile(path, self.library)

    def mapped(self, pid):
        """Assert that the running process PID executes on the library under test."""
        try:
            with open("/proc/%d/maps" % pid, encoding="utf-8", errors="replace") as f:
                paths = {x.split(None, 5)[5].strip() for x in f if "libassuan" in x}
        except PermissionError:
            with open("/proc/%d/comm" % pid, encoding="utf-8", errors="replace") as f:
                name = f.read().strip()
            # A daemon forks, so the loader's record stands under the pid that it had before.
            paths = set().union(*(p for n, p in self.loaded().values() if n[:15] == name))
        expect(paths, "process %d has no libassuan" % pid)
        for path in paths:
            expect(os.path.samefile(path, self.library), "process %d runs on %s" % (pid, path))

    def loaded(self):
        """All processes that loaded a libassuan: pid -> (program, paths), by the loader's word."""
        found = {}
        for name in os.listdir(self.path("ld")):
            with open(self.path("ld", name), encoding="utf-8", errors="replace") as f:
                text = f.read()
            paths = set(re.findall(r"calling init: (\S*/libassuan\S*)", text))
            program = re.findall(r"initialize program: (\S+)", text)
            if paths:
                label = os.path.basename(program[-1]) if program else "?"
                found[int(name.rsplit(".", 1)[1])] = (label, paths)
        return found

    def check_loaded(self):
        """Assert that whatever loaded a libassuan loaded ours, and tell what did."""
        counts = {}
        for pid, (program, paths) in self.loaded().items():
            for path in paths:
                expect(os.path.samefile(path, self.library),
                       "%s[%d] ran on %s" % (program, pid, path))
            counts[program] = counts.get(program, 0) + 1
        expect(counts, "no process loaded a libassuan at all")
        return ", ".join("%s x%d" % item for item in sorted(counts.items()))

    # The end

    def processes(self):
        """The pids of all living processes that descend from this one."""
        parents = process_table()
        found, new = set(), {os.getpid()}
        while new:
            new = {pid for pid, (parent, _) in parents.items() if parent in new}
            found |= new
        return {pid for pid in found if parents[pid][1] != "Z"}

    def wait_for_ends(self):
        """Wait until all processes of this home ended, which they must have been told to."""
        left = wait_gone(self.processes(), TIMEOUT)
        expect(not left, "still running: %s" % sorted(left))

    def close(self):
        """End all that runs in this home and remove it; the pids that had to be killed."""
        daemons = self.processes()
        if daemons and shutil.which("gpgconf"):
            try:
                self.run("gpgconf", "--kill", "all")
            except Failure:
                pass    # what hangs is killed below
        for child in self.children:
            if child.poll() is None:
                child.terminate()
        stubborn = wait_gone(daemons | self.processes(), 20)
        for pid in stubborn:
            os.kill(pid, signal.SIGKILL)
        wait_gone(stubborn, TIMEOUT)
        for child in self.children:
            child.wait()
            for pipe in (child.stdin, child.stdout, child.stderr):
                if pipe:
                    pipe.close()
        reap(())
        shutil.rmtree(self.dir, ignore_errors=True)
        return stubborn


def process_table():
    """All processes: pid -> (parent's pid, state)."""
    table = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/stat" % name, encoding="utf-8", errors="replace") as f:
                state, parent = f.read().rpartition(")")[2].split()[:2]
        except OSError:
            continue    # gone meanwhile
        table[int(name)] = (int(parent), state)
    return table


def wait_gone(pids, seconds):
    """Wait until the processes are gone; returns those that are not."""
    deadline = time.monotonic() + seconds
    left = set()
    for pid in pids:
        try:
            fd = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        with os.fdopen(fd) as pidfd:
            wait_ms = max(0, deadline - time.monotonic()) * 1000
            poll = select.poll()
            poll.register(pidfd, select.POLLIN)
            if not poll.poll(wait_ms):
                left.add(pid)
    return left


def reap(known):
    """Take leave of daemons that detached themselves, became our children and ended."""
    for pid, (parent, state) in process_table().items():
        if parent == os.getpid() and state == "Z" and pid not in known:
            os.waitpid(pid, os.WNOHANG)


def wait_until(condition, complaint):
    """Wait until CONDITION() holds, for what nothing announces; else fail with COMPLAINT()."""
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        expect(time.monotonic() < deadline, complaint())
        time.sleep(0.02)


def read_until(stream, text, buffer=b""):
    """Read STREAM, a descriptor or an unbuffered file, until TEXT came; all octets so far.

    BUFFER is what was read before."""
    fd = stream if isinstance(stream, int) else stream.fileno()
    deadline = time.monotonic() + TIMEOUT
    while text.encode() not in buffer:
        ready, _, _ = select.select([fd], [], [], max(0, deadline - time.monotonic()))
        expect(ready, "hangs: '%s' never came" % text, buffer.decode("utf-8", "replace"))
        try:
            chunk = os.read(fd, 4096)
        except OSError:
            chunk = b""     # how a terminal says end of file
        expect(chunk, "ended before '%s' came" % text, buffer.decode("utf-8", "replace"))
        buffer += chunk
    return buffer


class Terminal:
    """A terminal for programs that insist on one; the test is the person in front of it."""

    def __init__(self):
        self.master, self.slave = os.openpty()
        self.name = os.ttyname(self.slave)
        self.screen, self.unread = "", b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.slave)
        os.close(self.master)

    def read_until(self, *texts):
        """Look until TEXTS were shown one after the other; what was shown meanwhile."""
        new = ""
        for text in texts:
            octets = read_until(self.master, text, self.unread)
            end = octets.index(text.encode()) + len(text.encode())
            new += octets[:end].decode("utf-8", "replace")
            self.unread = octets[end:]
        self.screen += new
        return new

    def spawn(self, home, argv, **kwargs):
        """Start a program as a shell in this terminal would."""
        def log_in():
            os.setsid()
            fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)
        for stream in ("stdin", "stdout", "stderr"):
            kwargs.setdefault(stream, self.slave)
        return home.spawn(argv, preexec_fn=log_in, **kwargs)

    def type(self, keys):
        """Press KEYS."""
        os.write(self.master, keys.encode())


class Transcript:
    """What gpg-connect-agent printed: server lines as they came, or decoded."""

    def __init__(self, result):
        self.result = result
        self.lines = result.out.splitlines()

    def __str__(self):
        return str(self.result)

    def ok(self):
        """Self, if every command was answered with OK, and at least one was."""
        self.result.ok()
        bad = [x for x in self.lines if x.startswith("ERR ")]
        good = [x for x in self.lines if x == "OK" or x.startswith("OK ")]
        expect(good and not bad, "not all commands succeeded", self)
        return self

    def error(self, text):
        """Self, if there is an error line with TEXT in it."""
        expect(any(x.startswith("ERR ") and text in x for x in self.lines),
               "no error '%s'" % text, self)
        return self

    def data(self):
        """All data, still as the server escaped it, without line structure."""
        return "".join(x[2:] for x in self.ok().lines if x.startswith("D "))

    def status(self, keyword):
        """The texts of all status lines with KEYWORD."""
        return [x[3 + len(keyword):] for x in self.lines
                if x.startswith("S " + keyword + " ") or x == "S " + keyword]


class Suite:
    """The tests of one program, in order, in one home, reported as TAP."""

    def __init__(self, *programs):
        self.programs = programs
        self.tests = []

    def test(self, name):
        """Decorator: the function is a test; NAME says what a user gets."""
        def add(function):
            self.tests.append((name, function))
            return function
        return add

    def main(self):
        """Run all and exit."""
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))   # so that homes are closed
        sys.stdout.reconfigure(line_buffering=True)
        compat_dir()
        try:
            need(*self.programs)
            home = Home(library(*self.programs))
        except Skip as reason:
            print("1..0 # SKIP %s" % reason)
            sys.exit(0)
        print("1..%d" % (len(self.tests) + 2))
        sys.exit(0 if self.run(home) else 1)

    def run(self, home):
        """Run all tests in a fresh HOME and then what holds for each of them."""
        try:
            good = [self.one(i + 1, name, lambda f=f: f(home))
                    for i, (name, f) in enumerate(self.tests)]
            n = len(good)
            good.append(self.one(n + 1, "every process loaded the library under test",
                                 home.check_loaded))
        finally:
            stubborn = home.close()
        good.append(self.one(n + 2, "all processes end when told to and nothing stays behind",
                             lambda: self.nothing_left(home, stubborn)))
        return all(good)

    @staticmethod
    def nothing_left(home, stubborn):
        """No process had to be killed, and the directory is gone."""
        expect(not stubborn, "had to be killed: %s" % sorted(stubborn))
        expect(not os.path.exists(home.dir), home.dir + " is still there")

    @staticmethod
    def one(number, name, function):
        """Run one test and print its line; true unless it failed."""
        began = time.monotonic()
        try:
            remark = function()
        except Skip as reason:
            print("ok %d - %s # SKIP %s" % (number, name, reason))
            return True
        except Exception as error:    # any: a broken test is a failed one
            print("not ok %d - %s" % (number, name))
            text = str(error) if isinstance(error, Failure) else traceback.format_exc()
            where = [f for f in traceback.extract_tb(error.__traceback__)
                     if f.filename == os.path.abspath(sys.argv[0])]
            for line in ["line %d: %s" % (f.lineno, f.line) for f in where] + text.splitlines():
                print("#   " + line)
            return False
        print("ok %d - %s" % (number, name))
        print("#   %.1f s%s" % (time.monotonic() - began, "; %s" % remark if remark else ""))
        return True
