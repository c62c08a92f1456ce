# SPDX-License-Identifier: LGPL-2.1-or-later
"""Our assuan.h is source and ABI compatible with that of the system's libassuan, 2.5 or 3.0.

What the system's header declares is read out of it and written into a C program that includes ours:
its prototypes again, which a compiler refuses if they differ; its structures under other names, to
be compared member by member; its numbers, to be compared with ours.

Our other headers have no model; they compile alone, in C and C++ of every standard, the adapters where
their loop is installed.

Usage: test-header.py INCLUDEDIR COMPAT2DIR, the directories of our headers, and of assuan.h with the
interface of libassuan 2.5; CC and CXX in the environment.
"""

import os
import pathlib
import re
import shlex
import shutil
import sys
import tempfile

from tap import Skip, expect, expect_same, main, run

ours_dir, compat2_dir = map(pathlib.Path, sys.argv[1:])
CC = shlex.split(os.environ.get("CC", "cc"))
CXX = shlex.split(os.environ.get("CXX", "c++"))
OWN = ("eva-conn.h", "eva-loop.h", "eva-words.h", "eva.h", "eva/notify.h")
FOR_CXX = "eva.hpp"
STANDARDS = ("c++11", "c++14", "c++17", "c++20")
# The adapters, and what pkg-config calls their loop; libev has no such file.
ADAPTERS = {"eva/uv.h": "libuv", "eva/event.h": "libevent_core", "eva/glib.h": "glib-2.0",
            "eva/gio.h": "gio-2.0", "eva/sd-event.h": "libsystemd", "eva/ev.h": None}
# What is for C++ alone, of which libraries, in which of the standards.
QT, QTS = "eva/qt.h", {"Qt5Core": STANDARDS, "Qt6Core": STANDARDS[2:]}

# What the headers define for themselves.
PRIVATE = re.compile(r"_|ASSUAN_H$|ASSUAN_SYSTEM_N?PTH")
# The macros that are code, not a number: the names have to be there, test-hooks runs them.
# Those for GNU Pth, which libassuan 3 does not have any more, stay.
NPTH = {"ASSUAN_SYSTEM_NPTH", "ASSUAN_SYSTEM_NPTH_IMPL"}
CODE = NPTH | {"ASSUAN_SYSTEM_PTH", "ASSUAN_SYSTEM_PTH_IMPL"}
OURS = {"2.5.5": compat2_dir, "3.0.2": ours_dir}


def reference():
    """The directories of the system's assuan.h and of ours with the same interface version."""
    try:
        where = run(["pkg-config", "--variable=includedir", "libassuan"]).strip()
        version = run(["pkg-config", "--modversion", "libassuan"]).strip()
    except Exception as error:
        raise Skip("no libassuan's header here") from error
    if version not in OURS or not (pathlib.Path(where) / "assuan.h").exists():
        raise Skip(f"libassuan's header is of version {version}")
    return pathlib.Path(where), OURS[version]


def preprocess(include_dir, *options):
    """Run the preprocessor over DIR's assuan.h."""
    path = include_dir / "assuan.h"
    return run([*CC, "-std=c11", "-D_GNU_SOURCE", "-E", *options, "-x", "c", path])


def macros(include_dir):
    """The macros that DIR's assuan.h adds: name to value."""
    defined = re.findall(r"^#define (\w*ASSUAN\w*)(?:\([^)]*\))? ?(.*)$",
                         preprocess(include_dir, "-dM"), re.M)
    return {name: value for name, value in defined if "ASSUAN" in name}


def declarations(include_dir):
    """What DIR's assuan.h itself declares, without what the headers that it includes do."""
    keep, out = False, []
    for line in preprocess(include_dir).splitlines():
        marker = re.match(r'# \d+ "(.*?)"', line)
        if marker:
            keep = os.path.basename(marker.group(1)) == "assuan.h"
        elif keep and line.strip() and not line.startswith("#"):
            out.append(line)
    text = "\n".join(out)
    return re.sub(r"static[^;{}]*assuan_fd_from_posix_fd[^{]*\{[^}]*\}", "", text)


STRUCT = re.compile(r"struct\s+(\w+)\s*\{(.*?)\n?\};", re.S)
ENUM = re.compile(r"enum\s+\w+\s*\{.*?\};", re.S)     # its values are macros of neither
MEMBER = re.compile(r"(?:\(\*\s*(\w+)\)|(\w+))\s*(?:\(.*\))?$", re.S)


def functions(text):
    """The names of the functions that the declarations declare."""
    flat = re.sub(r"\s+", " ", STRUCT.sub("", text))
    statements = [s for s in flat.split(";") if "(" in s and "typedef" not in s]
    return {re.search(r"(\w+) ?\(", s).group(1) for s in statements}


