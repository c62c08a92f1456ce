# SPDX-License-Identifier: LGPL-2.1-or-later
"""A public header is a manual: every prototype has a comment of its own directly above it.

Usage: test-documented.py HEADER...
"""

import pathlib
import re
import sys

from prototypes import prototypes
from tap import expect, main

LEAST = 25          # octets that a comment needs at least to say anything


def comment_above(text, start):
    """The comment that ends on the line above START, or nothing."""
    above = text[:start]
    if not above.endswith("*/\n"):
        return ""
    return above[above.rfind("/*"):]


def documented(path):
    """The test of one header."""
    def test():
        text = path.read_text()
        found = prototypes(text)
        # Two ways to count, so that a prototype which the one overlooks shows up.
        names = set(re.findall(r"^(?!typedef |static )[A-Za-z_][\w ]*[ *](\w+) \(", text, re.M))
        expect(found, f"{path.name} has no prototypes")
        expect(names <= {name for name, _, _ in found}, "not recognised:",
               names - {name for name, _, _ in found})
        for name, start, _ in found:
            comment = comment_above(text, start)
            expect(len(comment) > LEAST and "---" not in comment, f"{name} has no comment")
    test.__doc__ = f"every prototype of {path.name} has its own comment"
    return test


main(*(documented(pathlib.Path(arg)) for arg in sys.argv[1:]))
