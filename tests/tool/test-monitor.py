# SPDX-License-Identifier: LGPL-2.1-or-later
"""assuanctl monitor: who says what to a server, as root and as an ordinary user, without secrets."""

import json
import os
import re
import signal
import socket
import sys

from kit import TOOL, Mock, Screen, Suite, as_user, eventually, expect, expect_equal, need
from monitors import SECRET, TALK, expect_clean, memory, monitored, private, start_listening, takes, texts

suite = Suite()


# --- A program of ours ----------------------------------------------------------------------------

@suite.test("a program is watched: who it is, each line, what commands took")
def _(place):
    with Mock(place, TALK) as mock:
        result = private(monitored(place, mock, "GETINFO version", "NOP"))
    expect(result.code == 0, result)
    shown = texts(result)
    expect(re.match(r"pid \d+ uid %d .*assuanctl call -q .* \(of .*assuanctl" % os.getuid(), shown[0]), shown)
    expect_equal([re.sub(r" {2,}.*", "", x) for x in shown[1:-1]],
                 ["< OK mock", "> GETINFO version", "< D 1.0", "< OK", "> NOP", "< OK", "> BYE", "< OK"])
    expect(re.search(r"GETINFO: \d+ ms, 25 octets$", shown[4]), shown)
    expect(re.match(r"closed \(\w+\) after 3 commands$", shown[-1]), shown)


@suite.test("-j tells where it listens, before what goes by")
def _(place):
    with Mock(place) as mock:
        for subcommand, out in ("monitor", "stdout"), ("capture", "stderr"):
            args = ("-w", place.path("file")) if subcommand == "monitor" else ()
            child = place.start(subcommand, "-j", mock.address, "--listen=" + place.path("L"), *args)
            first = getattr(child, out).readline()
            if subcommand == "monitor":
                expect_equal(json.loads(first), {"type": "listen", "address": "unix:" + place.path("L")})
            else:
                expect(b"listening on" in first, first)
            child.terminate()
            expect_equal(child.wait(60), 0)
        child = place.start("monitor", "-j", mock.address, "--listen=" + place.path("L"))
        expect_equal(json.loads(child.stdout.readline())["type"], "listen")
        place.ctl("call", place.path("L"), "NOP").gives("")
        eventually("a client is told of", lambda: json.loads(child.stdout.readline())["type"] == "disconnect")
        child.terminate()
        out, err = child.communicate()
        expect_equal((child.returncode, out, err), (0, b"", b""))


@suite.test("the exit status is the program's")
def _(place):
    with Mock(place) as mock:
        private(place.ctl("monitor", mock.address, "--", "sh", "-c", "exit 7")).fails(7)
        place.ctl("monitor", mock.address, "--", "sh", "-c", "kill -9 $$").fails(137)
        place.ctl("monitor", mock.address, "--", place.path("none")).fails(5, "No such file")
        expect_equal(mock.heard, [])


@suite.test("only the program sees another socket, and nothing is left behind")
def _(place):
    with Mock(place) as mock:
        private(place.ctl("monitor", mock.address, "--", "true"))
        child = place.start("monitor", mock.address, "--", "sh", "-c", "echo ready; read x", env={
            "XDG_RUNTIME_DIR": place.dir})
        expect_equal(child.stdout.readline(), b"ready\n")
        eventually("removed", lambda: not [x for x in os.listdir(place.dir) if x.startswith("assuanctl")])
        place.ctl("call", mock.address, "NOP").gives("", "")
        expect(child.poll() is None, "the program has ended")
        child.stdin.close()
        child.stdin = None
        out = child.communicate()[0]
        expect_equal((child.returncode, b"NOP" in out), (1, False))


