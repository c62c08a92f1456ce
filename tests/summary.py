#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Adds up what the test runs of several build directories found.

usage: summary.py BUILDDIR... [--tap NAME FILE]... [--times LINES] [--failed yes]

A BUILDDIR counts with its last run of `meson test`, a FILE with the lines of TAP in it.  LINES are
"SECONDS NAME", when a part of the tests began; it lasted until the next one, and the last until now.
--failed yes says that a run failed: then something is counted as failed even if the reports, which
know only what was told before a program ended, name nothing.

What was skipped is named, with the reason.  The last line is `N passed, N failed`; the exit status
is 1 if anything failed.
"""

import argparse
import collections
import json
import pathlib
import re
import sys
import time
import xml.etree.ElementTree as tree


class Count:
    """What was found: numbers, names of what failed, and why how many were skipped."""

    def __init__(self):
        self.passed = self.failed = 0
        self.names = []
        self.skipped = collections.Counter()

    def fail(self, name):
        """Something failed."""
        self.failed += 1
        self.names.append(name)


def add_build(count, directory):
    """Add a build's last test run."""
    logs = pathlib.Path(directory) / "meson-logs"
    if not (logs / "testlog.junit.xml").exists():
        count.fail(f"{directory}: no report")
        return
    for suite in tree.parse(logs / "testlog.junit.xml").getroot():
        for case in suite.findall("testcase"):
            if case.find("failure") is not None or case.find("error") is not None:
                count.fail(f"{directory}: {suite.get('name')}: {case.get('name')}")
            elif case.find("skipped") is None:
                count.passed += 1
    # Only this one knows the reasons, and the programs that were skipped as a whole.
    for line in (logs / "testlog.json").read_text(errors="replace").splitlines():
        test = json.loads(line)
        reasons = re.findall(r"^(?:ok\b|1\.\.0).*# *SKIP\b *(.*)$", test.get("stdout", ""),
                             re.M | re.I)
        if test["result"] == "SKIP" and not reasons:
            count.fail(f"{directory}: {test['name']}: skipped, and nothing that it said is TAP")
        for reason in reasons:
            count.skipped[f"{directory}: {test['name']}", reason] += 1


def add_tap(count, name, report):
    """Add lines of TAP."""
    told = False
    for line in pathlib.Path(report).read_text(errors="replace").splitlines():
        if skipped := re.match(r"ok\b(?: -)? (.*) # SKIP (.*)", line):
            count.skipped[f"{name}: {skipped[1]}", skipped[2]] += 1
        elif re.match(r"ok\b", line):
            count.passed += 1
        elif re.match(r"not ok\b", line):
            count.fail(f"{name}: {line}")
        else:
            continue
        told = True
    if not told:
        count.fail(f"{name}: nothing ran")


def print_times(lines):
    """Print how long each part took."""
    begins = [line.split(" ", 1) for line in lines.splitlines()]
    ends = [int(seconds) for seconds, _ in begins[1:]] + [int(time.time())]
    for (begin, name), end in zip(begins, ends):
        print(f"{(end - int(begin)) // 60:4} min {(end - int(begin)) % 60:2} s  {name}")
    total = ends[-1] - int(begins[0][0])
    print(f"{total // 60:4} min {total % 60:2} s  in all")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("builds", nargs="+")
    parser.add_argument("--tap", nargs=2, action="append", default=[])
    parser.add_argument("--times")
    parser.add_argument("--failed", choices=["yes", "no"], default="no")
    args = parser.parse_args()
    count = Count()
    for build in args.builds:
        add_build(count, build)
    for name, report in args.tap:
        add_tap(count, name, report)
    if args.failed == "yes" and not count.failed:
        count.fail("a test program; see the log of its build directory")
    if args.times:
        print_times(args.times)
    for name in count.names:
        print("failed:", name)
    for (name, reason), n in count.skipped.items():
        print(f"skipped: {name}{f', {n} tests' if n > 1 else ''}: {reason}")
    if count.skipped:
        print(f"{count.skipped.total()} skipped")
    print(f"{count.passed} passed, {count.failed} failed")
    return 1 if count.failed else 0


if __name__ == "__main__":
    sys.exit(main())
