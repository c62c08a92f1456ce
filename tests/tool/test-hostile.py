# SPDX-License-Identifier: LGPL-2.1-or-later
"""Servers that mean harm: whatever they say, each subcommand ends as it says, with a message, and no
control character reaches a terminal."""

import json
import random
import socket
import sys
from concurrent.futures import ThreadPoolExecutor

from kit import TOOL, Mock, Screen, Suite, expect

suite = Suite()


def flood(sock, _):
    """Status lines without end."""
    while True:
        sock.sendall(b"S FLOOD " + b"x" * 900 + b"\n")


def endless(sock, _):
    """A line without end."""
    while True:
        sock.sendall(b"D " + b"x" * 65536)


def inquiries(sock, _):
    """Inquiries without end, and no time to answer."""
    while True:
        sock.sendall(b"INQUIRE KEY\n")


def comments(sock, _):
    """Comments and empty lines without end."""
    while True:
        sock.sendall(b"#\n\n# x\n" * 1000)


def pauses(sock, _):
    """A pause in the data, again and again, and octets that come one by one."""
    for _ in range(200):
        for octet in b"D\nD x\nEND\n":
            sock.sendall(bytes([octet]))
    return "OK\n"


def descriptors(sock, _):
    """Descriptors that no client has asked for, with every line."""
    with open("/dev/null", "rb") as f:
        for _ in range(100):
            socket.send_fds(sock, [b"S x\n"], [f.fileno()] * 20)
    return "OK\n"


def noise(sock, _):
    """Lines that mean nothing, and some that nearly do."""
    dice = random.Random(7)
    for _ in range(300):
        sock.sendall(dice.choice([b"", b"D", b"S", b"#", b"INQUIRE ", b"D ", b"D %", b"D %z", b"S \xff "])
                     + bytes(dice.choice(range(32, 256)) for _ in range(dice.randrange(60))) + b"\n")
    return "OK\n"


ANSWERS = {
    "flood": flood, "an endless line": endless, "endless inquiries": inquiries, "noise": noise,
    "endless comments": comments, "pauses": pauses, "descriptors": descriptors,
    "a length that is none": b"S INQUIRE_MAXLEN 99999999999999999999\nS INQUIRE_MAXLEN -5\nS INQUIRE_MAXLEN\n"
                             b"S INQUIRE_MAXLEN x\nINQUIRE KEY\n",
    "a length of nothing": "S INQUIRE_MAXLEN 0\nINQUIRE KEY\n",
    "a line of 1000 octets, and of 1001": b"D " + b"%41" * 332 + b"a\n" + b"D " + b"b" * 999 + b"\nOK\n",
    "half an escape": b"D abc%\nD %4\nD 1%e2%82\nD %ac\nOK\n", "CRs": b"D x\r\r\nS x\r\r\r\nOK\r\r\n",
    "nothing": b"", "an end of file": None,
    "NUL": b"D a\0b\nS a\0b\n# a\0b\nOK a\0b\n", "half a reply": lambda s, _: s.sendall(b"D x\nO"),
    "two replies": "OK\nOK\nERR 1\nOK\n", "a late inquiry": "OK\nINQUIRE KEY\n", "no number": "ERR\n",
    "a huge number": "ERR 99999999999999999999 x\n", "a negative one": "ERR -1 x\n", "ERR 0": "ERR 0\n",
    "an inquiry without a keyword": "INQUIRE\nINQUIRE \nOK\n", "END first": "END\nEND\nOK\n",
    "escapes": "# \x1b]0;x\x07\nS \x1b[2J\x9b31m\nD \x1b[31m%1b%9b\xc2\x9b\nOK \x1bc\n",
    "an inquiry of escapes": "INQUIRE \x1b[2J \x1b[31m\n", "long status": b"S " + b"x" * 998 + b"\nOK\n",
    "progress": "S PROGRESS \x1b[2J x 5 1\nS PROGRESS x ? -1 99999999999999999999999\nS PROGRESS\nOK\n",
    "help": "#\n# \n#  \n# --\n# X [--[\n# X [--[a-]\n# X --\n\nOK\n",
}

# Stands between stdin and stdout, and a socket: so a mock is a server that is started.
BRIDGE = """import os, socket, sys, threading
sock = socket.socket(socket.AF_UNIX)
sock.connect(sys.argv[1])


def replies():
    try:
        while octets := sock.recv(65536):
            while octets:
                octets = octets[os.write(1, octets):]
    finally:
        os._exit(0)


threading.Thread(target=replies).start()
while octets := os.read(0, 65536):
    sock.sendall(octets)
sock.shutdown(socket.SHUT_WR)
"""

