# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a document of ours holds besides prose: code, changes of it, and transcripts.

A remark in front of a piece, which no reader sees, says what becomes of it:

    <!-- file: NAME -->             the piece is the file NAME
    <!-- above: NAME "TEXT" -->     it is put above the line of NAME that begins with TEXT
    <!-- append: NAME -->           it is put at the end of NAME
    <!-- change: NAME -->           it is a change of NAME; with "to OTHER", OTHER is made of NAME
    <!-- excerpt: PATH -->         it stands in the file PATH, seen from the document; "..." stands for
                                   lines that are left out.  The shell has the file from then on
    <!-- text -->                   it is not for machines
    <!-- needs: MODULE -->          it is tried only where pkg-config knows MODULE

Indented lines of which the first begins with "$ " are a transcript: commands, and what they print.
What readers would only be bored by can stand within the remark, in lines of its own; <!-- run -->
is for transcripts of that kind, <!-- run: COMMAND --> for a command that prints nothing.

In a change, lines begin with "-", "+" or a blank; "..." stands for lines that stay.
"""

import re
import typing

from tap import Failure

REMARK = re.compile(r"<!-- (file|above|append|change|excerpt|text|needs|run)(?:: (.*?))?( -->)?$")


class Mistake(Failure):
    """The document is not what it should be."""


class Piece(typing.NamedTuple):
    """A piece of a document."""
    line: int                   # where it begins, from 1
    verb: str                   # of its remark; "run" for transcripts; "" for code without one
    name: str                   # what stands behind the verb's colon
    needs: typing.List[str]     # modules of pkg-config
    lines: typing.List[str]     # without their line ends
    is_code: bool               # it stands between ```c and ```, or ```diff


def transcript(lines):
    """The commands of a transcript, each with the lines that it prints."""
    steps = []
    for line in lines:
        if line.startswith("$ "):
            steps.append((line[2:], []))
        elif steps:
            steps[-1][1].append(line)
        else:
            raise Mistake(f"no command: {line}")
    return steps


def hidden(document, i):
    """The lines of the remark that begins above line I, and the number of the line behind it."""
    lines = []
    while document[i] != "-->":
        lines.append(document[i])
        i += 1
    return lines, i + 1


def fenced(document, i):
    """The lines up to the closing fence, and the number of the line behind that."""
    end = document.index("```", i)
    return document[i:end], end + 1


def indented(document, i):
    """The indented lines from line I on, and the number of the line behind them."""
    lines = []
    while i < len(document) and (document[i].startswith("    ") or not document[i]):
        lines.append(document[i][4:])
        i += 1
    while not lines[-1]:
        lines.pop()
    return lines, i


def pieces(text):
    """The pieces of the document TEXT."""
    document = text.splitlines()
    verb, name, needs, i = "", "", [], 0
    found = []

    def add(line, lines, is_code):
        nonlocal verb, name, needs
        if not is_code and not verb and lines and lines[0].startswith("$ "):
            verb = "run"
        found.append(Piece(line, verb, name, needs, lines, is_code))
        verb, name, needs = "", "", []

    while i < len(document):
        line, start = document[i], i + 1
        remark = REMARK.match(line)
        i += 1
        if remark and remark.group(1) == "needs" and remark.group(3):
            needs.append(remark.group(2))
            continue
        if remark:
            verb, name = remark.group(1), remark.group(2) or ""
        elif line.startswith("<!--"):
            raise Mistake(f"line {start}: what is that? {line}")
        if remark and not remark.group(3):
            lines, i = hidden(document, i)
            if verb == "run":
                lines = [x[4:] for x in lines]
            add(start, lines, True)
        elif remark and verb == "run":
            add(start, ["$ " + name], True)
        elif line.startswith("```"):
            lines, i = fenced(document, i)
            add(start, lines, line in ("```c", "```diff"))
        elif line.startswith("    ") and (i < 2 or not document[i - 2]):
            lines, i = indented(document, start - 1)
            add(start, lines, False)
    if verb:
        raise Mistake(f"nothing follows the last remark ({verb})")
    return found


def find(lines, wanted, where=0):
    """The number of the only place in LINES, from WHERE on, at which all of WANTED stand."""
    places = [i for i in range(where, len(lines) - len(wanted) + 1)
              if lines[i:i + len(wanted)] == wanted]
    if len(places) != 1:
        raise Mistake(f"{len(places)} places for:\n" + "\n".join(wanted))
    return places[0]


def changed(lines, change):
    """LINES after a CHANGE, as it stands in a document."""
    done, rest, hunk = [], list(lines), []
    for line in [*change, "..."]:
        if line != "...":
            hunk.append(line or " ")
            continue
        old = [x[1:] for x in hunk if x[0] in " -"]
        place = find(rest, old)
        done += rest[:place] + [x[1:] for x in hunk if x[0] in " +"]
        rest, hunk = rest[place + len(old):], []
    return done + rest


def check_excerpt(lines, excerpt):
    """Fail unless EXCERPT stands in LINES, as it stands in a document."""
    place, hunk = 0, []
    for line in [*excerpt, "..."]:
        if line != "...":
            hunk.append(line)
        elif hunk:
            place = find(lines, hunk, place) + len(hunk)
            hunk = []


def inserted(lines, text, new):
    """LINES with NEW, and an empty line, above the line that begins with TEXT."""
    places = [i for i, line in enumerate(lines) if line.startswith(text)]
    if len(places) != 1:
        raise Mistake(f"{len(places)} lines begin with {text}")
    return [*lines[:places[0]], *new, "", *lines[places[0]:]]
