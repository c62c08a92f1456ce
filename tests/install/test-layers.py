# SPDX-License-Identifier: LGPL-2.1-or-later
"""Calls go downwards only: from room to room, and inside each room from file to file.  doc/design.md
draws the order; the object files tell which file calls which.

Usage: test-layers.py DESIGN SOURCE_DIR ARCHIVE...

The drawing is the block of DESIGN behind the remark `<!-- layers -->`.  A line is a room and its
files, the highest first, as in

    loop     embedded | epoll, poll, foreign | loop, task

A file calls only files further to the right.  `|` separates levels; the files of one level do not
call each other.  The rooms stand in the order in which they may call, too.
"""

import os
import re
import sys

from tap import expect, expect_same, main, run

design, source_dir, *archives = sys.argv[1:]
NM = os.environ.get("NM", "nm")


def drawn():
    """Return the drawing: a list of (ROOM, [[FILE, ...], ...]), each from the top down."""
    with open(design, encoding="utf-8") as file:
        block = re.search(r"<!-- layers -->\s*```\n(.*?)```", file.read(), re.S)
    expect(block, f"{design} has no block behind <!-- layers -->")
    rooms = []
    for line in block.group(1).splitlines():
        if line[:1].strip():                    # a room begins at the margin
            room, rest = line.split(None, 1)
            rooms.append([room, rest])
        elif line.strip():
            rooms[-1][1] += " " + line.strip()
    return [(room, [re.split(r"[,\s]+", level.strip()) for level in rest.split("|")])
            for room, rest in rooms]


def places():
    """Return {(ROOM, FILE): (the room's place, level)}; greater is lower."""
    return {(room, name): (place, level)
            for place, (room, levels) in enumerate(drawn())
            for level, names in enumerate(levels)
            for name in names}


def file_of(member):
    """Return (ROOM, FILE) of an object: meson calls it room_file.c.o."""
    room, name = member.split("_", 1)
    return room, re.sub(r"\.c\.o(bj)?$", "", name)


def symbols():
    """Return what nm prints of all archives: [((ROOM, FILE), SYMBOL, KIND), ...]."""
    found = []
    for archive in archives:
        for line in run([NM, "-A", "-P", archive]).splitlines():
            match = re.match(r".*[\[:/]([^\[\]:/]+\.o(?:bj)?)\]?: (\S+) (\S)", line)
            if match:
                member, symbol, kind = match.groups()
                found.append((file_of(member), symbol, kind))
    expect(found, f"{NM} prints nothing that can be read")
    return found


def calls():
    """Return [(CALLER, FUNCTION, CALLEE), ...], caller and callee being (ROOM, FILE)."""
    owner = {symbol: file for file, symbol, kind in symbols() if kind.isupper() and kind != "U"}
    return sorted((caller, symbol, owner[symbol]) for caller, symbol, kind in symbols()
                  if kind == "U" and symbol in owner)


def complete():
    """the drawing shows every file of every room, and no others"""
    sources = {(room, name[:-2]) for room in os.listdir(source_dir)
               if os.path.isdir(os.path.join(source_dir, room))
               for name in os.listdir(os.path.join(source_dir, room)) if name.endswith(".c")}
    objects = {file for file, _, _ in symbols()}
    expect_same(map("/".join, objects), map("/".join, sources), "the archives")
    expect_same(map("/".join, places()), map("/".join, sources), design)


def downwards():
    """every file calls only files below itself"""
    place = places()
    found = [call for call in calls() if call[0] in place and call[2] in place]
    expect(found, "no calls were found: what does nm print?")
    bad = [f"src/{'/'.join(caller)}.c calls {symbol} of src/{'/'.join(callee)}.c, "
           "which is not below it"
           for caller, symbol, callee in found if place[caller] >= place[callee]]
    expect(not bad, *bad)


main(complete, downwards)
