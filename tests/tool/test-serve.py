# SPDX-License-Identifier: LGPL-2.1-or-later
"""assuanctl serve: commands that are scripts, by its own clients, GnuPG's, and hostile ones."""

import json
import os
import re
import signal
import socket
import subprocess
import threading
import time

from kit import TOOL, Suite, as_user, eventually, expect, expect_equal, need

suite = Suite()

EVERY = bytes(range(256))


class Server:
    """`assuanctl serve` on a socket of PLACE."""

    def __init__(self, place, *args, env=None, name="S"):
        self.place = place
        self.path = place.path(name)
        self.err = open(place.path(name + ".err"), "w+b")
        os.makedirs(place.path("bin"), exist_ok=True)
        if not os.path.exists(place.path("bin/assuanctl")):
            os.symlink(TOOL, place.path("bin/assuanctl"))
        path = place.path("bin") + ":" + place.env["PATH"]
        self.process = place.start("serve", "unix:" + self.path, *args, stderr=self.err,
                                   stdout=subprocess.DEVNULL,
                                   env={"PATH": path, "TMPDIR": place.path("tmp"), **(env or {})})
        os.makedirs(place.path("tmp"), exist_ok=True)

    def __enter__(self):
        expect(self.place.ctl("wait", "--timeout=30s", self.path).code == 0, self.told())
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
        code = self.process.wait(30)
        self.err.close()
        expect("AddressSanitizer" not in self.told() and "runtime error" not in self.told(), self.told())
        expect_equal(code, 0, "exit status of serve")

    def told(self):
        """What serve and its programs said on stderr."""
        with open(self.err.name, "rb") as f:
            return f.read().decode()

    def call(self, *args, **kwargs):
        """Call it."""
        at = next((n for n, x in enumerate(args) if not x.startswith("-")), len(args))
        if at and args[at - 1] in ("-c", "-o", "-i"):
            at -= 1
        return self.place.ctl("call", *args[:at], self.path, *args[at:], **kwargs)

    def connect(self):
        """A client that says what it wants."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.settimeout(30)
        sock.connect(self.path)
        expect(sock.recv(1000).startswith(b"OK"), "not greeted")
        return sock


def script(place, name, text, mode=0o755, head="#!/bin/sh\n"):
    os.makedirs(place.path("d"), mode=0o755, exist_ok=True)
    return place.write("d/" + name, head + text, mode)


def runs(pid):
    """Whether the process PID runs, and is no zombie."""
    try:
        with open("/proc/%d/stat" % pid, encoding="latin1") as f:
            return f.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def number(place, name):
    """The number that a script has written to the file NAME."""
    def get():
        try:
            text = place.read(name).decode()
        except OSError:
            return None
        return int(text) if text.endswith("\n") else None
    return eventually(name + " is written", get)


# --- Commands -------------------------------------------------------------------------------------

@suite.test("commands of the command line and of a directory, by name in any case")
def _(place):
    script(place, "get-it", "echo got")
    script(place, "9no", "echo no")
    script(place, "plain", "echo no", 0o644)
    with Server(place, "--dir=d", "GETINFO=echo 1.0", "lower=printf x") as server:
        server.call("GETINFO", "version").gives("1.0\n", "")
        server.call("getinfo").gives("1.0\n")
        server.call("LOWER").gives("x")
        server.call("Get-It").gives("got\n")
        for name in "9NO", "PLAIN", "D/GET-IT", "../S":
            server.call(name).fails(1)
        names = server.place.ctl("describe", server.path).out.decode()
        expect("GET-IT" in names and "PLAIN" not in names, names)


@suite.test("arguments are words, as they came, and never the text of a shell command")
def _(place):
    with Server(place, 'ARGS=for x; do printf "[%s]" "$x"; done; printf "<%s>" "$ASSUAN_ARGS"',
                'NAME=printf %s "$0"') as server:
        server.call("ARGS", "a  b%20c", "*", "$HOME").gives("[a][b%20c][*][$HOME]<a  b%20c * $HOME>")
        for hostile in "; touch x", "$(touch x)", "`touch x`", "' ; touch x #", '" ; touch x #', "-c touch${IFS}x":
            place.ctl("call", server.path, "--", "ARGS", hostile).gives(
                "".join("[%s]" % x for x in hostile.split()) + "<%s>" % hostile)
        server.call("ARGS").gives("<>")
        server.call("NAME", "x").gives("NAME")
    expect(not os.path.exists(place.path("x")), "a client's word was run")


@suite.test("the environment tells the client, its options, and a directory that lives as long")
def _(place):
    show = "SHOW=for x; do eval 'printf \"%s\\n\" \"${ASSUAN_'$x'-unset}\"'; done"
    with Server(place, show, "--option=lang", "--option=no-grab",
                "PUT=cat >$ASSUAN_STATE_DIR/x; mkdir $ASSUAN_STATE_DIR/d; ln -s $HOME/keep $ASSUAN_STATE_DIR/d/l",
                "LOOK=ls -l $ASSUAN_STATE_DIR; stat -c %a $ASSUAN_STATE_DIR; echo $ASSUAN_STATE_DIR",
                env={"ASSUAN_OPTION_OLD": "x", "ASSUAN_STATE_DIR": "/"}) as server:
        os.mkdir(place.path("keep"))
        out = server.call("SHOW COMMAND CONNECTION PEER_PID PEER_UID PEER_GID PEER_EXE OPTION_LANG OPTION_OLD")
        out = out.out.decode().splitlines()
        expect_equal(out[0], "SHOW")
        expect(int(out[1]) > 1 and int(out[2]) > 1, out)
        expect_equal(out[3:5], [str(os.getuid()), str(os.getgid())])
        expect_equal(out[5:], [os.path.realpath(TOOL), "unset", "unset"])
        server.call("-c", "OPTION --lang=de DE", "-c", "OPTION no-grab", "-c", "OPTION LANG = x y",
                    "-c", "SHOW OPTION_LANG OPTION_NO_GRAB").gives("x y\n\n")
        server.call("OPTION", "other=1").fails(1, "option")
        out = server.call("-c", "PUT", "-c", "LOOK").out.decode()
        expect(" x\n" in out and "\n700\n" in out, out)
        state = out.splitlines()[-1]
        expect(state.startswith(place.path("tmp/")), state)
        eventually("the directory for state goes", lambda: not os.path.exists(state))
    expect(os.path.isdir(place.path("keep")), "a link was followed")
    expect_equal(os.listdir(place.path("tmp")), [])


@suite.test("--option=* takes any that can be a variable")
def _(place):
    with Server(place, "--option=*", "SHOW=env") as server:
        for bad in "a.b=1", "a/b=1", "\xe4=1":
            server.call("OPTION", bad).fails(1)
        out = server.call("-c", "OPTION ttyname=/dev/x", "-c", "SHOW").out
        expect(b"\nASSUAN_OPTION_TTYNAME=/dev/x\n" in out, out)
        server.call("-k", *sum((["-c", "OPTION o%d=1" % n] for n in range(300)), []), "-c", "SHOW").fails(1)


@suite.test("data: every octet, 10 MiB, an empty one, and as they come")
def _(place):
    place.write("every", EVERY)
    place.write("big", EVERY * 40960)
    with Server(place, "EVERY=cat every", "BIG=cat big", "EMPTY=:",
                "SLOWLY=echo one; cat fifo; echo two") as server:
        server.call("EVERY").gives(EVERY, "")
        expect(server.call("BIG").out == EVERY * 40960, "other octets")
        server.call("EMPTY").gives("", "")
        os.mkfifo(place.path("fifo"))
        sock = server.connect()
        sock.sendall(b"SLOWLY\n")
        expect_equal(sock.recv(1000), b"D one%0A\n")
        with open(place.path("fifo"), "wb"):
            pass
        expect_equal(sock.makefile("rb").readline(), b"D two%0A\n")


@suite.test("a client that does not read costs little, and the program waits for it")
def _(place):
    with Server(place, "ENDLESS=echo $$ >pid; yes", "OTHER=echo x") as server:
        sock = server.connect()
        sock.sendall(b"ENDLESS\n")
        pid = number(place, "pid")
        server.call("OTHER").gives("x\n")
        time.sleep(0.3)
        with open("/proc/%d/statm" % server.process.pid, encoding="ascii") as f:
            pages = int(f.read().split()[1])
        expect("ASAN_OPTIONS" in os.environ or pages * 4096 < 32 << 20, pages, "pages")
        expect(runs(pid), "the program was ended")
        sock.close()
        eventually("the program ends", lambda: not runs(pid))


@suite.test("INPUT FD is stdin, OUTPUT FD is stdout, and both are closed behind the command")
def _(place):
    place.write("in", EVERY)
    with Server(place, "UPPER=cat; echo 'S DONE 1' >&3", "COUNT=wc -c") as server:
        server.place.ctl("call", "--input=in", "--result=out", server.path, "UPPER").gives("", "S DONE 1\n")
        expect_equal(place.read("out"), EVERY)
        place.ctl("call", "--input=in", server.path, "-c", "COUNT", "-c", "COUNT").gives("256\n0\n")
        place.ctl("call", server.path, "COUNT").gives("0\n")


@suite.test("descriptor 3: status, comments, data in order, results")
def _(place):
    script(place, "all", """
        echo first
        echo 'S PROGRESS x ? 1 2' >&3
        echo second
        echo '# a comment' >&3
        echo 'D th%69rd%0A' >&3
        echo 'S BARE' >&3
        printf 'OK all well' >&3
        exit 3""")
    with Server(place, "--dir=d", "ERR=printf 'OK\\nERR %s\\n' \"$*\" >&3", "BAD=printf 'X\\nS\\nERR x\\n' >&3") as server:
        lines = server.call("-o", "all", "ALL").out.decode().splitlines()
        expect_equal("".join(x[2:] for x in lines if x[:2] == "D "), "first%0Asecond%0Athird%0A")
        expect_equal([x for x in lines if x[:2] != "D "],
                     ["S PROGRESS x ? 1 2", "# a comment", "S BARE", "OK all well"])
        # What was written before a line goes in front of it.
        text = "\n".join(lines)
        for data, line in ("first", "S PROGRESS"), ("second", "# a"), ("third", "S BARE"):
            expect(text.index(data) < text.index(line), text)
        server.call("ERR", "NO_SECKEY", "none", "there").fails(1, "(17)", "none there", "source 1")
        server.call("ERR", "gpg_err_not_found").fails(1, "(27)")
        server.call("ERR", "17").fails(1, "(17)", "source 1")
        server.call("ERR", "67108881").fails(1, "<GPG Agent>", "(17)")
        server.call("BAD").gives("")
        expect_equal(len(re.findall("assuanctl: BAD: .* is none of", server.told())), 3)
    with Server(place, "BAD=printf 'NO sesame\\n# %01500d\\n# %09000d\\nOK\\n' 1 2 >&3", name="T") as server:
        server.call("BAD").gives("")
        expect_equal(server.told().splitlines(), [
            "assuanctl: BAD: on descriptor 3 'NO' is none of S KEYWORD, #, D, INQUIRE KEYWORD, OK, ERR CODE",
            *["assuanctl: BAD: a line on descriptor 3 is too long, and is dropped"] * 2])


@suite.test("exit statuses are results")
def _(place):
    with Server(place, "X=exit $1", "K=kill -9 $$", "NONE=/nonexistent/x", "SAID=echo 'ERR 58' >&3; exit $1") as server:
        server.call("X", "0").gives("")
        for status, code in ((1, 1), (2, 280), (75, 32774), (77, 251), (78, 60)):
            result = server.call("X", str(status)).fails(1, "(%d)" % code, "<User defined source 1>")
            expect("exit status" not in result.err, result)
        for status in 3, 126, 127:
            server.call("X", str(status)).fails(1, "(%d)" % (80 if status > 3 else 1), "exit status %d" % status)
        server.call("K").fails(1, "(80)", "killed by signal 9")
        server.call("NONE").fails(1, "exit status 127")
        expect("/nonexistent/x" in server.told(), "stderr is lost")
        server.call("SAID", "0").fails(1, "(58)")


@suite.test("a program that cannot be run is told, and the connection goes on")
def _(place):
    script(place, "bad", "x", head="#!/nonexistent/sh\n")
    with Server(place, "--dir=d", "GOOD=echo x") as server:
        server.call("-k", "-c", "BAD", "-c", "GOOD").fails(1, "cannot be run")
        server.call("GOOD").gives("x\n")


@suite.test("help comes from the script, or from a file beside it")
def _(place):
    script(place, "one", "#: KEY [--force]\n#: Finds KEY.\n#:\n#: And more.\n")
    script(place, "two", "#: no\n")
    script(place, "three", ":\n")
    place.write("d/two.help", "TWO [A]\n\nFrom a file.\n")
    with Server(place, "--dir=d") as server:
        out = place.ctl("describe", server.path).out.decode()
        expect(re.search(r"^ONE KEY \[--force\]\n    Finds KEY.\nT", out, re.M), out)
        expect(re.search(r"^TWO \[A\]\n    From a file.", out, re.M), out)
        expect(re.search(r"^THREE$", out, re.M), out)
        expect_equal(place.ctl("describe", server.path, "ONE").out.decode(),
                     "ONE KEY [--force]\n\nFinds KEY.\n\nAnd more.\n")


# --- Inquiries ------------------------------------------------------------------------------------

ASK = "ASK=x=$(assuanctl inquire \"$@\") || exit 77; printf '%s' \"[$x]\""


@suite.test("inquire asks the client, and prints what it answers")
def _(place):
    with Server(place, ASK, "TWO=assuanctl inquire A; assuanctl inquire B", "MAX=assuanctl inquire --max=300 A",
                "RAW=echo 'INQUIRE KEY x' >&3; sed '/^END$/q' <&4") as server:
        server.call("-i", "KEY=text:a%b", "ASK", "KEY", "x", "y").gives("[a%b]")
        out = server.call("-o", "all", "-i", "*=text:", "ASK", "KEY", "x", "y").out
        expect_equal(out, b"INQUIRE KEY x y\nD []\nOK\n")
        server.call("-i", "KEY=cancel:", "ASK", "KEY").fails(1, "(251)")
        expect("assuanctl: the client does not answer" in server.told(), server.told())
        server.call("-i", "A=text:1", "-i", "B=text:2", "TWO").gives("12")
        place.write("every", EVERY)
        server.call("-i", "A=file:every", "MAX").gives(EVERY)
        place.write("more", EVERY * 2)
        server.call("-i", "A=file:more", "-k", "-c", "MAX", "-c", "TWO").fails(1, "exit status 5")
        expect("over 300 octets (--max)" in server.told(), server.told())
        server.call("-i", "KEY=text:x%y\n", "RAW").gives("D x%25y%0A\nEND\n")


@suite.test("a long answer streams through, both ways")
def _(place):
    place.write("big", EVERY * 20000)
    with Server(place, "PASS=assuanctl inquire --max=100000000 A", "LEAVE=echo 'INQUIRE A' >&3; exit 0",
                "CLOSE=echo 'INQUIRE A' >&3; exec 4<&-; sleep 0.2; echo x") as server:
        result = server.call("-i", "A=file:big", "PASS")
        expect(result.out == EVERY * 20000, "other octets", len(result.out), result.err, server.told())
        server.call("-i", "A=file:big", "-c", "LEAVE", "-c", "PASS")
        server.call("-i", "A=file:big", "CLOSE").gives("x\n")
        server.call("-i", "A=text:x", "PASS").gives("x")


@suite.test("inquire outside of a command says so")
def _(place):
    place.ctl("inquire", "KEY").fails(5, "within a command of assuanctl serve")
    place.ctl("inquire").fails(2)
    with Server(place, "LONG=assuanctl inquire \"$(printf '%1000s' x)\"; assuanctl inquire 'A\n B'; true") as server:
        server.call("LONG").gives("")
        expect_equal(server.told().count("at most 1000 octets"), 2)


@suite.test("the script of the manual works")
def _(place):
    manual = os.path.join(os.path.dirname(os.path.realpath(__file__)), "../../man/assuanctl.1")
    with open(manual, encoding="utf-8") as f:
        text = re.search(r"^(#!/bin/sh\n#: \[NAME\].*?)^\.Ed", f.read(), re.M | re.S)[1]
    script(place, "greet", text, head="")
    with Server(place, "--dir=d") as server:
        server.call("GREET", "Ada").gives("Hello Ada", "S GREETING Ada\n")
        server.call("-q", "-i", "NAME=text:Bob", "GREET").gives("Hello Bob", "")
        server.call("-i", "NAME=cancel:", "GREET").fails(1)
        expect(place.ctl("describe", server.path, "GREET").out.startswith(b"GREET [NAME]\n"), "no help")


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


# --- Directories ----------------------------------------------------------------------------------

@suite.test("what others could have written is refused")
def _(place):
    script(place, "good", "echo x")
    for name, mode in (("group", 0o775), ("others", 0o757)):
        script(place, name, "echo no", mode)
    with Server(place, "--dir=d") as server:
        server.call("GOOD").gives("x\n")
        for name in "group", "others":
            server.call(name).fails(1)
            expect("d/%s is not served: it is writable by others; try: chmod go-w" % name in server.told(), server.told())
    os.chmod(place.path("d"), 0o777)
    place.ctl("serve", "./T", "--dir=d").fails(5, "is not served", "chmod go-w")
    os.chmod(place.path("d"), 0o755)
    if not os.getuid():
        os.chown(place.path("d/good"), 65534, -1)
        with Server(place, "--dir=d") as server:
            server.call("GOOD").fails(1)
            expect("belongs to another user" in server.told(), server.told())
        os.chown(place.path("d"), 65534, -1)
        place.ctl("serve", "./T", "--dir=d").fails(5, "belongs to another user")


@suite.test("names that the protocol needs are not for scripts")
def _(place):
    script(place, "reset", "echo no")
    with Server(place, "--dir=d") as server:
        server.call("RESET").gives("")
        expect("reset is not served" in server.told(), server.told())
    for bad in "NOP=x", "bye=x", "9=x", "x", "=x", "a.b=x":
        place.ctl("serve", "./T", bad).fails(2)
    place.ctl("serve", "./T", "A=x", "a=y").fails(2, "twice")


@suite.test("SIGHUP reads the directory again; connections keep what they began with")
def _(place):
    script(place, "one", "echo 1")
    with Server(place, "--dir=d", "FIXED=echo f") as server:
        old = server.connect()
        script(place, "two", "echo 2")
        os.unlink(place.path("d/one"))
        server.call("TWO").fails(1)
        server.process.send_signal(signal.SIGHUP)
        eventually("TWO is there", lambda: server.call("TWO").out == b"2\n")
        server.call("ONE").fails(1)
        server.call("FIXED").gives("f\n")
        old.sendall(b"TWO\nONE\n")
        text = eventually("answers", lambda: old.recv(1000))
        expect(text.startswith(b"ERR"), text)
        os.chmod(place.path("d"), 0o777)
        server.process.send_signal(signal.SIGHUP)
        eventually("the fault is told", lambda: "chmod go-w" in server.told())
        server.call("TWO").gives("2\n")


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
