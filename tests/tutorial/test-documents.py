# SPDX-License-Identifier: LGPL-2.1-or-later
"""What our documents show is true: their code compiles and their transcripts happen as they say.

Each document has a shell and a directory of its own, in which its pieces are worked through in
their order; pieces.py tells how they say what they are.  Each is a test.  Compilers are called as
the document says, but with all warnings as errors.  At the end every file must have been compiled
in its last form.

Usage: test-documents.py BUILDDIR [--needs=PROGRAM,...] [--all] DOCUMENT...; CC in the environment, with
the options that the library was built with.  --needs: where one of these programs is missing, nothing
is tried.  --all: the next documents have no code or transcript without a use.
"""

import atexit
import os
import pathlib
import re
import shutil
import subprocess
import sys

from pieces import Mistake, changed, check_excerpt, inserted, pieces, transcript
from shell import Shell
from tap import Failure, Skip, expect, main

BUILD = pathlib.Path(sys.argv[1])
WARNINGS = "-Wall -Wextra -Werror"
# Whole paths, as the shell has a cc of ours: a compiler cache would look for the compiler by name,
# find that one, and call itself forever.
CC = " ".join(word if word.startswith("-") else shutil.which(word) or word
              for word in os.environ.get("CC", "cc").split())
LINES_OF_THE_FIRST_SERVER = 21
LINES_OF_THE_PINENTRY = 150


class Document:
    """A document, its shell, and what was compiled."""

    def __init__(self, path, is_strict):
        self.path = path
        self.is_strict = is_strict
        self.pieces = pieces(path.read_text(encoding="utf-8"))
        self.stale = set()      # files that were not compiled since they changed
        self.skipped = set()
        self.shell = None

    def start(self):
        """Make the shell."""
        tools = BUILD / "meson-uninstalled"
        self.shell = Shell({"PKG_CONFIG_PATH": str(tools), "LD_LIBRARY_PATH": str(BUILD / "src")})
        atexit.register(self.shell.close)
        bin_dir = self.shell.dir / ".bin"
        bin_dir.mkdir()
        cc = bin_dir / "cc"
        cc.write_text(f"#!/bin/sh\nexec {CC} {WARNINGS} \"$@\"\n")
        cc.chmod(0o755)
        self.shell.run(f"PATH={bin_dir}:{BUILD / 'tools' / 'assuanctl'}:$PATH")

    def read(self, name):
        """The lines of the file NAME."""
        return (self.shell.dir / name).read_text(encoding="utf-8").splitlines()

    def write(self, name, lines):
        """Make LINES the file NAME."""
        (self.shell.dir / name).parent.mkdir(exist_ok=True)
        (self.shell.dir / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
        if name.endswith((".c", ".h")):
            self.stale.add(name)

    def note_compiled(self, command):
        """Take the files that a cc COMMAND names, and the headers of theirs, for compiled."""
        for name in re.findall(r"(\S+\.c)\b", command):
            self.stale.discard(name)
            for header in re.findall(r'^#include "(.*)"', "\n".join(self.read(name)), re.M):
                self.stale.discard(header)

    def play(self, piece):
        """Run a transcript; what is printed must be what it shows."""
        wrong = []
        for command, wanted in transcript(piece.lines):
            if "gpg-connect-agent" in command and not shutil.which("gpg-connect-agent"):
                raise Skip("no gpg-connect-agent here")
            try:
                printed, status = self.shell.run(command)
            except Failure as why:
                raise Failure("\n".join([*wrong, f"$ {command}", str(why)])) from why
            if printed.splitlines() != wanted:
                wrong += [f"$ {command}", "prints:", printed, "and not:", *wanted]
            elif command.startswith("cc ") and not status:
                self.note_compiled(command)
        expect(not wrong, *wrong)   # not before all ran, for the next ones build on them

    def use(self, piece):
        """Do what the remark of PIECE says."""
        for module in piece.needs:
            if subprocess.run(["pkg-config", "--exists", module], check=False).returncode:
                self.skipped |= set(re.findall(r"(\S+\.c)\b", "\n".join(piece.lines)))
                raise Skip(f"no {module} here")
        if piece.verb == "file":
            self.write(piece.name, piece.lines)
        elif piece.verb == "append":
            self.write(piece.name, [*self.read(piece.name), "", *piece.lines])
        elif piece.verb == "above":
            name, text = re.fullmatch(r'(\S+) "(.*)"', piece.name).groups()
            self.write(name, inserted(self.read(name), text, piece.lines))
        elif piece.verb == "change":
            name, _, other = piece.name.partition(" to ")
            self.write(other or name, changed(self.read(name), piece.lines))
        elif piece.verb == "excerpt":
            lines = (self.path.parent / piece.name).read_text(encoding="utf-8").splitlines()
            check_excerpt(lines, piece.lines)
            name = pathlib.Path(piece.name).name
            if not (self.shell.dir / name).exists():
                self.write(name, lines)
                self.stale.discard(name)    # the build compiles it
        elif piece.verb == "run":
            self.play(piece)
        elif piece.verb != "text" and (piece.is_code or self.is_strict):
            raise Mistake("nobody uses this: " + "\n".join(piece.lines))

    def tests(self):
        """The tests of the document."""
        def of_piece(piece):
            def test():
                if not self.shell:
                    self.start()
                self.use(piece)
            what = " ".join(x for x in (piece.verb, piece.name) if x)
            test.__doc__ = f"{self.path.name}:{piece.line}: {what or 'text'}"
            return test

        def complete():
            left = self.stale - self.skipped
            expect(not left, "not compiled in their last form:", *left)
        complete.__doc__ = f"{self.path.name}: everything was compiled"
        return [*(of_piece(piece) for piece in self.pieces), complete]


def first_server(document):
    """The test that the first server of DOCUMENT is as short on every loop as we say."""
    def test():
        for name in ("echo.c", "echo-uv.c", "echo-glib.c"):
            n_lines = sum(1 for line in document.read(name) if line.strip())
            expect(n_lines <= LINES_OF_THE_FIRST_SERVER, f"{name} has {n_lines} lines")
    test.__doc__ = f"{document.path.name}: a server has {LINES_OF_THE_FIRST_SERVER} lines"
    return test


def pinentry(document):
    """The test that the pinentry is as short as we say, comments and empty lines not counted."""
    def test():
        text = re.sub(r"/\*.*?\*/", "", "\n".join(document.read("pinentry.c")), flags=re.S)
        n_lines = sum(1 for line in text.splitlines() if line.strip())
        expect(n_lines <= LINES_OF_THE_PINENTRY, f"pinentry.c has {n_lines} lines")
    test.__doc__ = f"{document.path.name}: the pinentry has {LINES_OF_THE_PINENTRY} lines"
    return test


documents, strict = [], False
for argument in sys.argv[2:]:
    if argument == "--all":
        strict = True
    elif argument.startswith("--needs="):
        for program in argument.partition("=")[2].split(","):
            if not shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin"):
                print(f"1..0 # SKIP no {program} here")
                sys.exit()
    else:
        documents.append(Document(pathlib.Path(argument), strict))
tests = [test for document in documents for test in document.tests()]
for x in documents:
    if x.path.name == "tutorial.md":
        tests += [first_server(x), pinentry(x)]
main(*tests)
