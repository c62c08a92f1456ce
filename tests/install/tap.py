# SPDX-License-Identifier: LGPL-2.1-or-later
"""TAP for the tests of what is built and installed, and the running of tools that cannot hang."""

import os
import signal
import subprocess
import sys
import traceback

TIMEOUT = 300       # seconds for one tool; only a hang takes that long


class Skip(Exception):
    """This cannot be tried here; the text says why."""


class Failure(Exception):
    """What a user would see is not what it should be."""


def expect(condition, *why):
    """Fail with WHY, one line each, unless CONDITION holds."""
    if not condition:
        raise Failure("\n".join(str(w) for w in why))


def expect_same(found, wanted, what):
    """Fail unless the two sets are the same; tell the difference."""
    found, wanted = set(found), set(wanted)
    expect(found == wanted,
           *(f"{what}: unexpected {x}" for x in sorted(found - wanted)),
           *(f"{what}: missing {x}" for x in sorted(wanted - found)))


def run(argv, **options):
    """Run a tool and return what it wrote on its standard output; fail if it does.

    The tool gets a session of its own, so that a hang ends with everything that it started.
    """
    child = subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                             errors="replace", start_new_session=True, **options)
    try:
        out, err = child.communicate(timeout=TIMEOUT)
    except BaseException as why:        # a hang, or we are being ended
        os.killpg(child.pid, signal.SIGKILL)
        child.communicate()
        if isinstance(why, subprocess.TimeoutExpired):
            raise Failure(f"hangs: {argv}") from why
        raise
    expect(child.returncode == 0, f"{argv} ends with {child.returncode}", out, err)
    return out


def main(*tests):
    """Run the tests, functions whose docstring's first line is their name; print TAP and exit."""
    # So that what we started and the scratch directories go with us.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(1))
    print(f"1..{len(tests)}", flush=True)
    failed = 0
    for number, test in enumerate(tests, 1):
        name = f"{number} - {test.__doc__.splitlines()[0]}"
        try:
            test()
            print(f"ok {name}")
        except Skip as why:
            print(f"ok {name} # SKIP {why}")
        except Exception as error:      # whatever goes wrong is a failure of this one test
            failed += 1
            print(f"not ok {name}")
            text = str(error) if isinstance(error, Failure) else traceback.format_exc()
            print("".join(f"# {line}\n" for line in text.splitlines()), end="")
        sys.stdout.flush()
    sys.exit(1 if failed else 0)