def program(other):
    """The C program that only compiles if our header agrees with the declarations OTHER."""
    lines = ["#include <assuan.h>", "#include <stddef.h>",
             "#define SAME(a, b) __builtin_types_compatible_p (__typeof__ (a), __typeof__ (b))"]
    for name, body in STRUCT.findall(other):
        lines.append(f"struct reference_{name} {{ {body} }};")
        lines.append(f"_Static_assert (sizeof (struct {name}) == "
                     f"sizeof (struct reference_{name}), \"{name}\");")
        for member in (s.strip() for s in body.split(";") if s.strip()):
            # The member's name comes first behind "(*" of a pointer to a function, else last.
            pointer = re.search(r"\(\s*\*\s*(\w+)\s*\)", member)
            field = pointer.group(1) if pointer else MEMBER.search(member).group(2)
            lines.append(f"_Static_assert (offsetof (struct {name}, {field}) == "
                         f"offsetof (struct reference_{name}, {field}), \"{name}.{field}\");")
            lines.append(f"_Static_assert (SAME (((struct {name} *) 0)->{field}, "
                         f"((struct reference_{name} *) 0)->{field}), \"{name}.{field}\");")
    lines.append(ENUM.sub("", STRUCT.sub("", other)))
    lines.append("int main (void) { return 0; }")
    return "\n".join(lines) + "\n"


def compile_program(text, include_dir=ours_dir):
    """Compile TEXT with our header in INCLUDE_DIR; warnings are errors, so that nothing is converted silently."""
    with tempfile.TemporaryDirectory(prefix="eva-") as scratch:
        path = pathlib.Path(scratch) / "check.c"
        path.write_text(text)
        run([*CC, "-std=c11", "-D_GNU_SOURCE", "-Werror", "-I", include_dir, "-c", path,
             "-o", path.with_suffix(".o")])


def loop_flags(package):
    """The compiler's flags for the loop PACKAGE, or nothing if it is not installed."""
    try:
        if package:
            return shlex.split(run(["pkg-config", "--cflags", package]))
        run([*CC, "-E", "-include", "ev.h", "-x", "c", os.devnull])
        return []
    except Exception:
        return None


def cxx_compilers():
    """The C++ compilers that are here."""
    found = [CXX, *([name] for name in ("g++", "clang++"))]
    found = {run([*c, "--version"]).splitlines()[0].split(" ", 1)[1]: c
             for c in found if shutil.which(c[0])}
    if not found:
        raise Skip("no C++ compiler")
    return list(found.values())


def compile_cxx(flags, path, standards=STANDARDS):
    """Compile C++ with every compiler and language."""
    # What other libraries' headers warn about is not ours.
    flags = [x if not x.startswith("-I") else "-isystem" + x[2:] for x in flags]
    with tempfile.TemporaryDirectory(prefix="eva-") as scratch:
        for compiler in cxx_compilers():
            for standard in standards:
                run([*compiler, f"-std={standard}", "-Wall", "-Wextra", "-Wshadow",
                     "-Wmissing-field-initializers", "-Wcast-align", "-Werror", "-I", ours_dir, *flags,
                     "-c", path, "-o", f"{scratch}/check.o"])


def compile_cxx_headers(names, flags, standards=STANDARDS):
    """Compile a C++ program that includes the headers NAMES twice, likewise."""
    with tempfile.TemporaryDirectory(prefix="eva-") as scratch:
        path = pathlib.Path(scratch) / "check.cpp"
        path.write_text("".join(f"#include <{name}>\n" for name in (*names, *names)))
        compile_cxx(flags, path, standards=standards)


def compile_header(name, flags):
    """Compile a program that includes the header NAME twice, in both languages, strictly."""
    text = f"#include <{name}>\n#include <{name}>\nint main (void) {{ return 0; }}\n"
    strict = ["-D_GNU_SOURCE", "-Wall", "-Wextra", "-Wcast-align", "-Werror"]
    languages = [("check.c", [*CC, "-std=c11", "-Wshadow", "-Wconversion", "-Wsign-conversion",
                              "-Wstrict-prototypes", *strict])]
    if shutil.which(CXX[0]):
        languages.append(("check.cc", [*CXX, *strict]))
    with tempfile.TemporaryDirectory(prefix="eva-") as scratch:
        for source, compiler in languages:
            path = pathlib.Path(scratch) / source
            path.write_text(text)
            run([*compiler, "-I", ours_dir, *flags, "-c", path, "-o", path.with_suffix(".o")])


def own():
    """our own headers compile alone and twice, in C and C++"""
    for name in OWN:
        compile_header(name, [])


def adapters():
    """so do the adapters"""
    found = 0
    expect_same({f"eva/{path.name}" for path in (ours_dir / "eva").iterdir()} - set(OWN),
                {*ADAPTERS, QT}, "adapter")
    for name, package in ADAPTERS.items():
        flags = loop_flags(package)
        if flags is not None:
            compile_header(name, flags)
            found += 1
    if not found:
        raise Skip("no loop is installed here")


def languages():
    """they are clean in C++11 to C++20, with every compiler"""
    flags = {name: loop_flags(package) for name, package in ADAPTERS.items()}
    found = [name for name in flags if flags[name] is not None]
    # libev's header and libevent's exclude each other.
    for group in ([*OWN, "assuan.h", FOR_CXX, *(x for x in found if x != "eva/ev.h")],
                  [x for x in found if x == "eva/ev.h"]):
        compile_cxx_headers(group, sum((flags.get(x, []) for x in group), []))


