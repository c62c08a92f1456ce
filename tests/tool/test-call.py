# SPDX-License-Identifier: LGPL-2.1-or-later
"""assuanctl call: what comes to stdout and stderr, exit statuses, JSON."""

from kit import Mock, Suite, expect, expect_equal

suite = Suite()

UNKNOWN = "ERR 67109139 Unknown IPC command <GPG Agent>\n"
TALK = {
    "DATA": "D one%25%0Atwo\nOK\n",
    "ALL": "# a comment\nS PROGRESS x ? 1 2\nS OTHER\nD data\nOK done\n",
    "NOSUCH": UNKNOWN,
}


@suite.test("data come to stdout, decoded and exact")
def _(place):
    with Mock(place, TALK) as mock:
        place.ctl("call", mock.address, "DATA").gives("one%\ntwo", "")


@suite.test("an ERR is exit status 1, and the message tells what to do")
def _(place):
    with Mock(place, TALK) as mock:
        result = place.ctl("call", mock.address, "NOSUCH").fails(1)
        expect_equal(result.out, b"")
        expect_equal(result.err, "assuanctl: %s: NOSUCH: Unknown IPC command <GPG Agent> (275); try: "
                     "assuanctl describe %s\n" % (mock.address, mock.address))


@suite.test("what is not named comes to stderr in wire form, and -q keeps it back")
def _(place):
    with Mock(place, TALK) as mock:
        place.ctl("call", mock.address, "ALL").gives(
            "data", "# a comment\nS PROGRESS x ? 1 2\nS OTHER\n")
        place.ctl("call", "-q", mock.address, "ALL").gives("data", "")


@suite.test("JSON has everything, one object a line")
def _(place):
    with Mock(place, TALK) as mock:
        result = place.ctl("-j", "call", mock.address, "-k", "-c", "ALL", "-c", "NOSUCH").fails(1)
        expect_equal(result.json(), [
            {"type": "hello", "text": "mock"},
            {"type": "comment", "seq": 1, "text": "a comment"},
            {"type": "status", "seq": 1, "keyword": "PROGRESS", "text": "x ? 1 2"},
            {"type": "status", "seq": 1, "keyword": "OTHER", "text": ""},
            {"type": "data", "seq": 1, "text": "data"},
            {"type": "ok", "seq": 1, "text": "done"},
            {"type": "err", "seq": 2, "error": 67109139, "code": 275, "name": "ASS_UNKNOWN_CMD",
             "source": 4, "text": "Unknown IPC command <GPG Agent>"},
        ])


@suite.test("gpg-agent tells its version")
def _(place):
    place.start_agent()
    result = place.ctl("call", "agent", "GETINFO", "version")
    expect(result.code == 0 and result.out[:2] == b"2.", result)


suite.main()
