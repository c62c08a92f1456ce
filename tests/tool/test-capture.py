# SPDX-License-Identifier: LGPL-2.1-or-later
"""assuanctl capture: files for Wireshark, and what its dissector makes of them."""

import os
import random
import shutil
import signal
import socket
import stat
import struct
import threading
import time

from kit import TOOL, Mock, Screen, Skip, Suite, eventually, expect, expect_equal, need

suite = Suite()

DISSECTOR = os.environ.get("EVA_DISSECTOR", "")
SECRET = "qZ81f0a6bb3e9d"
TALK = {"GETPIN": "D %s\nOK\n" % SECRET, "GETINFO version": b"D 2.2%25%0A\xff\nOK done\n",
        "ASK": "S PROGRESS x ? 1 2\n# comment\nINQUIRE KEYPARAM a b\n", "END": "OK\n",
        "FAIL": "ERR 67108881 No secret key <GPG Agent>\n", "ODD": "ERR -2147483371 x\n"}


def blocks(octets):
    """The blocks of a pcapng file: (type, body)."""
    while octets:
        kind, size = struct.unpack_from("<II", octets)
        expect(size % 4 == 0 and struct.unpack_from("<I", octets, size - 4)[0] == size, "no block", octets[:60])
        yield kind, octets[8:size - 4]
        octets = octets[size:]


