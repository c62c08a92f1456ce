# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is installed can be used: by pkg-config, by libassuan-config, from C and C++, and goes away.

The project is built once more, plainly, in a scratch directory with a prefix of its own: the build
that is under test may be instrumented, and its record of installed files belongs to its user.

Usage: test-install.py SOURCEDIR MESON NINJA; CC and CXX in the environment.
"""

import atexit
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

from tap import Failure, Skip, expect, expect_same, main, run

source = pathlib.Path(sys.argv[1]).resolve()
MESON, NINJA = sys.argv[2:]
CC = shlex.split(os.environ.get("CC", "cc"))
CXX = shlex.split(os.environ.get("CXX", "c++"))
HERE = pathlib.Path(__file__).resolve().parent

scratch = pathlib.Path(tempfile.mkdtemp(prefix="eva-install-"))
atexit.register(shutil.rmtree, scratch, ignore_errors=True)
build, prefix, stage = scratch / "build", scratch / "prefix", scratch / "stage"
compat = prefix / "lib/evassuan/compat"
compat2, compat3 = compat / "2", compat / "3"

# Nothing of the caller's may leak into what is built here.
os.environ.pop("DESTDIR", None)
for name in ("CFLAGS", "CXXFLAGS", "LDFLAGS", "LD_LIBRARY_PATH", "PKG_CONFIG_PATH", "LD_PRELOAD"):
    os.environ.pop(name, None)

WANTED = {
    "include/evassuan/assuan.h",
    "include/evassuan/eva-conn.h",
    "include/evassuan/eva-loop.h",
    "include/evassuan/eva-words.h",
    "include/evassuan/eva.h",
    "include/evassuan/eva.hpp",
    "include/evassuan/eva/ev.h",
    "include/evassuan/eva/event.h",
    "include/evassuan/eva/gio.h",
    "include/evassuan/eva/glib.h",
    "include/evassuan/eva/notify.h",
    "include/evassuan/eva/qt.h",
    "include/evassuan/eva/sd-event.h",
    "include/evassuan/eva/uv.h",
    "lib/libevassuan.a",
    "lib/libevassuan.so",
    "lib/libevassuan.so.0",
    "lib/pkgconfig/evassuan.pc",
    "lib/evassuan/compat/2/assuan.h",
    "lib/evassuan/compat/2/libassuan.pc",
    "lib/evassuan/compat/2/libassuan-config",
    "lib/evassuan/compat/2/bin/libassuan-config",
    "lib/evassuan/compat/2/libassuan.so",
    "lib/evassuan/compat/2/libassuan.so.0",
    "lib/evassuan/compat/3/assuan.h",
    "lib/evassuan/compat/3/libassuan.pc",
    "lib/evassuan/compat/3/libassuan.so",
    "lib/evassuan/compat/3/libassuan.so.9",
    "bin/evassuan-run",
    "share/man/man1/evassuan-run.1",
    "share/man/man3/assuan_new.3",
    "share/man/man3/eva.h.3",
    "share/man/man3/eva_server_new.3",
    "share/man/man7/assuan-protocol.7",
    "share/man/man7/evassuan.7",
}
WANTED |= {f"share/doc/evassuan/doc/{x.name}" for x in (source / "doc").glob("*.md")}
REPLY = ["OK consumer", "D hello", "OK", "OK closing connection"]


def files(top):
    """The files and links below TOP, relative to it."""
    return {str(p.relative_to(top)) for p in top.rglob("*") if p.is_symlink() or not p.is_dir()}


def pkg_config(*args, path):
    """Ask pkg-config as a user would after pointing it to PATH."""
    env = dict(os.environ, PKG_CONFIG_PATH=str(path))
    return run(["pkg-config", *args], env=env).split()


def compile_program(flags, compiler=None, options=()):
    """Compile the consumer with FLAGS and return where it is."""
    program = scratch / "consumer"
    run([*(compiler or [*CC, "-std=c11"]), "-D_GNU_SOURCE", *options, HERE / "consumer.c", "-x",
         "none", "-o", program, *flags])
    return program


def run_program(program, library, version="3.0.2"):
    """Run the consumer and see that it works on LIBRARY (or on none), of VERSION."""
    env = dict(os.environ, LD_LIBRARY_PATH=str(library.parent) if library else "")
    lines = run([program], env=env).splitlines()
    expect(lines[0] == f"version {version}", *lines)
    loaded = [line.split()[1] for line in lines if line.startswith("loaded ")]
    wanted = [str(library.resolve())] if library else []
    expect(loaded == wanted, f"loads {loaded}, not {wanted}")
    said = lines[1 + len(loaded):]
    if version[0] == "3":               # the pid is behind the program's hello line
        said = [re.sub(r"^(OK consumer), process \d+$", r"\1", line) for line in said]
    expect(said == REPLY, *lines)


def try_program(flags, library, compiler=None, options=(), version="3.0.2"):
    """Compile the consumer with FLAGS and see that it works on LIBRARY (or on none)."""
    run_program(compile_program(flags, compiler, options), library, version)


def staged():
    """what is installed below DESTDIR is complete, and ninja uninstall removes it"""
    run([MESON, "setup", build, source, f"--prefix={prefix}", "--libdir=lib",
         "--buildtype=debugoptimized", "-Dtests=false", "-Dexamples=false", "-Dtools=false", "-Dbench=false"])
    run([NINJA, "-C", build, "-j2"])
    run([MESON, "install", "-C", build, "--no-rebuild", "--destdir", stage])
    top = stage / prefix.relative_to("/")
    found = files(top)
    expect(WANTED <= found, *(f"missing {x}" for x in sorted(WANTED - found)))
    expect(not prefix.exists(), f"{prefix} was written to")
    expect(not any(str(scratch) in path for path in found), *found)
    # A staged drop-in directory describes itself, not the place where it will be.
    said = run([top / "lib/evassuan/compat/2/libassuan-config", "--libs"])
    expect(f"-L{top}/lib/evassuan/compat/2 " in said, said)
    run([NINJA, "-C", build, "uninstall"])
    expect_same(files(stage), [], "uninstall")


def installed():
    """an installation below a prefix is complete and holds nothing of the build's"""
    run([MESON, "install", "-C", build, "--no-rebuild"])
    expect(WANTED <= files(prefix), *(f"missing {x}" for x in sorted(WANTED - files(prefix))))
    for path in files(prefix):
        text = (prefix / path).read_bytes()
        if path.endswith((".pc", ".h", "-config")):
            expect(str(build).encode() not in text, f"{path} names the build directory")


