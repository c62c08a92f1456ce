#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Adds up what the test runs of several build directories found.

usage: summary.py BUILDDIR... [--fuzz TAP] [--failed yes]

--failed yes says that a run failed: then something is counted as failed even if the reports, which
know only what was told before a program ended, name nothing.  The last line is `N passed, N failed`; the exit status is 1 if anything failed.
"""

import argparse
import pathlib
import re
import sys
import xml.etree.ElementTree as tree


def count_build(directory):
    """Returns (passed, failed, skipped, names of failed tests) of a build's last test run."""
    report = pathlib.Path(directory) / "meson-logs" / "testlog.junit.xml"
    if not report.exists():
        return 0, 1, 0, [f"{directory}: no report"]
    passed = failed = skipped = 0
    names = []
    for suite in tree.parse(report).getroot():
        cases = suite.findall("testcase")
        for case in cases:
            if case.find("failure") is not None or case.find("error") is not None:
                failed += 1
                names.append(f"{directory}: {suite.get('name')}: {case.get('name')}")
            elif case.find("skipped") is not None:
                skipped += 1
            else:
                passed += 1
    return passed, failed, skipped, names


def count_fuzz(report):
    """Returns the same of the lines that the fuzzing script printed."""
    passed, names = 0, []
    for line in pathlib.Path(report).read_text(errors="replace").splitlines():
        if re.match(r"ok\b", line):
            passed += 1
        elif re.match(r"not ok\b", line):
            names.append("fuzz: " + line)
    if not passed and not names:
        names.append("fuzz: nothing ran")
    return passed, len(names), 0, names


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("builds", nargs="+")
    parser.add_argument("--fuzz")
    parser.add_argument("--failed", choices=["yes", "no"], default="no")
    args = parser.parse_args()
    results = [count_build(build) for build in args.builds]
    if args.fuzz:
        results.append(count_fuzz(args.fuzz))
    if args.failed == "yes" and not any(result[1] for result in results):
        results.append((0, 1, 0, ["a test program; see the log of its build directory"]))
    for result in results:
        for name in result[3]:
            print("failed:", name)
    passed, failed, skipped = (sum(result[i] for result in results) for i in range(3))
    if skipped:
        print(f"{skipped} skipped")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
