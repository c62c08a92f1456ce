# SPDX-License-Identifier: LGPL-2.1-or-later
"""`./dev` tells its commands, and what is wrong with what was typed, before it installs or builds.

Usage: test-dev.py SOURCEDIR
"""

import pathlib
import re
import subprocess
import sys

from tap import expect, main

SOURCE = pathlib.Path(sys.argv[1]).resolve()

# What was typed, and what is said of it.
MISTAKES = {
    ("tset",): "no command 'tset'",
    ("build", "x"): "'build' does not take 'x'",
    ("run", "apache"): "no server 'apache'",
    ("run", "uv", "ev"): "'run' does not take 'ev'",
    ("world",): "which world?",
    ("world", "abc"): "which world?",
    ("world", "1", "x"): "which world?",
    ("fuzz", "x"): "how many seconds?",
    ("fuzz", "0"): "how many seconds?",
    ("soak", "x"): "how many seconds?",
    ("fresh",): "of which release?",
    ("fresh", "sid"): "no release 'sid'",
    ("fresh", "trixie", "tset"): "does not take 'tset'",
    ("port",): "which architecture?",
    ("package", "x"): "does not take 'x'",
    ("release",): "usage: ./dev release",
    ("release", "--wrong", "1.2.3"): "usage: ./dev release",
}


def dev(*words):
    """The exit status, and what it says."""
    done = subprocess.run([SOURCE / "dev", *words], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, check=False, timeout=60)
    return done.returncode, done.stdout, done.stderr


def mistakes():
    """a mistake ends with 2 and a sentence"""
    for words, text in MISTAKES.items():
        code, out, err = dev(*words)
        expect((code, out) == (2, "") and text in err, words, code, out, err)


def told():
    """help has each command"""
    commands = set(re.findall(r"^  ([a-z]+)\)$", (SOURCE / "dev").read_text(encoding="utf-8"), re.M))
    expect(len(commands) > 10, commands)
    for words in (), ("help",), ("--help",):
        code, out, err = dev(*words)
        expect((code, err) == (0, ""), words, code, err)
        missing = [c for c in commands if not re.search(rf"^  {c}\b", out, re.M)]
        expect(not missing, "not in the help:", missing)


main(mistakes, told)