def by_pkg_config():
    """a program builds and runs with pkg-config evassuan"""
    flags = pkg_config("--cflags", "--libs", "evassuan", path=prefix / "lib/pkgconfig")
    library = prefix / "lib/libevassuan.so.0"
    try_program(flags, library, options=["-DWITH_CONN"])


def static():
    """a program links statically with libevassuan.a"""
    path = prefix / "lib/pkgconfig"
    cflags = pkg_config("--cflags", "evassuan", path=path)
    libs = pkg_config("--static", "--libs", "evassuan", path=path)
    libs = [str(prefix / "lib/libevassuan.a") if x == "-levassuan" else x for x in libs]
    try_program([*cflags, *libs], None, options=["-DWITH_CONN"])


def by_compat_pkg_config():
    """a program of libassuan's builds and runs with our libassuan.pc, of either generation"""
    where = pkg_config("--variable=compatdir", "evassuan", path=prefix / "lib/pkgconfig")
    expect(where == [str(compat)], f"compatdir is {where}")
    for path, version, soname in ((compat2, "2.5.5", "libassuan.so.0"),
                                  (compat3, "3.0.2", "libassuan.so.9")):
        expect(pkg_config("--modversion", "libassuan", path=path) == [version])
        expect(pkg_config("--variable=api_version", "libassuan", path=path) == [version[0]])
        flags = pkg_config("--cflags", "--libs", "libassuan", path=path)
        expect(f"-I{path}" in flags and f"-L{path}" in flags, *flags)
        try_program(flags, path / soname, version=version)


