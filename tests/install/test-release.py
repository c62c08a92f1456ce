# SPDX-License-Identifier: LGPL-2.1-or-later
"""`./dev release --check` lets a tree pass that is ready, and says of another what is missing.

Usage: test-release.py SOURCEDIR VERSION
"""

import atexit
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from tap import Failure, Skip, expect, main, run

SOURCE, VERSION = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2]
scratch = pathlib.Path(tempfile.mkdtemp(prefix="eva-release-"))
atexit.register(shutil.rmtree, scratch, ignore_errors=True)
tree = scratch / "tree"


def git(*args):
    """Runs git in the clone."""
    return run(["git", "-c", "user.name=x", "-c", "user.email=x@localhost", "-c", "safe.directory=*",
                "-C", tree, *args])


def commit():
    """Commits what there is."""
    git("add", "-A")
    git("commit", "-q", "--allow-empty", "-m", "tests: x")


def change(name, pattern, text):
    """Replaces PATTERN in the file NAME."""
    path = tree / name
    before = path.read_text(encoding="utf-8")
    after = re.sub(pattern, text, before, count=1, flags=re.M)
    expect(after != before, f"{name} has no {pattern}")
    path.write_text(after, encoding="utf-8")


def check(version=VERSION):
    """The exit status of `./dev release --check`, and what it says."""
    done = subprocess.run(["./dev", "release", "--check", version], cwd=tree, capture_output=True,
                          text=True, check=False, stdin=subprocess.DEVNULL, timeout=60)
    return done.returncode, done.stdout + done.stderr


def refused(text, version=VERSION):
    """It ends with 1, and says TEXT."""
    status, said = check(version)
    expect(status == 1 and text in said, f"status {status}", said)


def ready():
    """a tree with a dated NEWS is ready"""
    try:
        run(["git", "clone", "-q", "--no-hardlinks", "-c", "advice.detachedHead=false", SOURCE, tree])
    except (Failure, FileNotFoundError) as error:
        raise Skip("this tree is no clone by git") from error
    for name in ("dev", "dev.d", "debian", "man", "rpm", "src/libevassuan.sym", "NEWS"):
        path = SOURCE / name
        if path.is_dir():
            shutil.copytree(path, tree / name, dirs_exist_ok=True)
        else:
            shutil.copy(path, tree / name)
    commit()
    if "not yet released" in (tree / "NEWS").read_text().split("\n*", 1)[0]:
        refused("has no date")
        change("NEWS", r"^(Version \S+) \(not yet released\)", r"\1 (2026-12-31)")
        commit()
        refused("its date is not 2026-12-31")
        for page in (tree / "man").glob("*.[1-9]"):
            change(f"man/{page.name}", r"^\.Dd .*", ".Dd December 31, 2026")
        commit()
    for name in ("debian/control", "debian/changelog", "rpm/evassuan.spec"):
        if ".invalid" in (tree / name).read_text():
            refused(f"{name}: it has no address")
            change(name, r"@.*?\.invalid", "@example.org")
            commit()
    status, said = check()
    expect(status == 0, said)


def not_ready():
    """a tree that is not ready is refused, with the reason"""
    if not tree.exists():
        raise Skip("there is no clone")
    refused("three numbers", "1.0")
    refused("project's version", "98.0.0")
    refused("NEWS: the first section", "98.0.0")        # each fault, not the first one alone
    (tree / "file").write_text("x")
    refused("not committed")
    (tree / "file").unlink()
    for name, pattern, text, said in (
            ("src/libevassuan.sym", r"^EVASSUAN_1.0 ", "EVASSUAN_98.0 ", "EVASSUAN_98.0"),
            ("debian/changelog", r"\(.*?\)", "(98.0.0)", "debian/changelog"),
            ("NEWS", r"^Version \S+", "Version 98.0.0", "NEWS")):
        change(name, pattern, text)
        commit()
        refused(said)
        git("reset", "-q", "--hard", "HEAD^")
    git("tag", f"v{VERSION}")
    refused("there is a tag")


main(ready, not_ready)
