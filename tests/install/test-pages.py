# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every public name has a man page, and `man` finds and shows it.

Usage: test-pages.py SOURCEDIR MAN3
"""

import atexit
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from prototypes import prototypes
from tap import Skip, expect, expect_same, main, run

SOURCE, MAN3 = (pathlib.Path(x).resolve() for x in sys.argv[1:])
HEADERS = sorted([*(SOURCE / "include").glob("*.h"), *(SOURCE / "include/eva").glob("*.h")])
PAGES = {p.name: p.read_text(encoding="utf-8")
         for p in [*MAN3.iterdir(), *(SOURCE / "man").glob("*.[1-8]")]}

scratch = pathlib.Path(tempfile.mkdtemp(prefix="eva-pages-"))
atexit.register(shutil.rmtree, scratch, ignore_errors=True)


def need(*tools):
    """Skip without these tools."""
    for tool in tools:
        if not shutil.which(tool):
            raise Skip(f"not installed: {tool}")


def whole():
    """The pages that are no links."""
    return {name: text for name, text in PAGES.items() if not text.startswith(".so ")}


def exported():
    """What libevassuan's symbol file names."""
    text = re.sub(r"/\*.*?\*/", "", (SOURCE / "src/libevassuan.sym").read_text(), flags=re.S)
    return set(re.findall(r"^\s+(\w+);", text, re.M))


def types(text):
    """The types that a header defines."""
    return set(re.findall(r"^(?:struct|enum) ((?:eva|assuan)_\w+) \{", text, re.M)) | \
        set(re.findall(r"^typedef [^(\n]*\b((?:eva|assuan)_\w+);", text, re.M))


def inlines(text):
    """The functions of an adapter that programs call: they make a loop, or make a call."""
    return set(re.findall(r"^(eva_(?:loop_from|call)_\w+) \(", text, re.M))


def public():
    """All public names."""
    names = exported()
    for header in HEADERS:
        text = header.read_text()
        names |= inlines(text) if header.parent.name == "eva" else \
            {name for name, _, _ in prototypes(text)} | types(text)
    return names


def complete():
    """every function, every type and every header has a page"""
    names = public()
    expect(len(names) > 200, f"only {len(names)} public names")
    names |= {str(x.relative_to(SOURCE / "include")).replace("/", "_")
              for x in (SOURCE / "include").rglob("*.h*")}
    expect_same({n for n in names if f"{n}.3" not in PAGES}, [], "no page")


def named():
    """a page has each of its functions in NAME, in SYNOPSIS and in DESCRIPTION"""
    for name in sorted(public()):
        text = PAGES[f"{name}.3"]
        link = re.match(r"\.so man3/(.*)\n$", text)
        text = PAGES[link[1]] if link else text
        head, rest = text.split(".Sh LIBRARY")
        expect(re.search(rf"^\.Nm {name}( ,)?$", head, re.M), f"{name} is not in NAME")
        if name in exported():
            expect(re.search(rf"^\.Fo {name}$|\b{name} \(", rest, re.M), f"{name} is not in SYNOPSIS")
            expect(re.search(rf"^\.Ss .*\b{name}\b", rest, re.M), f"{name} has no section")


def references():
    """cross references lead to pages"""
    for name, text in whole().items():
        for page, section in re.findall(r"^\.Xr (?:[(\[] )*(\S+) (\d)", text, re.M):
            where = f"{page}.{section}"
            expect(where in PAGES or not re.match(r"(__)?(assuan|eva)", page),
                   f"{name} names {where}, which is no page")


def one_date():
    """all pages but those of the tool have one date"""
    dates = {re.search(r"^\.Dd (.*)$", text, re.M)[1] for name, text in whole().items()
             if not name.startswith("assuanctl")}
    expect(len(dates) == 1, *dates)


def same_server():
    """the server of evassuan(7) is the README's"""
    code = re.search(r"<!-- file: echo.c -->\n```c\n(.*?)```", (SOURCE / "README.md").read_text(), re.S)
    page = re.search(r"^\.Bd -literal -offset indent\n(#include.*?)^\.Ed", PAGES["evassuan.7"],
                     re.S | re.M)
    expect("".join(code[1].split()) == "".join(page[1].split()), "they differ")


def lint():
    """mandoc has no warnings"""
    need("mandoc")
    path = scratch / "lint"
    path.mkdir()
    for name, text in whole().items():
        (path / name).write_text(text, encoding="utf-8")
    done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", *sorted(path.iterdir())],
                          capture_output=True, text=True, check=False, timeout=300)
    expect(not done.stdout and not done.stderr, done.stdout, done.stderr)


def groff():
    """groff has no warnings"""
    need("groff")
    for name, text in whole().items():
        done = subprocess.run(["groff", "-ww", "-mandoc", "-Tutf8", "-z"], input=text.encode(),
                              capture_output=True, check=False, timeout=300)
        # That a line is not as long as others, because a long name follows, is no fault.
        said = [x for x in done.stderr.decode().splitlines() if "cannot adjust line" not in x]
        expect(not said, name, *said)


def found():
    """man shows a function's page, and man -k lists all of them"""
    need("mandb", "man", "apropos", "whatis")
    top = scratch / "man"
    for name, text in PAGES.items():
        path = top / f"man{name[-1]}" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    env = dict(os.environ, MANPATH=str(top), MANWIDTH="80", MANPAGER="cat", LC_ALL="C.UTF-8")
    (scratch / "home").mkdir()
    env["HOME"] = str(scratch / "home")
    if "makewhatis" in pathlib.Path(shutil.which("apropos")).resolve().name or \
            os.path.realpath(shutil.which("man")).endswith("mandoc"):
        raise Skip("man is not man-db's")
    run(["mandb", "--quiet", "--create", "--user-db", top], env=env)
    said = run(["apropos", "--long", "evassuan"], env=env)
    listed = set(re.findall(r"^(\S+) \(3\)", said, re.M))
    expect_same(public() - listed, [], "not listed")
    for name in ("eva_server_new", "eva_call_cancel", "assuan_new", "eva_loop_from_glib"):
        shown = run(["man", "3", name], env=env)
        expect(f"{name}(" in shown, shown)


main(complete, named, references, one_date, same_server, lint, groff, found)
