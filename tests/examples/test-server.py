#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""An example server's dialogues: every command, alone, in crowds and with rude clients.

usage: test-server.py CLIENT SERVER ARGUMENT...      where {} stands for the socket's path
"""

import fcntl
import hashlib
import os
import pty
import re
import shutil
import socket
import sys
import tempfile
import termios
import threading

import kit
from kit import Server, Skip, eventually, expect, expect_equal, run

# Error codes of libgpg-error.
UNKNOWN_COMMAND, PARAMETER, NO_INPUT, NO_OUTPUT = 275, 280, 278, 279
TOO_MUCH_DATA, CANCELED, UNEXPECTED_CMD = 273, 277, 274
EBADF, EPIPE, EISDIR = 32779, 32877, 32819
MAX_LEN = 16 << 20


def data(lines):
    """The data in a reply."""
    octets = b"".join(x[2:] for x in lines if x.startswith(b"D "))
    return re.sub(rb"%([0-9A-F]{2})", lambda m: bytes([int(m[1], 16)]), octets)


def sha256(octets):
    return hashlib.sha256(octets).hexdigest().encode()


# --- Commands -------------------------------------------------------------------------------------

def greeting():
    """the server greets first, without being asked"""
    with Server() as server, server.connect(greeting=False) as c:
        expect_equal(c.line(), b"OK Pleased to meet you, process %d" % server.process.pid)


def echo():
    """ECHO gives the text back, whatever it is"""
    with Server() as server, server.connect() as c:
        c.expect(b"ECHO hello world", b"D hello world", b"OK")
        c.expect(b"ECHO", b"OK")
        c.expect(b"ECHO 100%\rx", b"D 100%25%0Dx", b"OK")
        text = b"%" * 990
        expect_equal(data(c.command(b"ECHO " + text)), text)


def count():
    """COUNT counts in status lines and then says OK"""
    with Server() as server, server.connect() as c:
        c.expect(b"COUNT 3", *(b"S PROGRESS COUNT ? %d 3" % i for i in (1, 2, 3)), b"OK")
        c.expect(b"COUNT 0", b"OK")
        server.expect_asleep()


def list_():
    """LIST gives as many lines of data as wanted"""
    with Server() as server, server.connect() as c:
        c.expect(b"LIST 0", b"OK")
        c.expect(b"LIST 3", b"D 1%0A", b"D 2%0A", b"D 3%0A", b"OK")
        reply = c.command(b"LIST 30000")
        expect_equal(reply, [b"D %d%%0A" % i for i in range(1, 30001)] + [b"OK"])


def numbers():
    """COUNT and LIST refuse what is not one number"""
    with Server() as server, server.connect() as c:
        for name in (b"COUNT", b"LIST"):
            for text in (b"", b" -1", b" +1", b" x", b" 1x", b" 1 2", b" 99999999999999999999"):
                c.expect_error(name + text, PARAMETER)
        c.expect(b"LIST  1 ", b"D 1%0A", b"OK")


def fail():
    """FAIL fails with the code and the text"""
    with Server() as server, server.connect() as c:
        expect(c.expect_error(b"FAIL 27 no such thing", 27).endswith(b" - no such thing"), "text")
        expect(b" - " not in c.expect_error(b"FAIL 27", 27), "text of the one before")
        c.expect_error(b"FAIL 65535 all bits", 65535)
        for text in (b"", b" 0", b" 65536", b" x", b" 1x", b" 999999999999999999999"):
            c.expect_error(b"FAIL" + text, PARAMETER)
        c.expect_error(b"FAIL 16383 end of file", 16383)
        c.expect(b"NOP", b"OK")


def plain(line):
    """A synopsis without its brackets."""
    return line.translate(None, b"<>[]")


def help_():
    """HELP names every command, HELP NAME tells more"""
    with Server() as server, server.connect() as c:
        lines = [plain(x) for x in c.command(b"HELP")]
        for usage in (b"ECHO text", b"COUNT n", b"LIST n", b"DIGEST", b"INPUT FD", b"OUTPUT FD",
                      b"COPY", b"FAIL code text"):
            expect(b"# " + usage in lines, "HELP does not name", usage, lines)
            reply = c.command(b"HELP " + usage.split()[0])
            expect(len(reply) > 2 and reply[-1] == b"OK", "no help for", usage, reply)


def others():
    """NOP, RESET, BYE, OPTION and unknown commands are answered"""
    with Server() as server:
        with server.connect() as c:
            c.expect(b"NOP", b"OK")
            c.expect(b"RESET", b"OK")
            c.expect_error(b"NONSENSE", UNKNOWN_COMMAND)
            c.expect(b"OPTION name=value", b"OK")
            c.expect(b"BYE", b"OK closing connection")
            expect_equal(c.line(), None)
        server.expect_fds(0)


def digest():
    """DIGEST asks for data and tells their SHA-256"""
    with Server() as server, server.connect() as c:
        c.expect(b"DIGEST", b"INQUIRE DATA")
        c.send(b"D abc%0A\nD \x00%25\nD def\n")
        c.expect(b"END", b"D " + sha256(b"abc\n\x00%def"), b"OK")
        c.expect(b"DIGEST", b"INQUIRE DATA")
        c.expect(b"END", b"D " + sha256(b""), b"OK")
        # All at once, and the next command right behind.
        c.send(b"DIGEST\nD xyz\nEND\nECHO next\n")
        expect_equal(c.reply(), [b"INQUIRE DATA"])
        expect_equal(c.reply(), [b"D " + sha256(b"xyz"), b"OK"])
        expect_equal(c.reply(), [b"D next", b"OK"])


def digest_refused():
    """a DIGEST that the client cancels or answers with a command fails"""
    with Server() as server, server.connect() as c:
        c.expect(b"DIGEST", b"INQUIRE DATA")
        c.expect_error(b"CAN", CANCELED)
        c.expect(b"DIGEST", b"INQUIRE DATA")
        c.send(b"D abc\n")
        c.expect_error(b"ECHO x", UNEXPECTED_CMD)
        c.expect(b"ECHO y", b"D y", b"OK")


def digest_limit():
    """DIGEST takes 16 MiB and not one octet more"""
    octets = b"0123456789abcdef" * (MAX_LEN // 16)
    lines = b"".join(b"D %s\n" % octets[i:i + 992] for i in range(0, MAX_LEN, 992))
    with Server() as server, server.connect() as c:
        c.expect(b"DIGEST", b"INQUIRE DATA")
        c.send(lines)
        c.expect(b"END", b"D " + sha256(octets), b"OK")
        c.expect(b"DIGEST", b"INQUIRE DATA")
        c.send(lines)
        c.send(b"D x\nD swallowed\n")
        c.expect_error(b"END", TOO_MUCH_DATA)
        c.expect(b"NOP", b"OK")


# --- COPY -----------------------------------------------------------------------------------------

def pass_fds(c, source, sink):
    """Make SOURCE and SINK, which are closed here, INPUT and OUTPUT."""
    for name, fd in ((b"INPUT", source), (b"OUTPUT", sink)):
        expect_equal(c.command(name + b" FD", [fd]), [b"OK"], name)
        os.close(fd)


def file_with(octets):
    """A descriptor of a file without a name that holds OCTETS."""
    f = tempfile.TemporaryFile()
    f.write(octets)
    f.flush()
    f.seek(0)
    fd = os.dup(f.fileno())
    f.close()
    return fd


def read_all(fd):
    """Read FD to its end and close it."""
    with os.fdopen(fd, "rb") as f:
        return f.read()


def pending(fd):
    """How many octets can be read from FD."""
    return int.from_bytes(fcntl.ioctl(fd, termios.FIONREAD, bytes(4)), sys.byteorder)


def write_all(fd, octets):
    """Write OCTETS to FD and close it."""
    with os.fdopen(fd, "wb", buffering=0) as f:
        view = memoryview(octets)
        while view:
            view = view[f.write(view):]


def error(reply):
    """The error code in a reply that ends with ERR."""
    expect(reply[-1].startswith(b"ERR "), "no error:", reply)
    return int(reply[-1].split()[1]) & 0xffff


class Background(threading.Thread):
    """Something that is done meanwhile."""

    def __init__(self, work):
        super().__init__(target=work, daemon=True)
        self.start()

    def join(self, timeout=kit.TIMEOUT):
        super().join(timeout)
        expect(not self.is_alive(), "never finished")


def copy_pipes():
    """COPY moves data between pipes, however slow they are"""
    with Server() as server, server.connect() as c:
        in_r, in_w = os.pipe()
        out_r, out_w = os.pipe()
        pass_fds(c, in_r, out_w)
        c.send(b"COPY\n")
        for piece in (b"a", b"bc", b"d" * 5000):    # a slow writer: each comes through at once
            os.write(in_w, piece)
            got = b""
            while len(got) < len(piece):
                got += os.read(out_r, 65536)
            expect_equal(got, piece)
            server.expect_asleep()
        octets = os.urandom(1 << 20)                # a slow reader: everything fills up
        writer = Background(lambda: write_all(in_w, octets))
        eventually("full pipe", lambda: pending(out_r) >= 60000)
        server.expect_asleep()
        expect_equal(read_all(out_r), octets)
        writer.join()
        expect_equal(c.reply(), [b"S COPIED %d" % (5003 + len(octets)), b"OK"])
        c.expect(b"ECHO next", b"D next", b"OK")
        server.expect_fds(1)


def copy_full_at_end():
    """COPY waits for its reader, without spinning, when the writer has gone"""
    with Server() as server, server.connect() as c:
        in_r, in_w = os.pipe()
        out_r, out_w = os.pipe()
        octets = os.urandom(65536)
        fill = os.dup(out_w)
        write_all(fill, bytes(65536))
        pass_fds(c, in_r, out_w)
        c.send(b"COPY\n")
        write_all(in_w, octets)
        server.expect_asleep()
        expect_equal(read_all(out_r), bytes(65536) + octets)
        expect_equal(c.reply(), [b"S COPIED 65536", b"OK"])


def copy_files():
    """COPY reads and writes regular files, which epoll refuses"""
    octets = os.urandom(1000003)
    with Server() as server, server.connect() as c:
        with tempfile.TemporaryFile() as sink:
            pass_fds(c, file_with(octets), os.dup(sink.fileno()))
            c.expect(b"COPY", b"S COPIED 1000003", b"OK")
            expect_equal(os.pread(sink.fileno(), 2000000, 0), octets)
        in_r, in_w = os.pipe()
        with tempfile.TemporaryFile() as sink:      # the file may be ready, the pipe is not
            pass_fds(c, in_r, os.dup(sink.fileno()))
            c.send(b"COPY\n")
            server.expect_asleep()
            write_all(in_w, octets)
            expect_equal(c.reply(), [b"S COPIED 1000003", b"OK"])
            expect_equal(os.pread(sink.fileno(), 2000000, 0), octets)
        out_r, out_w = os.pipe()
        pass_fds(c, file_with(octets), out_w)
        c.send(b"COPY\n")
        server.expect_asleep()
        expect_equal(read_all(out_r), octets)
        expect_equal(c.reply(), [b"S COPIED 1000003", b"OK"])
        pass_fds(c, file_with(b""), os.open("/dev/null", os.O_WRONLY))
        c.expect(b"COPY", b"S COPIED 0", b"OK")
        server.expect_fds(1)


def copy_sockets():
    """COPY reads and writes the same socket"""
    with Server() as server, server.connect() as c:
        ours, theirs = socket.socketpair()
        pass_fds(c, os.dup(theirs.fileno()), theirs.detach())
        c.send(b"COPY\n")
        with ours:
            ours.sendall(b"there and back")
            expect_equal(ours.recv(100), b"there and back")
            server.expect_asleep()
            ours.shutdown(socket.SHUT_WR)
            expect_equal(c.reply(), [b"S COPIED 14", b"OK"])
            expect_equal(ours.recv(100), b"")


def copy_errors():
    """COPY tells what is missing and what goes wrong, and closes everything"""
    with Server() as server, server.connect() as c:
        c.expect_error(b"COPY", NO_INPUT)
        expect_equal(c.command(b"INPUT FD", [0]), [b"OK"])
        c.expect_error(b"COPY", NO_OUTPUT)
        c.expect(b"RESET", b"OK")
        c.expect_error(b"COPY", NO_INPUT)
        expect(c.command(b"INPUT FD=0")[0].startswith(b"ERR "), "a number that is not ours")
        expect(c.command(b"INPUT FD")[0].startswith(b"ERR "), "a descriptor that did not come")

        out_r, out_w = os.pipe()                    # the reader has gone
        os.close(out_r)
        pass_fds(c, file_with(b"x"), out_w)
        reply = c.command(b"COPY")
        expect_equal((reply[0], error(reply)), (b"S COPIED 0", EPIPE))

        in_r, in_w = os.pipe()                      # the reader goes before anything was written
        out_r, out_w = os.pipe()
        pass_fds(c, in_r, out_w)
        c.send(b"COPY\n")
        os.close(out_r)
        if not Server.is_by_hand:                   # eva_pump may not see it before it writes
            try:
                os.write(in_w, b"x")
            except BrokenPipeError:
                pass
        expect_equal(error(c.reply()), EPIPE)
        os.close(in_w)

        pass_fds(c, os.open("/", os.O_RDONLY), os.open("/dev/null", os.O_WRONLY))
        expect_equal(error(c.command(b"COPY")), EISDIR)
        in_r, in_w = os.pipe()                      # the wrong ends
        pass_fds(c, in_w, os.open("/dev/null", os.O_WRONLY))
        expect_equal(error(c.command(b"COPY")), EBADF)
        pass_fds(c, os.open("/dev/null", os.O_RDONLY), in_r)
        expect_equal(error(c.command(b"COPY")), EBADF)
        server.expect_fds(1)


def copy_terminal():
    """COPY leaves a terminal in the blocking mode that it was in"""
    master, slave = pty.openpty()
    with Server() as server, server.connect() as c:
        pass_fds(c, os.dup(slave), os.dup(slave))
        c.send(b"COPY\n")
        eventually("non-blocking", lambda: not os.get_blocking(slave))
        os.write(master, b"\x04")                   # end of file, as typed
        expect_equal(c.reply(), [b"S COPIED 0", b"OK"])
        expect(os.get_blocking(slave), "the terminal has become non-blocking")
    os.close(master)
    os.close(slave)


def get():
    """GET answers with what the descriptor gives, and waits for a client that reads it late"""
    if Server.is_by_hand:
        raise Skip("has no GET")
    octets = os.urandom(1000003)
    with Server() as server, server.connect() as c:
        c.expect_error(b"GET", NO_INPUT)
        for source in (file_with(octets), os.pipe()):
            if isinstance(source, tuple):
                writer = Background(lambda fd=source[1]: write_all(fd, octets))
                source = source[0]
            expect_equal(c.command(b"INPUT FD", [source]), [b"OK"])
            os.close(source)
            c.send(b"GET\n")
            server.expect_asleep()                  # so far no client reads
            reply = c.reply()
            expect_equal((reply[-1], data(reply)), (b"OK", octets))
            expect_equal(reply[-2], b"S PROGRESS GET ? 1000003 0")
        writer.join()
        server.expect_fds(1)


def put():
    """PUT writes what the client answers, and waits for slow descriptors"""
    if Server.is_by_hand:
        raise Skip("has no PUT")
    octets = b"0123456789abcde\n" * 50000
    lines = b"D " + octets.replace(b"\n", b"%0A\nD ") + b"\nEND\n"
    with Server() as server, server.connect() as c:
        c.expect_error(b"PUT", NO_OUTPUT)
        with tempfile.TemporaryFile() as sink:
            expect_equal(c.command(b"OUTPUT FD", [sink.fileno()]), [b"OK"])
            c.expect(b"PUT", b"INQUIRE DATA")
            c.send(lines)
            reply = c.reply()                       # on a slow machine with progress in between
            expect_equal(reply[-2:], [b"S PROGRESS PUT ? 800000 0", b"OK"])
            expect(all(x.startswith(b"S PROGRESS PUT ? ") for x in reply[:-1]), reply)
            expect_equal(os.pread(sink.fileno(), 1000000, 0), octets)
        out_r, out_w = os.pipe()
        expect_equal(c.command(b"OUTPUT FD", [out_w]), [b"OK"])
        os.close(out_w)
        c.expect(b"PUT", b"INQUIRE DATA")
        writer = Background(lambda: c.send(lines + b"ECHO next\n"))
        eventually("full pipe", lambda: pending(out_r) >= 60000)
        server.expect_asleep()
        expect_equal(read_all(out_r), octets)
        expect_equal(c.reply()[-1], b"OK")
        expect_equal(c.reply(), [b"D next", b"OK"])
        writer.join()

        out_r, out_w = os.pipe()                    # refused, in the middle
        expect_equal(c.command(b"OUTPUT FD", [out_w]), [b"OK"])
        os.close(out_w)
        c.expect(b"PUT", b"INQUIRE DATA")
        c.send(b"D abc\n")
        expect_equal(os.read(out_r, 100), b"abc")
        c.send(b"CAN\n")
        expect_equal(error(c.reply()), CANCELED)
        expect_equal(read_all(out_r), b"")
        server.expect_fds(1)


def unused_fds():
    """descriptors that are not taken are closed with RESET and with the connection"""
    with Server() as server:
        with server.connect() as c:
            expect_equal(c.command(b"NOP", [0, 1, 2]), [b"OK"])
            expect_equal(c.command(b"INPUT FD", [0]), [b"OK"])
            c.expect(b"RESET", b"OK")
            server.expect_fds(1)
            expect_equal(c.command(b"OUTPUT FD", [0, 1, 2]), [b"OK"])
        server.expect_fds(0)


# --- Order, chunks and ends -----------------------------------------------------------------------

PIPELINE = (b"ECHO a\nLIST 2\nDIGEST\nD xyz\nEND\nNOP\nCOUNT 2\nFAIL 27 x\nLIST 1\n"
            b"# comment\n\nCOUNT 0\nNONSENSE\nECHO b\n")


def expect_pipeline(c):
    """The replies to PIPELINE."""
    lines = [c.line() for _ in range(18)]
    expect_equal(lines[:14], [
        b"D a", b"OK", b"D 1%0A", b"D 2%0A", b"OK", b"INQUIRE DATA", b"D " + sha256(b"xyz"), b"OK",
        b"OK", b"S PROGRESS COUNT ? 1 2", b"S PROGRESS COUNT ? 2 2", b"OK", lines[12], b"D 1%0A"])
    expect(lines[12].startswith(b"ERR ") and lines[12].endswith(b" - x"), lines[12])
    expect_equal(lines[14:16], [b"OK", b"OK"])
    expect(lines[16].startswith(b"ERR "), lines[16])
    expect_equal([lines[17], c.line()], [b"D b", b"OK"])


def pipelined():
    """commands sent ahead in one write are run in their order, none is lost"""
    with Server() as server, server.connect() as c:
        c.send(PIPELINE)
        expect_pipeline(c)
        c.send(b"".join(b"LIST 1\nECHO %d\n" % i for i in range(1000)))
        for i in range(1000):
            expect_equal([c.line() for _ in range(4)], [b"D 1%0A", b"OK", b"D %d" % i, b"OK"])


def dripped():
    """commands that come octet by octet are run as well"""
    with Server() as server, server.connect() as c:
        for i in range(len(PIPELINE)):
            c.send(PIPELINE[i:i + 1])
        expect_pipeline(c)


def half_closed():
    """a client that has finished sending gets all its replies"""
    with Server() as server:
        for ahead in (b"COUNT 2\n", PIPELINE, b"LIST 30000\n", b"NOP\n", b""):
            with server.connect() as c:
                c.send(ahead)
                c.sock.shutdown(socket.SHUT_WR)
                if ahead == PIPELINE:
                    expect_pipeline(c)
                elif ahead:
                    expect_equal(c.reply()[-1], b"OK", ahead)
                expect_equal(c.line(), None, ahead)
        with server.connect() as c:                 # in the middle of an inquiry
            c.send(b"DIGEST\nD abc\n")
            c.sock.shutdown(socket.SHUT_WR)
            expect_equal(c.reply(), [b"INQUIRE DATA"])
            expect(c.line().startswith(b"ERR "), "no reply")
            expect_equal(c.line(), None)
        in_r, in_w = os.pipe()                      # while data are copied
        with server.connect() as c, tempfile.TemporaryFile() as sink:
            pass_fds(c, in_r, os.dup(sink.fileno()))
            c.send(b"COPY\n")
            c.sock.shutdown(socket.SHUT_WR)
            server.expect_asleep()
            write_all(in_w, b"abc")
            expect_equal(c.reply(), [b"S COPIED 3", b"OK"])
            expect_equal(c.line(), None)
        server.expect_fds(0)


def leaves():
    """a client that leaves in mid-command takes everything with it at once"""
    with Server() as server:
        for ahead in (b"COUNT 1000000\n", b"COUNT 1000000\nECHO held\n", b"LIST 100000000\n",
                      b"DIGEST\n", b"DIGEST\nD abc\n", b"ECHO a", b""):
            c = server.connect()
            c.send(ahead)
            if b"\n" in ahead and b"COUNT" not in ahead:
                c.line()
            c.close()
            server.expect_fds(0)
        in_r, in_w = os.pipe()
        out_r, out_w = os.pipe()
        c = server.connect()
        pass_fds(c, in_r, out_w)
        c.send(b"COPY\n")
        os.write(in_w, b"abc")
        expect_equal(os.read(out_r, 3), b"abc")
        server.expect_fds(3)
        c.close()
        expect_equal(os.read(out_r, 3), b"")        # closed, not only forgotten
        server.expect_fds(0)
        os.close(in_w)
        os.close(out_r)
        server.expect_asleep()


def leaves_after_half_close():
    """that a client which finished sending has left altogether is noticed, too"""
    with Server() as server:
        for ahead in (b"COUNT 1000000\n", b"LIST 100000000\n"):
            with server.connect() as c:
                c.send(ahead)
                c.sock.shutdown(socket.SHUT_WR)
                c.line()
                server.expect_fds(1)
            server.expect_fds(0)
        server.expect_asleep()


def too_long():
    """a line that is too long harms its sender alone"""
    with Server() as server, server.connect() as other:
        with server.connect() as c:
            try:
                c.send(b"ECHO " + b"x" * 100000 + b"\nECHO rest\n")
            except OSError:
                pass                # hung up on in the middle of it
            line = c.line()
            expect(line is None or line.startswith(b"ERR "), "neither an error nor the end:", line)
        other.expect(b"ECHO y", b"D y", b"OK")


# --- Crowds and rude clients ----------------------------------------------------------------------

def crowd():
    """200 clients work while others are stuck, flood and do not read"""
    with Server() as server:
        stuck, lister, helper, echoer, counter = rude = [server.connect() for _ in range(5)]
        stuck.send(b"ECHO half a li")
        lister.send(b"LIST 100000000\n")
        flood = [Background(lambda c=c, x=x: flood_with(c, x)) for c, x in (
            (helper, b"HELP\n" * 100000), (echoer, b"ECHO " + b"%" * 990 + b"\n"),
            (counter, b"x\n" * 100000))]
        friends = [server.connect() for _ in range(200)]
        for i, c in enumerate(friends):
            c.send(b"COUNT 2\nECHO %d\nLIST 50\n" % i)
        for i, c in enumerate(friends):
            expect_equal(c.reply()[-1], b"OK")
            expect_equal(c.reply(), [b"D %d" % i, b"OK"])
            expect_equal(len(c.reply()), 51)
        server.expect_asleep()
        stuck.send(b"ne\n")
        expect_equal(stuck.reply(), [b"D half a line", b"OK"])
        for c in rude + friends:
            c.sock.shutdown(socket.SHUT_RDWR)
            c.close()
        for thread in flood:
            thread.join()
        server.expect_fds(0)


def flood_with(c, octets):
    """Send OCTETS over and over until the connection ends."""
    try:
        while True:
            c.send(octets)
    except OSError:
        pass


def late_reader():
    """a client that reads late gets everything"""
    with Server() as server, server.connect() as c:
        n = 20000
        writer = Background(lambda: c.send(b"".join(b"ECHO %d\n" % i for i in range(n))))
        server.expect_asleep()
        for i in range(n):
            expect_equal([c.line(), c.line()], [b"D %d" % i, b"OK"])
        writer.join()


def memory():
    """the server's memory does not grow with what a client does not read"""
    with Server() as server, server.connect() as c, server.connect() as other:
        c.send(b"LIST 100000000\n")
        for _ in range(50000):
            c.line()
        before = server.memory_kib()
        server.expect_asleep()
        other.expect(b"ECHO x", b"D x", b"OK")
        expect(server.memory_kib() < before + 10000, "memory grew")


