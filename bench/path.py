# SPDX-License-Identifier: LGPL-2.1-or-later
"""What one NOP passes in a server, counted by valgrind's callgrind: repeatable, whatever else the
machine does.

usage: path.py LOAD SERVER [OPTIMIZED_SERVER]

SERVER is built without optimization, so that every call of the source is one: its calls, functions
and files are counted, but for functions that are inline in headers.  Instructions are those of
OPTIMIZED_SERVER, if there is one.  Each server runs twice, with few NOPs and with many; what it
counts besides the NOPs is the same and drops out.
"""

import collections
import os
import re
import signal
import subprocess
import sys
import tempfile

FEW, MANY = 200, 1200


class Profile:
    """What callgrind counted: instructions in all, calls of each function, the file of each."""

    def __init__(self, path):
        self.instructions = 0
        self.calls = collections.Counter()
        self.files = {}
        names = {}
        file = callee_file = callee = None

        def name(kind, text):
            match = re.match(r"\((\d+)\)(?: (.*))?", text)
            if match.group(2):
                names[kind, match.group(1)] = match.group(2)
            return names[kind, match.group(1)]

        for line in open(path, encoding="utf-8"):
            key, _, value = line.rstrip("\n").partition("=")
            if key in ("fl", "fi", "fe"):
                file = name("file", value)
                if key == "fl":
                    callee_file = None
            elif key == "fn":
                self.files[name("function", value)] = file
                callee_file = None
            elif key in ("cfi", "cfl"):
                callee_file = name("file", value)
            elif key == "cfn":
                callee = name("function", value)
                self.files.setdefault(callee, callee_file or file)
            elif key == "calls":
                self.calls[callee] += int(value.split()[0])
                callee_file = None
            elif line.startswith(("summary:", "totals:")):
                self.instructions = int(line.split()[1])


def profile(load, server, n, scratch):
    """Count what SERVER does for N calls of a client."""
    path, out = os.path.join(scratch, "S"), os.path.join(scratch, f"out-{n}")
    with open(os.path.join(scratch, "log"), "w", encoding="utf-8") as log:
        child = subprocess.Popen(["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}",
                                  server, path], stdout=log, stderr=log)
    try:
        subprocess.run([load, "asks", f"{path},{child.pid},{n}"], check=True)
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait()
        if os.path.exists(path):
            os.unlink(path)
    return Profile(out)


def per_nop(load, server):
    """Return what a NOP costs: instructions, and {function: calls} with its file."""
    with tempfile.TemporaryDirectory(prefix="path-") as scratch:
        few, many = (profile(load, server, n, scratch) for n in (FEW, MANY))
    calls = {function: (many.calls[function] - few.calls[function]) / (MANY - FEW)
             for function in many.calls}
    return ((many.instructions - few.instructions) / (MANY - FEW),
            {function: (n, many.files[function]) for function, n in calls.items() if n >= 0.5})


def main():
    """Print the figures."""
    load, server, *optimized = sys.argv[1:]
    instructions, calls = per_nop(load, server)
    ours = {function: (n, file) for function, (n, file) in calls.items()
            if re.search(r"(^|/)(src|include)/.*\.c$", file or "")}
    if optimized:
        instructions, _ = per_nop(load, optimized[0])
    print(f"instructions  {instructions:.0f}")
    print(f"calls         {sum(n for n, _ in ours.values()):.0f}")
    print(f"functions     {len(ours)}")
    print(f"files         {len({file for _, file in ours.values()})}")
    print("called most")
    for function, (n, file) in sorted(ours.items(), key=lambda row: -row[1][0])[:12]:
        print(f"  {n:4.0f}  {function}  {os.path.relpath(file) if os.path.isabs(file) else file}")


main()
