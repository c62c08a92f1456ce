# SPDX-License-Identifier: LGPL-2.1-or-later
"""A pinentry without a user: it answers from a list and writes down what it was asked.

usage: fake-pinentry.py DIRECTORY

DIRECTORY/answers holds one answer a line, used up from the top: a passphrase for GETPIN, `yes` for
CONFIRM, or `cancel`, `no`, `die` and `inquire` (ask how good the passphrase is, then give it).
Everything that the agent said is appended to DIRECTORY/asked.
"""

import os
import re
import sys

CANCELED = "ERR 83886179 Operation cancelled <Pinentry>"
NOT_CONFIRMED = "ERR 83886194 Not confirmed <Pinentry>"


class FakePinentry:
    """The state of one conversation."""

    def __init__(self, directory):
        self.directory = directory
        self.repeat = self.quality = False

    def path(self, name):
        """A file of the test's directory."""
        return os.path.join(self.directory, name)

    def next_answer(self):
        """Use up the first answer of the list."""
        with open(self.path("answers"), "r+", encoding="utf-8") as f:
            lines = f.read().splitlines()
            f.seek(0)
            f.truncate()
            f.write("".join(x + "\n" for x in lines[1:]))
        answer = lines[0] if lines else "cancel"
        if answer == "die":
            sys.exit(3)
        return answer

    def log(self, text):
        """Write down what was asked."""
        with open(self.path("asked"), "a", encoding="utf-8") as f:
            f.write(text + "\n")

    def hear(self):
        """The agent's next line."""
        line = sys.stdin.readline()
        if not line:
            sys.exit(0)
        self.log(line.rstrip("\n"))
        return line.strip()

    def get_pin(self):
        """Give the next passphrase."""
        answer = self.next_answer()
        if answer == "cancel":
            say(CANCELED)
            return
        if answer == "inquire":
            answer = self.next_answer()
            if self.quality:
                say("INQUIRE QUALITY " + escape(answer))
                while self.hear() not in ("END", "CAN"):
                    pass
        if self.repeat:
            say("S PIN_REPEATED")
        say("D " + escape(answer))
        say("OK")
        self.repeat = self.quality = False

    def confirm(self):
        """Agree, or do not."""
        say({"yes": "OK", "no": NOT_CONFIRMED}.get(self.next_answer(), CANCELED))

    def serve(self):
        """Answer until the agent leaves."""
        say("OK Pleased to meet you, process %d" % os.getppid())
        while True:
            word = self.hear().split(" ")[0].upper()
            if word == "GETPIN":
                self.get_pin()
            elif word == "CONFIRM":
                self.confirm()
            elif word == "BYE":
                say("OK closing connection")
                return
            else:
                self.repeat |= word == "SETREPEAT"
                self.quality |= word == "SETQUALITYBAR"
                say("OK")


def escape(text):
    """TEXT as it may stand on a data line."""
    return re.sub("[%\r\n]", lambda m: "%%%02X" % ord(m.group()), text)


def say(text):
    """Send a line at once."""
    print(text, flush=True)


if __name__ == "__main__":
    FakePinentry(sys.argv[1]).serve()
