# SPDX-License-Identifier: LGPL-2.1-or-later
"""assuanctl wait: until a server greets, a command is OK, or a server is gone."""

import os
import time

from kit import Mock, Suite, expect, expect_equal

suite = Suite()


def running(child):
    """Whether it still runs, after it had time to do something wrong."""
    time.sleep(0.2)
    return child.poll() is None


@suite.test("it ends when a server comes, however late")
def _(place):
    path = "unix:" + place.path("S")
    child = place.start("wait", path)
    expect(running(child), "does not wait")
    with Mock(place):
        expect_equal(child.wait(30), 0)
        place.ctl("wait", path).gives("", "")


@suite.test("a directory that comes later is no hindrance")
def _(place):
    child = place.start("wait", place.path("d/S"))
    expect(running(child), "does not wait")
    os.mkdir(place.path("d"))
    with Mock(place, name="d/S"):
        expect_equal(child.wait(30), 0)


@suite.test("one that listens but does not greet, refuses, or is no Assuan server is not there")
def _(place):
    for number, greeting in enumerate(("", "ERR 1 no\n", "HTTP/1.0 400\n")):
        with Mock(place, greeting=greeting, name="S%d" % number) as mock:
            place.ctl("wait", "--timeout=300ms", mock.address).fails(4, "--timeout")
    place.ctl("wait", "--timeout=100ms", "./none").fails(4)


@suite.test("--for waits until a command is OK")
def _(place):
    tries = []

    def answer(_, __):
        tries.append(1)
        return "OK\n" if len(tries) > 2 else "ERR 1 not yet\n"
    with Mock(place, {"READY": answer}) as mock:
        place.ctl("wait", "--for=READY", mock.address).gives("", "")
    expect_equal(len(tries), 3)


@suite.test("--gone waits until nobody listens")
def _(place):
    with Mock(place) as mock:
        child = place.start("wait", "--gone", mock.address)
        expect(running(child), "does not wait")
        place.ctl("wait", "--gone", "--timeout=100ms", mock.address).fails(4)
    expect_equal(child.wait(30), 0)
    place.ctl("wait", "--gone", "./none").gives("", "")


@suite.test("an agent is waited for, and not started")
def _(place):
    place.ctl("wait", "--timeout=200ms", "agent").fails(4)
    expect(not os.path.exists(place.home + "/S.gpg-agent"), "started")
    place.start_agent()
    place.ctl("wait", "agent", "--for", "GETINFO version").gives("", "")


@suite.test("wrong usage")
def _(place):
    for args in (), ("a", "b"), ("exec:x",), ("fd:0",), ("--for=X", "--gone", "./x"), ("./x", "--", "y"):
        place.ctl("wait", *args).fails(2)


suite.main()
