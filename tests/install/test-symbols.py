# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the libraries export is exactly what their symbol files and headers say.

Usage: test-symbols.py LIBASSUAN2 SYM LIBASSUAN3 SYM LIBEVASSUAN SYM HEADER..., each library with its
symbol file.
"""

import os
import pathlib
import re
import sys

from prototypes import prototypes
from tap import Skip, expect, expect_same, main, run

lib2, sym2, lib3, sym3, library, library_sym, *own_headers = map(pathlib.Path, sys.argv[1:])
DROP_INS = (("libassuan.so.0", lib2, sym2), ("libassuan.so.9", lib3, sym3))
NM = os.environ.get("NM", "nm")
READELF = os.environ.get("READELF", "readelf")
NODES = {"LIBASSUAN_1.0", "LIBASSUAN_2.0", "EVASSUAN_1.0"}   # some linkers export a version node's own name


def exported(path):
    """The names that a library exports, each with its version, as NAME@@VERSION."""
    lines = run([NM, "-D", "--defined-only", "--with-symbol-versions", path]).splitlines()
    names = {line.split()[-1] for line in lines if line.strip()}
    return {name for name in names if name.split("@")[0] not in NODES}


def listed(path):
    """The same out of a symbol file."""
    text = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.S)
    node, names = re.fullmatch(r"\s*(\w[\w.]*) \{\s*global:(.*)local:\s*\*;\s*\};\s*", text,
                               re.S).groups()
    return {f"{name}@@{node}" for name in re.findall(r"(\w+);", names)}


def soname(path):
    """The soname of a library."""
    return re.search(r"SONAME.*\[(.*)\]", run([READELF, "-d", path])).group(1)


def drop_in():
    """the drop-ins export what their symbol files list"""
    for name, lib, sym in DROP_INS:
        expect_same(exported(lib), listed(sym), lib.name)
        expect(soname(lib) == name, "soname", soname(lib))
    # 3 has all of 2 and four more.
    more = {name.split("@")[0] for name in listed(sym3)}
    fewer = {name.split("@")[0] for name in listed(sym2)}
    expect(fewer < more and len(more) == 98, f"{len(fewer)} and {len(more)} names")


def own():
    """libevassuan exports what its symbol file lists"""
    expect_same(exported(library), listed(library_sym), library.name)
    expect(soname(library) == "libevassuan.so.0", "soname", soname(library))


def reference():
    """a drop-in exports what the system's libassuan exports"""
    try:
        libdir = run(["pkg-config", "--variable=libdir", "libassuan"]).strip()
    except Exception as error:
        raise Skip("no libassuan here") from error
    found = 0
    for name, lib, _ in DROP_INS:
        path = pathlib.Path(libdir) / name
        if path.exists():
            expect_same(exported(lib), exported(path), lib.name)
            found += 1
    if not found:
        raise Skip(f"no libassuan.so in {libdir}")


def headers():
    """all interfaces are in libevassuan's symbol file"""
    names = {name.split("@")[0] for name in listed(library_sym)}
    wanted = {name.split("@")[0] for name in listed(sym3)}
    for header in own_headers:
        wanted |= {name for name, _, _ in prototypes(header.read_text())}
    expect_same(names, wanted, library_sym.name)


def binding():
    """functions of other libraries are looked for once, before any secret is in a register"""
    for lib in (lib2, lib3, library):
        flags = re.findall(r"\(FLAGS(?:_1)?\)\s+(.*)", run([READELF, "-d", lib]))
        expect(any("NOW" in line for line in flags), lib.name, "is bound lazily:", flags)


main(drop_in, own, reference, headers, binding)
