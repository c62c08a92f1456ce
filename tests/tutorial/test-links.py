# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every link between our documents leads somewhere: to a file of the tree, and to a heading of it.

Usage: test-links.py SOURCE_DIR
"""

import pathlib
import re
import sys

from tap import expect, expect_same, main

ROOT = pathlib.Path(sys.argv[1])
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def documents():
    """All documents that people read."""
    here = [*ROOT.glob("*.md"), *ROOT.glob("doc/**/*.md"), *ROOT.glob("examples/**/*.md"),
            *ROOT.glob("tests/*.md")]
    return sorted(here)


def prose(path):
    """The text of PATH without its fenced blocks."""
    return re.sub(r"^( *)```.*?^\1```$", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)


def anchors(path):
    """What GitHub calls the headings of PATH."""
    found = set()
    for heading in re.findall(r"^#+ +(.*)$", prose(path), re.M):
        found.add(re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-"))
    return found


def leads_nowhere(path, link):
    """Whether LINK in PATH has no target.  Links to other places are not ours to try."""
    if re.match(r"[a-z]+:", link):
        return False
    name, _, anchor = link.partition("#")
    target = path.parent / name if name else path
    if not target.exists():
        return True
    return bool(anchor) and anchor not in anchors(target)


def links_of(path):
    """The test of the document PATH."""
    def test():
        wrong = [x for x in LINK.findall(prose(path)) if leads_nowhere(path, x)]
        expect_same(wrong, [], f"links of {path.name} that lead nowhere")
    test.__doc__ = f"the links of {path.relative_to(ROOT)} lead somewhere"
    return test


def indexed():
    """doc/README.md names every document beside it"""
    index = prose(ROOT / "doc" / "README.md")
    missing = [x.name for x in sorted(ROOT.glob("doc/*.md"))
               if x.name != "README.md" and f"]({x.name})" not in index]
    expect(not missing, "not in doc/README.md:", *missing)


main(*(links_of(path) for path in documents()), indexed)
