# SPDX-License-Identifier: LGPL-2.1-or-later
"""assuanctl describe: what servers say of their commands."""

import shutil
import subprocess

from kit import Mock, Skip, Suite, expect, expect_equal, need

suite = Suite()

HELP = {
    "HELP": "# NOP\n# SIGN [--hash] NAME\n# OLD\nOK\n",
    "HELP NOP": "ERR 67109139 Not found\n",
    "HELP SIGN": "# SIGN [--hash] [--[ssh-]list]\n#      [--mode=VALUE|--raw] NAME\n# \n"
                 "# Sign what comes. With\n# care.\n# \n# More of it.\nOK\n",
    "HELP OLD": "# OLD\nOK\n",
}


@suite.test("text: synopsis and first sentence; all of it for a command that is named")
def _(place):
    with Mock(place, HELP) as mock:
        place.ctl("describe", mock.address).gives(
            "NOP\nSIGN [--hash] [--[ssh-]list] [--mode=VALUE|--raw] NAME\n    Sign what comes.\nOLD\n", "")
        place.ctl("describe", mock.address, "sign", "NOP").gives(
            "SIGN [--hash] [--[ssh-]list] [--mode=VALUE|--raw] NAME\n\nSign what comes. With\ncare.\n\n"
            "More of it.\n\nNOP\n", "")


@suite.test("JSON: an object a command, with its options")
def _(place):
    with Mock(place, HELP) as mock:
        expect_equal(place.ctl("-j", "describe", mock.address).json(), [
            {"command": "NOP", "synopsis": "", "options": [], "help": ""},
            {"command": "SIGN", "synopsis": "[--hash] [--[ssh-]list] [--mode=VALUE|--raw] NAME",
             "options": ["--hash", "--list", "--ssh-list", "--mode", "--raw"],
             "help": "Sign what comes. With\ncare.\n\nMore of it.\n"},
            {"command": "OLD", "synopsis": "", "options": [], "help": ""}])


@suite.test("a command that is not there, or no help at all, is exit status 1")
def _(place):
    with Mock(place, HELP) as mock:
        place.ctl("describe", mock.address, "NOSUCH").fails(1, "no command NOSUCH")
    with Mock(place, {"HELP": "ERR 67109139 Unknown\n"}, name="T") as mock:
        place.ctl("describe", mock.address).fails(1, "HELP: Unknown")


def check(place, *address):
    """Every command that HELP lists is there; jq takes the JSON."""
    listed = place.ctl("call", "-o", "comments", "-q", *address[:-1 if "--" in address else None],
                       *(("-c", "HELP") if "--" in address else ("HELP",))) if "--" not in address \
        else place.ctl("call", "-o", "comments", "-q", "-c", "HELP", *address)
    result = place.ctl("-j", "describe", *address)
    expect(result.code == 0, result)
    wanted = [x.split()[0] for x in listed.out.decode().splitlines() if x.strip()]
    expect_equal([x["command"] for x in result.json()], wanted)
    expect("NOP" in wanted, wanted)
    if shutil.which("jq"):
        subprocess.run(["jq", "-e", "."], input=result.out, stdout=subprocess.DEVNULL, check=True)
    return {x["command"]: x for x in result.json()}


@suite.test("gpg-agent, and an agent that does not run is not started with --no-start")
def _(place):
    need("gpg-agent", "gpgconf")
    place.ctl("describe", "--no-start", "agent").fails(3)
    place.start_agent()
    commands = check(place, "agent")
    expect("--data" in commands["GET_PASSPHRASE"]["options"], commands["GET_PASSPHRASE"])
    expect("--ssh-list" in commands["KEYINFO"]["options"], commands["KEYINFO"])


@suite.test("dirmngr, scdaemon and pinentry, as programs")
def _(place):
    n = 0
    for argv in ["dirmngr", "--server"], ["/usr/lib/gnupg/scdaemon", "--server"], ["pinentry-curses"]:
        if shutil.which(argv[0]):
            check(place, "--", *argv)
            n += 1
    if not n:
        raise Skip("none of them is installed")


suite.main()
