# SPDX-License-Identifier: LGPL-2.1-or-later
"""assuanctl monitor: who says what to a server, as root and as an ordinary user, without secrets."""

import base64
import glob
import json
import os
import random
import re
import signal
import socket
import stat
import sys
import threading

from kit import TIMEOUT, TOOL, Mock, Screen, Skip, Suite, as_user, eventually, expect, expect_equal, need

suite = Suite()

SECRET = "qZ" + base64.b16encode(os.urandom(12)).decode().lower()
TALK = {"GETPIN": "D %s\nOK\n" % SECRET, "GETINFO version": "D 1.0\nOK\n", "OTHER": "D twelve octet\nOK\n",
        "BAD": b"D a\xff\nOK\n", "ASK": "INQUIRE PASSPHRASE x\n", "END": "OK\n",
        "ESC": "# \x1b]0;x\x07\nS \x1b[2J\x9b31m\nD \x1b[31m\xc2\x9b\nOK \x1bc\n"}


def forms(secret):
    """How a secret may be written."""
    octets = secret.encode()
    return [octets, octets.hex().encode(), octets.hex().upper().encode(),
            b"".join(b"%%%02X" % x for x in octets), base64.b64encode(octets)[:-2]]


def expect_clean(*texts):
    """No secret is in any of them."""
    for text in texts:
        text = text if isinstance(text, bytes) else text.encode()
        for form in forms(SECRET):
            at = text.find(form)
            expect(at < 0, "a secret shows:", text[max(at - 200, 0):at + 100])


def monitored(place, mock, *commands, options=()):
    """What a monitor shows of a client that gives these commands."""
    words = [x for c in commands for x in ("-c", c)]
    return place.ctl(*options, "monitor", mock.address, "--", TOOL, "call", "-q", "-o", "comments", mock.address,
                     *words)


def private(result):
    """Skip where the system has no private mounts for this user."""
    if result.code == 5 and "allows no private" in result.err:
        raise Skip("no private mounts here")
    return result


def texts(result):
    """The lines without time and connection."""
    return [x.split(" ", 2)[2] for x in result.out.decode().splitlines() if re.match(r"[0-9:.]+ #", x)]


def takes(pid, sig):
    """Whether a process has blocked the signal, to read it."""
    with open("/proc/%d/status" % pid, encoding="ascii") as f:
        return int(re.search(r"SigBlk:\s*(\w+)", f.read())[1], 16) >> (sig - 1) & 1


def start_listening(place, mock, *options):
    """A monitor between a socket L and the mock."""
    child = place.start("monitor", mock.address, "--listen=" + place.path("L"), *options)
    first = (child.stdout if "-j" in options else child.stderr).readline()
    expect(b"listen" in first, "does not listen")
    return child


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


def memory(pid):
    """What a process may write to, without what is too big to be of use."""
    octets = []
    with open("/proc/%d/maps" % pid, encoding="ascii") as maps, open("/proc/%d/mem" % pid, "rb", 0) as mem:
        for line in maps:
            begin, end = (int(x, 16) for x in line.split()[0].split("-"))
            if line.split()[1].startswith("rw") and end - begin < 1 << 26 and "[v" not in line:
                try:
                    mem.seek(begin)
                    octets.append(mem.read(end - begin))
                except OSError:
                    pass
    expect(sum(map(len, octets)) > 10000, "no memory")
    return b"".join(octets)


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
