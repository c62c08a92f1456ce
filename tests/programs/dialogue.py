# SPDX-License-Identifier: LGPL-2.1-or-later
"""A client of its own for the servers under test.

It shares no code with the library, so the two cannot agree on the same mistake; and it can do what
gpg-connect-agent cannot: split a line anywhere, pass descriptors, answer one inquiry after another.
"""

import array
import os
import re
import select
import socket
import time

from harness import TIMEOUT, Failure, expect


def escape(octets):
    """Write OCTETS as the content of data lines."""
    return re.sub(rb"[%\r\n]", lambda m: b"%%%02X" % m.group()[0], octets)


def unescape(octets):
    """The octets behind the content of data lines."""
    return re.sub(rb"%([0-9a-fA-F]{2})", lambda m: bytes([int(m.group(1), 16)]), octets)


class Reply:
    """All that a server said to one command."""

    def __init__(self):
        self.final = ""
        self.data = b""
        self.status, self.comments, self.inquiries, self.lines = [], [], [], []

    def __str__(self):
        return "\n".join(self.lines[-40:])

    @property
    def text(self):
        """The data as text."""
        return self.data.decode("utf-8", "replace")

    def ok(self):
        """Self, if the command succeeded."""
        expect(self.final.split()[:1] == ["OK"], "the command failed", self)
        return self

    def error(self, code=None):
        """Self, if the command failed, with the error CODE (without its source) if given."""
        words = self.final.split()
        expect(words[:1] == ["ERR"] and words[1].isdigit(), "no error", self)
        expect(code is None or int(words[1]) & 0xffff == code, "not error %s" % code, self)
        return self


class Dialogue:
    """A connection to a server, over a socket or a pair of pipes."""

    def __init__(self, reader, writer=None):
        self.reader, self.writer = reader, writer or reader
        self.buffer = b""
        self.child = None
        self.hello = self.reply().ok()

    @classmethod
    def connect(cls, path):
        """Connect to the server on the socket PATH."""
        s = socket.socket(socket.AF_UNIX)
        try:
            s.connect(path)
            return cls(s)
        except BaseException:
            s.close()
            raise

    @classmethod
    def pipe(cls, home, *argv, **kwargs):
        """Start a server and talk to it over its standard input and output."""
        with open(home.path("server.log"), "ab") as log:
            child = home.spawn(argv, stderr=log, bufsize=0, **kwargs)
        self = cls(child.stdout, child.stdin)
        self.child = child
        return self

    @classmethod
    def paired(cls, home, *argv):
        """Start a server on a socket, as the library does for programs that pass descriptors."""
        ours, theirs = socket.socketpair()
        with theirs, open(home.path("server.log"), "ab") as log:
            env = {"_assuan_connection_fd": str(theirs.fileno()),
                   "_assuan_pipe_connect_pid": str(os.getpid())}
            child = home.spawn(argv, env, stdin=log, stdout=log, stderr=log,
                               pass_fds=[theirs.fileno()])
        self = cls(ours)
        self.child = child
        return self

    def close(self):
        """Hang up, and see a server that was started for this dialogue end by itself."""
        self.reader.close()
        self.writer.close()
        if self.child:
            code = self.child.wait(TIMEOUT)
            # 2 is how GnuPG's programs say that some command before had an error.
            expect(code in (0, 2), "%s ended with %d" % (self.child.args[0], code))

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind and self.child:
            self.child.kill()   # what went wrong before is what to tell
            self.child.wait()
            self.child = None
        self.close()

    def send(self, octets):
        """Send OCTETS as they are."""
        while octets:
            octets = octets[os.write(self.writer.fileno(), octets):]

    def send_fd(self, fd, octets=b"# fd\n"):
        """Send a descriptor along with OCTETS, which a server ignores by default."""
        self.writer.sendmsg([octets], [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                                        array.array("i", [fd]))])

    def line(self):
        """The next line without its LF; None at the end of the connection."""
        deadline = time.monotonic() + TIMEOUT
        while b"\n" not in self.buffer:
            ready, _, _ = select.select([self.reader], [], [], max(0, deadline - time.monotonic()))
            if not ready:
                raise Failure("the server hangs, last: %r" % self.buffer)
            try:
                chunk = os.read(self.reader.fileno(), 65536)
            except ConnectionResetError:
                chunk = b""
            if not chunk:
                return None
            self.buffer += chunk
        line, _, self.buffer = self.buffer.partition(b"\n")
        expect(len(line) <= 1000, "a line of %d octets" % len(line))
        return line

    def reply(self, answers=None):
        """Read what the server says up to OK or ERR, answering its inquiries."""
        reply = Reply()
        while not reply.final:
            line = self.line()
            expect(line is not None, "the server hung up", reply)
            word, _, rest = line.partition(b" ")
            text = line.decode("utf-8", "replace")
            reply.lines.append(text[:200])
            if word in (b"OK", b"ERR"):
                reply.final = text
            elif word == b"D":
                reply.data += unescape(rest)
            elif word == b"S":
                reply.status.append(rest.decode("utf-8", "replace"))
            elif word == b"INQUIRE":
                reply.inquiries.append(rest.decode("utf-8", "replace"))
                self.answer(rest.decode().split()[0], answers or {})
            elif line.startswith(b"#"):
                reply.comments.append(text[2:])
            else:
                expect(word == b"END", "not a server's line: %r" % line)
        return reply

    def answer(self, keyword, answers):
        """Answer an inquiry; without an answer, or with None, cancel it."""
        octets = answers.get(keyword, answers.get("*"))
        if octets is None:
            self.send(b"CAN\n")
            return
        text = escape(octets)
        while text:
            cut = min(len(text), 998)
            while 0 < cut < len(text) and b"%" in text[cut - 2:cut]:
                cut -= 1    # do not tear an escape sequence
            self.send(b"D " + text[:cut] + b"\n")
            text = text[cut:]
        self.send(b"END\n")

    def command(self, line, **answers):
        """Send a command and read the reply; ANSWERS by the keyword of the inquiry."""
        self.send(line.encode() + b"\n")
        return self.reply(answers)

    def commands(self, *lines):
        """Send commands that all must succeed; the last one's reply."""
        reply = None
        for line in lines:
            reply = self.command(line).ok()
        return reply