@suite.test("SIGTERM and SIGHUP end the program, and then the monitor")
def _(place):
    with Mock(place) as mock:
        private(place.ctl("monitor", mock.address, "--", "true"))
        for sig in signal.SIGTERM, signal.SIGHUP:
            child = place.start("monitor", mock.address, "--", "sh", "-c", "echo ready; exec sleep 600")
            expect_equal(child.stdout.readline(), b"ready\n")
            eventually("takes signals over", lambda c=child: takes(c.pid, signal.SIGTERM))
            child.send_signal(sig)
            child.communicate()
            expect_equal(child.returncode, 128 + sig)


@suite.test("JSON, one object a line")
def _(place):
    with Mock(place, TALK) as mock:
        result = private(monitored(place, mock, "BAD", "GETPIN", "OTHER", options=["-j"]))
    objects = [x for x in result.json()]
    expect_equal([x["type"] for x in objects][0], "connect")
    expect_equal(objects[0]["args"][1:3], ["call", "-q"])
    expect_equal(objects[0]["uid"], os.getuid())
    lines = [x for x in objects if x["type"] == "line"]
    expect_equal([x["from"] for x in lines[:3]], ["server", "client", "server"])
    data = [x for x in lines if x.get("redacted")]
    expect_equal([(x["line"], x["redacted"]) for x in data],
                 [("D [2 octets]", "unknown"), ("D [secret]", "secret"), ("D [12 octets]", "unknown")])
    expect(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$", lines[0]["time"]), lines[0])
    expect_equal([x["command"] for x in lines if "command" in x], ["BAD", "GETPIN", "OTHER", "BYE"])
    expect_equal(objects[-1]["type"], "disconnect")
    expect_equal(objects[-1]["commands"], 4)


@suite.test("what is shown can be chosen")
def _(place):
    with Mock(place, TALK) as mock:
        def data(*options):
            words = ["monitor", *options, mock.address, "--", TOOL, "call", "-q", mock.address]
            result = private(place.ctl(*words, "-c", "OTHER", "-c", "GETPIN", "-c", "GETINFO version"))
            return [x[4:] for x in texts(result) if x.startswith("< D")], result
        expect_equal(data()[0], ["[12 octets]", "[secret]", "1.0"])
        expect_equal(data("--show-data")[0], ["twelve octet", "[secret]", "1.0"])
        expect_equal(data("--open=OTHER", "--secret=GETINFO")[0], ["twelve octet", "[secret]", "[secret]"])
        shown, result = data("--show-secrets")
        expect_equal(shown, ["twelve octet", SECRET, "1.0"])
        expect("secrets are shown" in result.err, result)


@suite.test("times: clock, relative, iso")
def _(place):
    with Mock(place) as mock:
        for form, pattern in (("clock", r"\d\d:\d\d:\d\d\.\d{3}"), ("relative", r"0\.000000"),
                              ("iso", r"\d{4}-\d\d-\d\dT[0-9:]{8}\.\d{6}Z")):
            result = place.ctl("monitor", "--time=" + form, mock.address, "--", TOOL, "call",
                               mock.address, "NOP")
            expect(re.match(pattern + " #1 pid", private(result).out.decode()), form, result)


@suite.test("no secret shows: not on stdout or stderr, in no file, and not in memory afterwards")
def _(place):
    with Mock(place, TALK) as mock:
        for options in ((), ("-j",), ("-v",)):
            child = start_listening(place, mock, "-w", place.path("log"), *options)
            script = "/subst\n/definq PASSPHRASE X\nGETPIN\nASK\nPRESET_PASSPHRASE x -1 ${X}\n" \
                "OPTION token=${X}\nHTTP //u:${X}@host/\n"
            result = place.ctl("shell", place.path("L"), data=script, env={"X": SECRET})
            expect(SECRET in result.out.decode(), result)
            eventually("closed", lambda: b"disconnect" in place.read("log") or b"closed" in place.read("log"))
            if sys.platform == "linux":
                expect_clean(memory(child.pid))
            child.terminate()
            out, err = child.communicate()
            expect_equal(child.returncode, 0)
            log = place.read("log")
            expect(b"[secret]" in log, log)
            expect_clean(out, err, log)
            os.unlink(place.path("log"))


@suite.test("secrets in a client's command line do not show")
def _(place):
    with Mock(place, TALK) as mock:
        for args in (("-c", "PRESET_PASSPHRASE x -1 " + SECRET), ("-i", "PASSPHRASE=text:" + SECRET, "-c", "ASK"),
                     ("-c", "LOOKUP //u:%s@host/" % SECRET)):
            result = private(place.ctl("monitor", mock.address, "--", TOOL, "call", "-q", mock.address, *args))
            expect("[secret]" in texts(result)[0], result)
            expect_clean(result.out, result.err)
        # The names that an argument has in another program.
        program = place.path("gpg-preset-passphrase")
        os.symlink(sys.executable, program)
        connect = "import socket; s = socket.socket(socket.AF_UNIX); s.connect('%s'); s.recv(9)" % mock.path
        for args in (["-P", SECRET], ["-P" + SECRET], ["--passphrase", SECRET], ["--passph", SECRET],
                     ["--passphrase=" + SECRET], ["--pin", SECRET]):
            result = private(place.ctl("monitor", mock.address, "--", program, "-c", connect, *args))
            expect("[secret]" in texts(result)[0], result)
            expect_clean(result.out, result.err)
        result = private(place.ctl("monitor", mock.address, "--", sys.executable, "-c", connect, "-P", "17", "--passphrase-fd", "4"))
        expect(" -P 17 --passphrase-fd 4 " in texts(result)[0], result)


# --- GnuPG ----------------------------------------------------------------------------------------

def start_key(place):
    """An agent with a key of a passphrase, SECRET; returns a file that is encrypted to it."""
    need("gpg")
    place.start_agent()
    quick = ["gpg", "--batch", "-q", "--pinentry-mode=loopback", "--passphrase=" + SECRET]
    place.run(*quick, "--quick-gen-key", "a@b", "future-default", "default", "never")
    place.write("plain", "the message\n")
    expect(place.run("gpg", "--batch", "-q", "-r", "a@b", "-o", place.path("m.gpg"), "-e", place.path("plain")
                     ).code == 0, "cannot encrypt")
    place.run("gpgconf", "--reload", "gpg-agent")
    return place.path("m.gpg")


@suite.test("an ordinary user watches a program, too")
def _(place):
    user, tool = as_user(place)
    os.mkdir(place.path("u"), 0o700)
    with Mock(place, TALK, name="u/S") as mock:
        for path in place.path("u"), mock.path:
            os.chown(path, 65534, 65534)
        result = private(place.run(*user, tool, "monitor", mock.address, "--", tool, "call", mock.address,
                                   "GETPIN"))
    expect(result.code == 0, result)
    expect(re.search(r"#1 pid \d+ uid 65534 .*call", result.out.decode()), result)
    expect("< D [secret]" in texts(result), result)


@suite.test("an ordinary user watches gpg --decrypt")
def _(place):
    user, tool = as_user(place)
    message = start_key(place)
    place.run("gpgconf", "--kill", "all")
    for directory, _, names in os.walk(place.home):
        for name in ["", *names]:
            os.chown(os.path.join(directory, name), 65534, 65534)
    os.chmod(message, 0o644)
    result = private(place.run(*user, tool, "monitor", "agent", "--", "gpg", "--batch", "-q",
                               "--pinentry-mode=loopback", "--passphrase-fd", "0", "-d", message, data=SECRET))
    place.run(*user, "gpgconf", "--kill", "all")
    expect(result.code == 0 and b"the message\n" in result.out, result)
    expect(re.search(r"#1 pid \d+ uid 65534 gpg --batch", result.out.decode()), result)
    expect("PKDECRYPT: " in result.out.decode() and "< D [secret]" in texts(result), result)
    expect_clean(result.out, result.err)


@suite.test("gpg decrypts; who asks is named, and no secret shows")
def _(place):
    message = start_key(place)
    pass_file = place.write("pass", SECRET)
    for options in (), ("-j",):
        place.run("gpgconf", "--reload", "gpg-agent")
        result = private(place.ctl(
            *options, "monitor", "-w", place.path("log"), "agent", "--", "gpg", "--batch",
            "--pinentry-mode=loopback", "--passphrase-file", pass_file, "-q", "-d", message))
        expect(result.code == 0, result)
        expect_equal(result.out, b"the message\n")
        log = place.read("log").decode()
        expect("PKDECRYPT" in log and "INQUIRE PASSPHRASE" in log and "gpg" in log, log)
        expect(log.count("D [secret]") >= 2, log)
        expect_clean(log, result.err)
    result = place.ctl("monitor", "agent", "--", "gpg", "--batch", "--pinentry-mode=loopback", "-q",
                       "--passphrase", SECRET, "-d", message)
    expect("--passphrase [secret]" in result.out.decode(), result)
    expect_clean(result.out, result.err)


# --- Ends and usage -------------------------------------------------------------------------------

@suite.test("a reader that leaves ends it by SIGPIPE")
def _(place):
    with Mock(place, TALK) as mock:
        child = start_listening(place, mock)
        child.stdout.close()
        child.stdout = None
        place.ctl("call", place.path("L"), "NOP")
        expect_equal(child.wait(60), -signal.SIGPIPE)


@suite.test("Ctrl-C is the program's")
def _(place):
    with Mock(place, TALK) as mock:
        private(place.ctl("monitor", mock.address, "--", "true"))
        child = place.start("monitor", mock.address, "--", "sh", "-c",
                            "trap 'exec %s call -q %s GETINFO version' INT; echo ready; "
                            "while :; do sleep 0.05; done" % (TOOL, mock.address), start_new_session=True)
        expect_equal(child.stdout.readline(), b"ready\n")
        os.killpg(child.pid, signal.SIGINT)
        out = child.communicate()[0]
        expect_equal(child.returncode, 0)
        expect(b"> GETINFO version" in out, out)


@suite.test("--timeout ends it, and the program")
def _(place):
    with Mock(place) as mock:
        result = private(place.ctl("monitor", "--timeout=200ms", mock.address, "--", "sleep", "60"))
        result.fails(4)


@suite.test("no escape reaches a terminal")
def _(place):
    with Mock(place, TALK) as mock:
        private(place.ctl("monitor", mock.address, "--", "true"))
        screen = Screen(place, "monitor", "--show-data", mock.address, "--", TOOL, "call", "-q", "-o", "ok",
                        mock.address, "ESC")
        screen.end()
        expect("\x1b" not in screen.text and "\x07" not in screen.text and "\x9b" not in screen.text,
               repr(screen.text))
        expect("S %1B[2J" in screen.text, repr(screen.text))


@suite.test("wrong usage, and what cannot be watched")
def _(place):
    for args in ((), ("./S",), ("./S", "--"), ("./S", "--listen=./L", "--", "x"), ("--stdio",),
                 ("--stdio", "./S", "--", "x"), ("--stdio", "--listen=./L", "--", "x"),
                 ("./S", "./T", "--", "x"), ("./S", "--listen=tcp:127.0.0.1:1"),
                 ("./S", "--listen=exec:x"), ("./S", "--time=x", "--", "x")):
        place.ctl("monitor", *args).fails(2)
    place.ctl("monitor", "./none", "--", "true").fails(3, "cannot connect")
    name = "@evt-%d" % os.getpid()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind("\0" + name[1:])
    listener.listen(1)
    place.ctl("monitor", name, "--", "true").fails(5, "--listen")
    listener.close()
    with Mock(place) as mock:
        place.ctl("monitor", mock.address, "-w", "/nonexistent/x", "--", "true").fails(5, "No such file")


suite.main()