def qt():
    """so is the adapter of Qt"""
    found = {package: flags for package in QTS if (flags := loop_flags(package)) is not None}
    if not found:
        raise Skip("no Qt is installed here")
    for package, flags in found.items():
        # Among Qt's keywords are names such as `signals`.
        compile_cxx_headers([QT, *OWN, FOR_CXX], [*flags, "-fPIC"], QTS[package])
        compile_cxx_headers([QT], [*flags, "-fPIC", "-fno-exceptions"], QTS[package][-1:])


def templates():
    """so is a program that uses eva.hpp"""
    compile_cxx([], pathlib.Path(__file__).resolve().parent.parent / "cpp" / "test-cpp.cpp")


def names():
    """our header declares the same functions and macros"""
    other, ours = reference()
    expect_same(functions(declarations(ours)), functions(declarations(other)), "function")
    wanted, found = macros(other), macros(ours)
    expect_same({n for n in found if not PRIVATE.match(n)} | (CODE & set(found)),
                {n for n in wanted if not PRIVATE.match(n)} | CODE, "macro")
    expect(NPTH <= set(wanted), "the system's header has no hooks for nPth")


def values():
    """every macro has the same value"""
    other_dir, ours = reference()
    other, found = macros(other_dir), macros(ours)
    checks = []
    for name, value in other.items():
        if PRIVATE.match(name) or not value:
            continue
        if value.startswith('"'):
            expect(found[name] == value, f"{name} is {found[name]}, not {value}")
        else:
            checks.append(f"_Static_assert (({name}) == ({value}), \"{name}\");")
            checks.append(f"_Static_assert (SAME ({name}, {value}), \"type of {name}\");")
    expect(len(checks) > 40, "hardly any macros found")
    compile_program("#include <assuan.h>\n#define SAME(a, b) __builtin_types_compatible_p "
                    "(__typeof__ (a), __typeof__ (b))\n" + "\n".join(checks) + "\n", ours)


def layouts():
    """every structure, type and prototype is the same"""
    other_dir, ours = reference()
    other = declarations(other_dir)
    expect(len(STRUCT.findall(other)) == 4, "structures not found", STRUCT.findall(other))
    expect(len(functions(other)) > 90, "prototypes not found", functions(other))
    compile_program(program(other), ours)


def difference():
    """the comparison notices a difference"""
    other_dir, ours = reference()
    other = declarations(other_dir)
    for old, new in (("int version", "long version"), ("assuan_fd_t fd[2]", "assuan_fd_t *fd[2]"),
                     ("int assuan_pending_line", "long assuan_pending_line"),
                     ("uid_t uid", "gid_t gid0")):
        changed = re.sub(re.escape(old).replace(r"\ ", r"\s+"), new, other)
        expect(changed != other, f"{old} not found")
        try:
            compile_program(program(changed), ours)
        except Exception:
            continue
        expect(False, f"{new} in place of {old} went unnoticed")


def alone():
    """our header compiles alone and twice, in C and, without socket wrappers, too"""
    for options in ("", "#define _ASSUAN_NO_SOCKET_WRAPPER\n"):
        for include_dir in (ours_dir, compat2_dir):
            compile_program(options + "#include <assuan.h>\n#include <assuan.h>\n"
                            "int x (void);\nint x (void) { return assuan_fd_from_posix_fd (0); }\n",
                            include_dir)


def npth():
    """the hooks for nPth are there, or not, as the program asks for"""
    hooks, none = "&_assuan_system_npth", "NULL"
    api3, no_more = "LIBASSUAN_API_REQUESTED=3", "ASSUAN_NO_NPTH_SYSTEM_HOOKS_ANY_MORE"
    for wanted, *defines in ((hooks,), (hooks, "LIBASSUAN_API_REQUESTED=2"), (none, api3),
                             (none, no_more),
                             (hooks, api3, "ASSUAN_REALLY_REQUIRE_V2_NPTH_SYSTEM_HOOKS"),
                             (hooks, no_more, "ASSUAN_REALLY_REQUIRE_V2_NPTH_SYSTEM_HOOKS")):
        options = [f"-D{name}" for name in defines]
        found = dict(re.findall(r"^#define (ASSUAN_\w*NPTH\w*) ?(.*)$",
                                preprocess(ours_dir, "-dM", *options), re.M))
        expect(found["ASSUAN_SYSTEM_NPTH"] == wanted, *defines, found["ASSUAN_SYSTEM_NPTH"])
        expect(bool(found["ASSUAN_SYSTEM_NPTH_IMPL"]) == (wanted == hooks), *defines)
        expect((no_more in found) == (api3 in defines or no_more in defines), *defines, *found)
    # The interface of libassuan 2.5 has them always.
    found = preprocess(compat2_dir, "-dM", f"-D{api3}")
    expect(f"#define ASSUAN_SYSTEM_NPTH {hooks}" in found, "no hooks in 2.5's")


main(names, values, layouts, difference, alone, npth, own, adapters, languages, qt, templates)
