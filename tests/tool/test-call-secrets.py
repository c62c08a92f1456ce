# SPDX-License-Identifier: LGPL-2.1-or-later
"""assuanctl call: what -v shows of a dialogue, and what it does not."""

from calls import UNKNOWN, inquire
from kit import Mock, Suite, expect, expect_equal

suite = Suite()


@suite.test("-v shows the wire without secrets, --show-secrets all of it")
def _(place):
    talk = {**inquire("PASSPHRASE"), "GETPIN": "D wonderland\nOK\n", "GETINFO version": "D 1.0\nOK\n",
            "GET_PASSPHRASE X X X X": "OK wonderland\n", "FOO": "D 12%253\nOK text\n",
            "LIST": "D x\nOK\n"}
    with Mock(place, talk) as mock:
        result = place.ctl("-v", "call", "-q", mock.address, "-i", "*=env:X", "-c", "ASK",
                           "-c", "GET_PASSPHRASE X X X X", "-c", "GETINFO version", "-c", "FOO",
                           "-c", "PRESET_PASSPHRASE grip -1 wonderland", "-c", "PUTVAL a wonderland",
                           "-c", "OPTION http-proxy=wonderland", "-c", "KEYSERVER ldap://u:wonderland@h/",
                           "-c", "SET_SECRET wonderland", env={"X": "wonderland"}).gives("1.012%3")
        expect("wonderland" not in result.err, result)
        expect_equal(result.err.replace(mock.address, "S").splitlines()[:20], [
            "< OK mock", "> ASK", "< INQUIRE PASSPHRASE", "> D [secret]", "> END", "< OK",
            "> GET_PASSPHRASE X X X X", "< OK [secret]", "> GETINFO version", "< D 1.0", "< OK",
            "> FOO", "< D [4 octets]", "< OK text", "> PRESET_PASSPHRASE grip -1 [secret]", "< OK",
            "> PUTVAL [secret]", "< OK", "> OPTION http-proxy=[secret]", "< OK"])
        expect("//[secret]@h/" in result.err and "> SET_SECRET [secret]" in result.err, result)
        result = place.ctl("-v", "--show-secrets", "call", mock.address, "-i", "*=env:X", "ASK",
                           env={"X": "wonderland"}).gives("")
        expect("D wonderland" in result.err and "secrets are shown" in result.err, result)


@suite.test("-v: an OPTION and SCD are known in every form of theirs")
def _(place):
    shown = {"OPTION token x-wonderland": "OPTION token [secret]", "OPTION --proxy  x-wonderland": "OPTION --proxy  [secret]",
             "option http-proxy = x-wonderland": "option http-proxy = [secret]", "OPTION pin=x-wonderland": "OPTION pin=[secret]",
             "OPTION putenv=PIN=x-wonderland": "OPTION putenv=PIN=[secret]", "OPTION putenv A=PASS": "OPTION putenv A=PASS",
             "OPTION --putenv TOKEN=x-wonderland": "OPTION --putenv TOKEN=[secret]", "OPTION lang C": "OPTION lang C",
             "OPTION ttyname=/dev/pass": "OPTION ttyname=/dev/pass", "SCD\tPUTVAL x-wonderland": "SCD\tPUTVAL [secret]",
             "SCD \tPUTVAL\tx-wonderland": "SCD \tPUTVAL\t[secret]", "OPTION token": "OPTION token",
             "PRESET_PASSPHRASE\tg -1\twonderland": "PRESET_PASSPHRASE\tg -1\t[secret]"}
    with Mock(place) as mock:
        result = place.ctl("-v", "call", "-q", mock.address, *sum((["-c", x] for x in shown), [])).gives("")
        expect_equal([x[2:] for x in result.err.splitlines() if x[0] == ">"], [*shown.values(), "BYE"])


@suite.test("what -v shows can be chosen")
def _(place):
    with Mock(place, {"FOO bar": "D twelve octet\nOK\n", "GETPIN": "D 1234\nOK\n", "GETINFO x": "D 1.0\nOK\n",
                      "BAD bar": "ERR 1 x\n"}) as mock:
        def shown(*options):
            result = place.ctl("call", "-vq", *options, mock.address, "-c", "FOO bar", "-c", "GETPIN",
                               "-c", "GETINFO x").gives("twelve octet12341.0")
            return [x for x in result.err.splitlines() if x[2:5] in ("D t", "D [", "D 1", "FOO")]
        expect_equal(shown(), ["> FOO bar", "< D [12 octets]", "< D [secret]", "< D 1.0"])
        expect_equal(shown("--show-data"), ["> FOO bar", "< D twelve octet", "< D [secret]", "< D 1.0"])
        expect_equal(shown("--open=foo", "--open=GETPIN", "--secret=GETINFO"),
                     ["> FOO bar", "< D twelve octet", "< D 1234", "< D [secret]"])
        expect_equal(shown("--secret=FOO"), ["> FOO [secret]", "< D [secret]", "< D [secret]", "< D 1.0"])
        place.ctl("call", mock.address, "BAD", "bar").fails(1, "BAD bar: x")
        place.ctl("call", "--secret=bad", mock.address, "BAD", "bar").fails(1, "BAD [secret]: x")


@suite.test("a secret argument is in no message")
def _(place):
    talk = {"PUTVAL a wonderland": UNKNOWN, "SETATTR wonderland": None}
    with Mock(place, talk) as mock:
        for command, code in (("PUTVAL a wonderland", 1), ("SETATTR wonderland", 3),
                              ("PUTVAL wonderland\n", 2), ("PUTVAL wonderland" + "x" * 1000, 2)):
            result = place.ctl("call", mock.address, command).fails(code)
            expect("wonderland" not in result.err, result)


@suite.test("a loopback passphrase goes to gpg-agent and comes back")
def _(place):
    place.start_agent()
    result = place.ctl("call", "agent", "-q", "-i", "PASSPHRASE=text:open sesame",
                       "-c", "OPTION pinentry-mode=loopback",
                       "-c", "GET_PASSPHRASE --data X X Prompt Desc")
    if result.code:
        place.write("h/gpg-agent.conf", "allow-loopback-pinentry\n")
    result.gives("open sesame", "")


@suite.test("gpg-agent's own errors and successes tell themselves")
def _(place):
    place.start_agent()
    result = place.ctl("call", "agent", "GETINFO", "version")
    expect(result.code == 0 and result.out[:2] == b"2.", result)
    place.ctl("call", "agent", "NOSUCH").fails(1, "(275); try: assuanctl describe agent")
    place.ctl("call", "agent", "--accept=NOT_FOUND", "--", "HAVEKEY", "0" * 40).fails(1, "No secret key")
    place.ctl("call", "agent", "--accept=NO_SECKEY", "--", "HAVEKEY", "0" * 40).gives("")


suite.main()