def interchangeable():
    """a program built for either libassuan runs on the other"""
    try:
        flags = run(["pkg-config", "--cflags", "--libs", "libassuan", "gpg-error"]).split()
        libdir = run(["pkg-config", "--variable=libdir", "libassuan"]).strip()
        version = run(["pkg-config", "--modversion", "libassuan"]).strip()
    except Failure as error:
        raise Skip("no libassuan to develop with here") from error
    path, soname = {"2.5.5": (compat2, "libassuan.so.0"),
                    "3.0.2": (compat3, "libassuan.so.9")}.get(version, (None, None))
    if not path or not (pathlib.Path(libdir) / soname).exists():
        raise Skip(f"libassuan is of version {version}")
    run_program(compile_program(flags), path / soname, version)
    run_program(compile_program(pkg_config("--cflags", "--libs", "libassuan", path=path)),
                pathlib.Path(libdir) / soname, version)


def by_config_script():
    """a program of libassuan's builds and runs with our libassuan-config"""
    env = dict(os.environ, PATH=f"{compat2}:{os.environ['PATH']}")
    flags = run(["libassuan-config", "--cflags", "--libs"], env=env).split()
    try_program(flags, compat2 / "libassuan.so.0", version="2.5.5")


def config_script():
    """libassuan-config answers what configure scripts ask"""
    for script in (compat2 / "libassuan-config", compat2 / "bin/libassuan-config"):
        for option, wanted in (("--version", "2.5.5"), ("--api-version", "2"),
                               ("--prefix", compat2), ("--exec-prefix", compat2),
                               ("--cflags", f"-I{compat2}"), ("--variable=api_version", "2")):
            said = run([script, option]).strip()
            expect(said.split()[0] == str(wanted), f"{option} says {said}, not {wanted}")
        expect(run([script, "--host"]).count("-") == 3, "--host is no triplet of config.guess")
        expect("-L/x " in run([script, "--prefix=/x", "--libs"]), "--prefix=DIR")
        expect("-L/y " in run([script, "--exec-prefix=/y", "--libs"]), "--exec-prefix=DIR")
        expect("--cflags" in run([script, "--help"]), "--help")
        for wrong in ([], ["--nonsense"]):
            code = subprocess.run([script, *wrong], capture_output=True, check=False,
                                  stdin=subprocess.DEVNULL, timeout=60).returncode
            expect(code == 1, f"{wrong} ends with {code}")


def runner():
    """evassuan-run puts both libraries first, for a program and what it starts"""
    script = prefix / "bin/evassuan-run"
    expect(run([script, "--dirs"]).split() == [str(compat2), str(compat3)], "--dirs")
    for path, soname, version in ((compat2, "libassuan.so.0", "2.5.5"),
                                  (compat3, "libassuan.so.9", "3.0.2")):
        program = compile_program(pkg_config("--cflags", "--libs", "libassuan", path=path))
        lines = run([script, "sh", "-c", f"{program}; exit $?"]).splitlines()
        expect(f"version {version}" in lines, *lines)
        expect(f"loaded {(path / soname).resolve()}" in lines, *lines)
    env = dict(os.environ, LD_LIBRARY_PATH="/mine")
    said = run([script, "sh", "-c", "echo $LD_LIBRARY_PATH"], env=env).strip()
    expect(said == f"{compat2}:{compat3}:/mine", said)
    for arguments, code, text in (([], 2, "usage:"), (["--nonsense"], 2, "no option '--nonsense'"),
                                  (["no-such-program"], 127, "no program 'no-such-program'"),
                                  (["sh", "-c", "exit 7"], 7, "")):
        done = subprocess.run([script, *arguments], capture_output=True, check=False, text=True,
                              stdin=subprocess.DEVNULL, timeout=60)
        expect(done.returncode == code and text in done.stderr, arguments, done)
    # It runs in the build directory, too.
    expect(run([build / "compat/evassuan-run", "--dirs"]).split()[0] == str(build / "compat/2"))


def from_cxx():
    """a C++ program includes both headers and works"""
    if not shutil.which(CXX[0]):
        raise Skip("no C++ compiler")
    flags = pkg_config("--cflags", "--libs", "evassuan", path=prefix / "lib/pkgconfig")
    try_program(flags, prefix / "lib/libevassuan.so.0", options=["-DWITH_CONN"],
                compiler=[*CXX, "-Wall", "-Wextra", "-Werror", "-x", "c++"])


def uninstalled():
    """uninstalling leaves nothing"""
    run([NINJA, "-C", build, "uninstall"])
    expect_same(files(prefix), [], "uninstall")


main(staged, installed, by_pkg_config, static, by_compat_pkg_config, interchangeable,
     by_config_script, config_script, runner, from_cxx, uninstalled)