def options(octets):
    """The options at the end of a block."""
    found = {}
    while True:
        code, size = struct.unpack_from("<HH", octets)
        if not code:
            expect_equal(len(octets), 4)
            return found
        found[code] = octets[4:4 + size]
        octets = octets[4 + (size + 3) // 4 * 4:]


def records(octets):
    """(tags, line, options, nanoseconds) of each record; the first two blocks are the head."""
    all_blocks = list(blocks(octets))
    expect_equal([x[0] for x in all_blocks[:2]], [0x0A0D0D0A, 1])
    for kind, body in all_blocks[2:]:
        expect_equal(kind, 6)
        interface, high, low, size, original = struct.unpack_from("<IIIII", body)
        expect_equal((interface, size), (0, original))
        payload, tags = body[20:20 + size], {}
        while True:
            tag, length = struct.unpack_from(">HH", payload)
            value, payload = payload[4:4 + length], payload[4 + length:]
            if not tag:
                break
            tags[tag] = value.rstrip(b"\0") if tag == 12 else struct.unpack(">I", value)[0]
        expect(payload.endswith(b"\n"), payload)
        yield tags, payload[:-1], options(body[20 + (size + 3) // 4 * 4:]), high << 32 | low


def private(result):
    if result.code == 5 and "allows no private" in result.err:
        raise Skip("no private mounts here")
    return result


def captured(place, mock, *args):
    """Capture a client that gives commands; returns the file's path."""
    client = ["call", "-q", "-k", "-i", "KEYPARAM=text:100%", mock.address]
    for command in ("GETINFO version", "GETPIN", "ASK", "FAIL", "ODD"):
        client += ["-c", command]
    result = private(place.ctl("capture", "-w", place.path("c.pcapng"), *args, mock.address, "--", TOOL, *client))
    expect(result.code in (0, 1), result)
    return place.path("c.pcapng")


@suite.test("a file has its head, and a record for each line")
def _(place):
    before = time.time_ns()
    with Mock(place, TALK) as mock:
        octets = place.read(captured(place, mock))
    head, interface = [x[1] for x in list(blocks(octets))[:2]]
    expect_equal(head[:8], struct.pack("<IHH", 0x1A2B3C4D, 1, 0))
    version = place.ctl("--version").out.strip()
    expect_equal(options(head[16:]), {4: version})
    expect_equal(interface[:8], struct.pack("<HHI", 252, 0, 0))
    expect_equal(options(interface[8:]), {2: mock.address.encode(), 9: b"\x09"})
    all_records = list(records(octets))
    expect_equal([x[1] for x in all_records[:6]], [
        b"OK mock", b"GETINFO version", b"D 2.2%25%0A\xff", b"OK done", b"GETPIN", b"D [secret]"])
    for tags, line, opts, when in all_records:
        from_server = tags[35]
        expect_equal(tags, {12: b"assuan", 24: 0, 25: 0 if from_server else 1, 26: 1 if from_server else 0,
                            35: from_server}, line)
        expect_equal(opts[2], struct.pack("<I", 1 if from_server else 2))
        expect(before <= when <= time.time_ns(), "another time")
    expect(all_records[0][2][1].startswith(b"conn 1: pid "), all_records[0][2])
    expect(not any(1 in x[2] for x in all_records[1:]), "more comments")
    expect(SECRET.encode() not in octets, "a secret is in the file")
    expect_equal(stat.S_IMODE(os.stat(place.path("c.pcapng")).st_mode), 0o600)


@suite.test("--show-secrets is told in the file")
def _(place):
    with Mock(place, TALK) as mock:
        octets = place.read(captured(place, mock, "--show-secrets"))
    head = list(blocks(octets))[0][1]
    expect(b"--show-secrets" in options(head[16:])[1], head)
    expect(SECRET.encode() in octets, "no secret is shown")


@suite.test("to stdout: the program's own output is on stderr; a terminal is refused")
def _(place):
    with Mock(place, TALK) as mock:
        result = private(place.ctl("capture", mock.address, "--", TOOL, "call", mock.address, "GETINFO version"))
        expect(result.code == 0 and "2.2%" in result.err, result)
        expect_equal(len(list(records(result.out))), 6)
        screen = Screen(place, "capture", mock.address, "--", "true")
        expect_equal(screen.end(), 2)
        expect("not for a terminal" in screen.text, screen.text)
        place.ctl("capture", "--stdio", "--", "cat").fails(2, "--write")


@suite.test("what was captured is whole, however the capture ends")
def _(place):
    with Mock(place, TALK) as mock:
        for sig in signal.SIGTERM, signal.SIGINT, signal.SIGKILL:
            child = place.start("capture", mock.address, "--listen=" + place.path("L"), "-w",
                                place.path("k.pcapng"))
            child.stderr.readline()
            client = socket.socket(socket.AF_UNIX)
            client.connect(place.path("L"))
            client.sendall(b"GETINFO version\n" * 50)
            eventually("captured", lambda: len(list(records(place.read("k.pcapng")))) == 151)
            child.send_signal(sig)
            child.communicate()
            expect_equal(len(list(records(place.read("k.pcapng")))), 151)
            client.close()


# --- The dissector --------------------------------------------------------------------------------

def tshark(place, *args, data=b""):
    need("tshark")
    expect(os.path.exists(DISSECTOR), "EVA_DISSECTOR names no file")
    result = place.run("tshark", "-X", "lua_script:" + DISSECTOR, *args, data=data)
    expect("Lua" not in result.err and b"Lua Error" not in result.out and "rror" not in result.err, result)
    return result


def rows(place, path, *names, where=None):
    args = [x for n in names for x in ("-e", n)]
    out = tshark(place, "-r", path, *(["-Y", where] if where else []), "-T", "fields", *args).out.decode()
    return [x.split("\t") for x in out.splitlines()]


@suite.test("tshark: fields of every kind of line")
def _(place):
    need("tshark")
    with Mock(place, TALK) as mock:
        path = captured(place, mock)
    fields = ["from", "connection", "command", "args", "reply", "status", "inquire", "text", "data", "err.code",
              "err.source"]
    got = [dict((k, v) for k, v in zip(fields, row) if v) for row in
           rows(place, path, *("assuan." + x for x in fields))]
    server, client = {"from": "server", "connection": "1"}, {"from": "client", "connection": "1"}
    expect_equal(got[:17], [
        {**server, "reply": "OK", "text": "mock"},
        {**client, "command": "GETINFO", "args": "version"},
        {**server, "data": "322e32250aff"},
        {**server, "reply": "OK", "text": "done"},
        {**client, "command": "GETPIN"},
        {**server, "text": "[secret]"},
        {**server, "reply": "OK"},
        {**client, "command": "ASK"},
        {**server, "status": "PROGRESS", "text": "x ? 1 2"},
        {**server, "text": "comment"},
        {**server, "inquire": "KEYPARAM", "text": "a b"},
        {**client, "data": "31303025"},
        {**client, "command": "END"},
        {**server, "reply": "OK"},
        {**client, "command": "FAIL"},
        {**server, "reply": "ERR", "text": "67108881 No secret key <GPG Agent>", "err.code": "17",
         "err.source": "4"},
        {**client, "command": "ODD"}])
    expect_equal((got[17]["err.code"], got[17]["err.source"]), ("277", "0"))


@suite.test("tshark: replies are linked to their requests, filters and comments work")
def _(place):
    need("tshark")
    with Mock(place, TALK) as mock:
        path = captured(place, mock)
    expect_equal(rows(place, path, "frame.number", "assuan.request_in", where="assuan.request_in")[:5],
                 [["4", "2"], ["7", "5"], ["14", "8"], ["16", "15"], ["18", "17"]])
    expect_equal(rows(place, path, "frame.number", "assuan.err.source", "assuan.request_in",
                      where="assuan.err.code == 17"), [["16", "4", "15"]])
    expect_equal(rows(place, path, "frame.number", where="assuan.redacted"), [["6"]])
    comment = rows(place, path, "frame.comment", where="frame.comment")
    expect(len(comment) == 1 and comment[0][0].startswith("conn 1: pid"), comment)
    times = [x[3] for x in records(place.read("c.pcapng"))]
    took = rows(place, path, "assuan.time", where="frame.number == 4")[0][0]
    expect_equal(took, "%d.%09d" % divmod(times[3] - times[1], 10**9))
    summary = tshark(place, "-r", path).out.decode().splitlines()
    expect("client 1" in summary[1] and "server" in summary[1] and "ASSUAN" in summary[1], summary[1])
    expect(summary[1].endswith("C: GETINFO version"), summary[1])


@suite.test("tshark reads it live, too, and other tools read it")
def _(place):
    need("tshark")
    with Mock(place, TALK) as mock:
        octets = place.read(captured(place, mock))
    n = len(list(records(octets)))
    expect_equal(len(tshark(place, "-r", "-", data=octets).out.splitlines()), n)
    if shutil.which("capinfos"):
        result = place.run("capinfos", "-c", "-M", "c.pcapng")
        expect(("Number of packets:   %d" % n) in result.out.decode(), result)
    # Without the dissector the octets can be read.
    result = place.run("tshark", "-r", place.path("c.pcapng"), "-x")
    expect(b"GETINFO" in result.out, result)


@suite.test("requests that are sent ahead, several connections, answers that are refused")
def _(place):
    need("tshark")
    with Mock(place, {"CAN": "ERR 1\n", **TALK}) as mock:
        child = place.start("capture", mock.address, "--listen=" + place.path("L"), "-w", place.path("c.pcapng"))
        child.stderr.readline()
        clients = []
        for n in range(2):
            client = socket.socket(socket.AF_UNIX)
            client.connect(place.path("L"))
            expect_equal(client.recv(100), b"OK mock\n")
            clients.append(client)
        for client in clients:
            client.sendall(b"NOP\n# x\n\nFAIL\nNOP\n")
            take(client, 3)
        clients[1].sendall(b"ASK\n")
        while b"INQUIRE" not in clients[1].recv(1000):
            pass
        clients[1].sendall(b"CAN\nNOP\n")
        take(clients[1], 2)
        child.terminate()
        child.communicate()
    linked = rows(place, place.path("c.pcapng"), "assuan.connection", "frame.number", "assuan.request_in",
                  where="assuan.request_in")
    commands = {x[0]: x[1:] for x in rows(place, place.path("c.pcapng"), "frame.number", "assuan.connection",
                                          "assuan.command", where="assuan.command")}
    expect_equal(sorted((c, commands[r][1]) for c, _, r in linked), sorted(
        [("1", "NOP"), ("1", "FAIL"), ("1", "NOP"), ("2", "NOP"), ("2", "FAIL"), ("2", "NOP"), ("2", "ASK"),
         ("2", "NOP")]))
    expect(all(commands[r][0] == c for c, _, r in linked), linked)


def take(sock, n_replies):
    """Read so many OK and ERR."""
    octets = b""
    while octets.count(b"OK\n") + octets.count(b"ERR ") < n_replies or not octets.endswith(b"\n"):
        more = sock.recv(65536)
        expect(more, "closed", octets)
        octets += more


@suite.test("whatever lines have, the dissector raises no error")
def _(place):
    need("tshark")
    dice = random.Random(11)
    words = [b"", b"D", b"S", b"OK", b"ERR", b"INQUIRE", b"#", b"END", b"CAN", b"NOP", b" ", b"\r", b"\0",
             b"[secret]", b"[12 octets]", b"%", b"%4", b"%41", b"%zz", b"-", b"99999999999999999999999", b"-1",
             b"1e99", b"0x10", b"nan", b"\xff\xfe", b"\xe2\x82\xac", b"x" * 999, b"%s%n", b"[%d+"]

    def line():
        return b"".join(dice.choice((dice.choice(words), b" ", bytes([dice.choice(
            [x for x in range(256) if x != 10])]))) for _ in range(dice.randrange(7))) + b"\n"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(place.path("S"))
    listener.listen(4)
    child = place.start("capture", place.path("S"), "--listen=" + place.path("L"), "--show-secrets", "-w",
                        place.path("f.pcapng"))
    while b"listening" not in child.stderr.readline():
        pass
    client = socket.socket(socket.AF_UNIX)
    client.connect(place.path("L"))
    server = listener.accept()[0]
    for sock in client, server:
        threading.Thread(target=lambda s=sock: [0 for _ in iter(lambda: s.recv(65536), b"")], daemon=True).start()
    n = 3000
    for _ in range(n):
        dice.choice((client, server)).sendall(line())
    eventually("captured", lambda: len(list(records(place.read("f.pcapng")))) == n)
    child.terminate()
    child.communicate()
    out = tshark(place, "-r", place.path("f.pcapng"), "-V").out
    expect(out.count(b"Assuan IPC") + out.count(b"Assuan, ") >= n, "records are missing")
    expect_equal(len(tshark(place, "-2", "-r", place.path("f.pcapng")).out.splitlines()), n)
    client.close()
    server.close()
    listener.close()


suite.main()