# --- Programs as clients --------------------------------------------------------------------------

def gpg_connect_agent():
    """GnuPG's gpg-connect-agent works with it"""
    if not shutil.which("gpg-connect-agent"):
        raise Skip("gpg-connect-agent is not installed")
    octets = os.urandom(100000)
    with Server() as server:
        file = server.dir + "/data"
        with open(file, "wb") as f:
            f.write(octets)
        code, out, err = run("gpg-connect-agent", "-S", server.path, data=(
            "ECHO hello\n/definqfile DATA %s\nDIGEST\nCOUNT 2\nLIST 3\nFAIL 27 gone\nHELP ECHO\n"
            "/bye\n" % file).encode(), env={**os.environ, "GNUPGHOME": server.dir})
        expect_equal(code, 0, err)
        lines = out.split(b"\n")
        for wanted in (b"D hello", b"D " + sha256(octets), b"S PROGRESS COUNT ? 2 2", b"D 3%0A",
                       b"# ECHO text"):
            expect(wanted in map(plain, lines), "missing:", wanted, out, err)
        expect(any(x.startswith(b"ERR ") and x.endswith(b" - gone") for x in lines), out)
        server.expect_fds(0)


def client():
    """the example client shows data, status and errors, and answers inquiries"""
    octets = os.urandom(100000)
    with Server() as server:
        expect_equal(run(CLIENT, server.path, "ECHO", "a  b", "%"), (0, b"a  b %", ""))
        expect_equal(run(CLIENT, server.path, "LIST 3"), (0, b"1\n2\n3\n", ""))
        expect_equal(run(CLIENT, server.path, "COUNT", "2"), (
            0, b"", "S PROGRESS COUNT ? 1 2\nS PROGRESS COUNT ? 2 2\n"))
        expect_equal(run(CLIENT, server.path, "DIGEST", data=octets), (0, sha256(octets), ""))
        expect_equal(run(CLIENT, "S", "NOP", cwd=server.dir), (0, b"", ""))
        code, out, err = run(CLIENT, server.path, "FAIL", "27")
        expect(code == 1 and not out and err.startswith("client: FAIL: "), code, out, err)
        code, out, err = run("/bin/sh", "-c", '"$1" "$2" DIGEST </', "-", CLIENT, server.path)
        expect(code == 1 and not out and "Is a directory" in err, "bad stdin:", code, out, err)
        code, out, err = run("/bin/sh", "-c", '"$1" "$2" ECHO x >/dev/full', "-", CLIENT,
                             server.path)
        expect(code == 1 and "No space left" in err, "full disk:", code, out, err)
        server.expect_fds(0)
    code, out, err = run(CLIENT, server.path, "NOP")
    expect(code == 1 and "cannot connect" in err and server.path in err, code, err)
    for argv in ((), ("--help",), ("S",), ("-x", "NOP")):
        code, out, err = run(CLIENT, *argv)
        expect(code == 2 and not out and err.startswith("usage: ") and err.count("\n") == 1, argv)
    for argv in (("S", "x" * 1001), ("S", "ECHO", "a\nb"), ("S", "x" * 500, "y" * 500)):
        code, out, err = run(CLIENT, *argv)
        expect(code == 2 and "1000 octets" in err, argv, code, err)


if __name__ == "__main__":
    CLIENT = os.path.abspath(sys.argv[1])
    Server.use(sys.argv[2:])
    kit.main([greeting, echo, count, list_, numbers, fail, help_, others, digest, digest_refused,
              digest_limit, copy_pipes, copy_full_at_end, copy_files, copy_sockets, copy_errors,
              copy_terminal, get, put, unused_fds, pipelined, dripped, half_closed, leaves,
              leaves_after_half_close, too_long, crowd, late_reader, memory, gpg_connect_agent,
              client])
