# SPDX-License-Identifier: LGPL-2.1-or-later
"""debian/ agrees with the tree: versions, symbols, and which package gets which installed file.

`./dev fresh RELEASE package` builds the packages and uses them; this takes no time.

Usage: test-debian.py SOURCEDIR BUILDDIR MESON
"""

import fnmatch
import json
import os
import pathlib
import re
import shutil
import sys

from tap import Skip, expect, expect_same, main, run

SOURCE, BUILD = (pathlib.Path(x).resolve() for x in sys.argv[1:3])
MESON = sys.argv[3]
DEBIAN = SOURCE / "debian"
REMOVED = {"usr/share/doc/evassuan/LICENSE"}        # by debian/rules
MADE = {"usr/share/libassuan-evassuan"}             # by debian/rules
TRIPLET = "usr/lib/TRIPLET"


def stanzas(path):
    """The stanzas of a file, each as a dictionary."""
    found = []
    for part in re.split(r"\n\s*\n", path.read_text(encoding="utf-8").strip()):
        fields = {}
        for line in part.split("\n"):
            if not line.startswith("#"):
                match = re.match(r"([A-Za-z-]+):\s*(.*)$", line)
                expect(match or line[0] == " ", f"{path.name}: {line}")
                if match:
                    name = match[1]
                    fields[name] = match[2]
                else:
                    fields[name] += "\n" + line[1:]
        found.append(fields)
    return found


def packages():
    """The names of the binary packages."""
    return [x["Package"] for x in stanzas(DEBIAN / "control") if "Package" in x]


def installed():
    """What Meson installs, as paths where Debian has it."""
    options = {x["name"]: x["value"] for x in
               json.loads(run([MESON, "introspect", BUILD, "--buildoptions"]))}
    if not options["tools"]:
        raise Skip("this build has no tools")
    places = [(options["libdir"], TRIPLET)] + \
        [(options[x], "usr/" + y) for x, y in
         (("bindir", "bin"), ("includedir", "include"), ("mandir", "share/man"), ("datadir", "share"))]
    found = set()
    for path in json.loads(run([MESON, "introspect", BUILD, "--installed"])).values():
        path = os.path.relpath(path, options["prefix"])
        for place, wanted in places:
            if path.startswith(place + "/"):
                found.add(wanted + path[len(place):])
                break
        else:
            expect(False, f"{path} is in no place that is known here")
    return found


def wanted():
    """(PACKAGE, PATTERN) of all that packages take from what is installed."""
    return [(path.stem, line.split()[0]) for path in sorted(DEBIAN.glob("*.install"))
            for line in path.read_text().splitlines() if line.strip()]


def takes(pattern, path):
    """Whether PATTERN names PATH, or a directory that it is in."""
    pattern = pattern.replace("usr/lib/*", TRIPLET)
    parts = path.split("/")
    return any(fnmatch.fnmatchcase("/".join(parts[:n]), pattern) for n in range(1, len(parts) + 1))


def control():
    """control, copyright and the tests say what they have to"""
    source, *binary = stanzas(DEBIAN / "control")
    expect({"Source", "Maintainer", "Build-Depends", "Standards-Version"} <= set(source), source)
    for fields in binary:
        expect({"Package", "Architecture", "Description", "Depends"} <= set(fields), fields)
    expect_same({x.stem for x in DEBIAN.glob("*.install")}, packages(), "debian/*.install")
    expect(stanzas(DEBIAN / "copyright")[1]["License"] == "LGPL-2.1-or-later", "copyright")
    tests = {x["Tests"] for x in stanzas(DEBIAN / "tests/control")}
    expect_same(tests, {x.name for x in (DEBIAN / "tests").iterdir()} - {"control"}, "debian/tests")
    for name in [*(f"tests/{x}" for x in tests), "rules"]:
        expect(os.access(DEBIAN / name, os.X_OK), f"{name} is not executable")


def versions():
    """changelog, spec file and NEWS have the version of the project"""
    version = re.search(r"^  version: '(.*?)'", (SOURCE / "meson.build").read_text(), re.M)[1]
    said = re.match(r"evassuan \((.*?)\)", (DEBIAN / "changelog").read_text())[1]
    expect(said == version, f"debian/changelog has {said}, the project {version}")
    said = re.search(r"^Version: *(\S+)", (SOURCE / "rpm/evassuan.spec").read_text(), re.M)[1]
    expect(said == version, f"rpm/evassuan.spec has {said}, the project {version}")
    said = re.search(r"^Version (\S+)", (SOURCE / "NEWS").read_text(), re.M)[1]
    expect(said == version, f"NEWS has {said}, the project {version}")


def symbols():
    """the symbols file knows every version of the symbol file"""
    nodes = re.findall(r"^(\w+) \{", (SOURCE / "src/libevassuan.sym").read_text(), re.M)
    known = re.findall(r"^ \(symver\)(\w+) \S+$", (DEBIAN / "libevassuan0.symbols").read_text(), re.M)
    expect_same(known, nodes, "debian/libevassuan0.symbols")


def owners():
    """each installed file belongs to one package"""
    found = installed() - REMOVED
    wants = wanted()
    for path in sorted(found):
        owner = {package for package, pattern in wants if takes(pattern, path)}
        expect(len(owner) == 1, f"{path} belongs to {sorted(owner) or 'no package'}")
    for package, pattern in wants:
        expect(pattern in MADE or any(takes(pattern, path) for path in found),
               f"{package}: nothing is {pattern}")


def scripts():
    """scripts of packages have no mistakes that shellcheck knows"""
    if not shutil.which("shellcheck"):
        raise Skip("not installed: shellcheck")
    run(["shellcheck", "-x", *DEBIAN.glob("*.post*"),
         *(x for x in (DEBIAN / "tests").iterdir() if x.name != "control")], cwd=SOURCE)


main(control, versions, symbols, owners, scripts)