INQUIRIES = "inquire,inquire-can,inquire-cancel,inquire-big,escape,leave"

STARTED = (sys.executable, "-c", BRIDGE, "{path}")

COMMANDS = (
    ("call", "-i", "KEY=text:x", "{}", "HELP"), ("-j", "call", "{}", "HELP"), ("-v", "call", "{}", "HELP"),
    ("call", "-o", "all", "{}", "HELP"), ("describe", "{}"), ("-j", "describe", "{}", "HELP"),
    ("wait", "--for=HELP", "{}"), ("shell", "--decode", "{}", "-c", "HELP", "-c", "HELP"),
    ("shell", "--hex", "{}", "-c", "HELP"), ("complete", "--", "call", "{}", ""),
    ("monitor", "{}", "--", TOOL, "call", "-q", "-o", "comments", "{}", "HELP"),
    ("-j", "monitor", "{}", "--", "sh", "-c", TOOL + " call -q $0 HELP >/dev/null", "{}"),
    ("capture", "-w", "/dev/null", "{}", "--", TOOL, "call", "-q", "{}", "HELP"),
    ("conform", "--only=help,help-name", "{}"), ("-j", "conform", "--only=help,help-name", "{}"),
    ("conform", "--command=HELP", "--only=" + INQUIRIES, "{}"),
    ("-j", "conform", "--command=HELP", "--only=" + INQUIRIES, "{}"),
    ("relay", "stdio:", "{}"), ("-v", "relay", "--log", "stdio:", "{}"), ("relay", "stdio:", "--", *STARTED),
    ("monitor", "--stdio", "--", *STARTED), ("capture", "--stdio", "-w", "/dev/null", "--", *STARTED),
    ("call", "-q", "-c", "HELP", "--", *STARTED),
)


def words(command, mock):
    """The command, with the address of the mock in it."""
    return [x.replace("{}", mock.address).replace("{path}", mock.path) for x in command]


def run(place, command, mock):
    """Run it, with a command on stdin for those that are servers."""
    result = place.ctl("--timeout=300ms", *words(command, mock), data=b"HELP\nBYE\n")
    expect(result.code in (0, 1, 3, 4, 5), result)
    if "-j" in command:
        expect(all(json.loads(x) for x in result.out.splitlines()), result)
    return result


for NAME, ANSWER in ANSWERS.items():
    @suite.test("a server sends " + NAME)
    def _(place, answer=ANSWER):
        def meet(number):
            with Mock(place, {"HELP": answer, "HELP HELP": answer}, name="S%d" % number) as mock:
                run(place, COMMANDS[number], mock)
        with ThreadPoolExecutor(4) as pool:     # most of them wait for --timeout
            list(pool.map(meet, range(len(COMMANDS))))


@suite.test("no escape reaches a terminal")
def _(place):
    for number, name in enumerate(("escapes", "an inquiry of escapes", "progress")):
        for command in [x for x in COMMANDS if x[0] != "-j" and not {"complete", "capture", "monitor"} & set(x)]:
            with Mock(place, {"HELP": ANSWERS[name], "HELP HELP": ANSWERS[name]}, name="S") as mock:
                screen = Screen(place, "--color=never", "--timeout=300ms", "--no-pager", *words(command, mock))
                screen.end()
                text = screen.text.replace("\x1b[K", "")
                expect("\x1b" not in text and "\x07" not in text and "\x9b" not in text, number, command,
                       repr(text))


@suite.test("greetings that are none, or without end")
def _(place):
    for number, greeting in enumerate((b"OK " + b"x" * 5000 + b"\n", b"\0\0\0\n", b"D x\n", b"INQUIRE X\n",
                                       b"# x\n" * 50000, b"ERR\n", b"OK\0\n", b"\n\n\n")):
        with Mock(place, greeting=greeting, name="S%d" % number) as mock:
            for args in ("call", mock.address, "NOP"), ("shell", mock.address, "-c", "NOP"), (
                    "describe", mock.address), ("wait", mock.address), ("conform", "--only=greet", mock.address):
                expect(place.ctl("--timeout=300ms", *args).code in (0, 1, 3, 4), args, greeting[:20])


suite.main()
