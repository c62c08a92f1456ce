# SPDX-License-Identifier: LGPL-2.1-or-later
"""assuanctl shell runs the scripts of gpg-connect-agent, with the same output and the same words to the
server; and where it differs on purpose, as it says."""

import os

from kit import Mock, Suite, expect_equal, need

suite = Suite()

TALK = {
    "HI": "OK hi there\n", "DATA": "D one%25%0Atwo\nOK\n", "TWO": "D ab\nD cd%0A\nOK\n",
    "MIXED": "D a\nS X\nD b\nOK\n", "FAIL": "ERR 67109139 Unknown IPC command <GPG Agent>\n",
    "STATUS": "S ONE\nS TWO x y\nOK\n", "LONG": b"D " + bytes(range(0x30, 0x5a)) + b"\nOK\n",
    "GETINFO pid": "D 4711\nOK\n", "ASK": "INQUIRE KEY a b\n", "ASKB": "INQUIRE OTHER\n",
    "END": "OK\n", "CAN": "ERR 67109141 IPC call has been cancelled <GPG Agent>\n",
    "CANCEL": "ERR 67109141 IPC call has been cancelled <GPG Agent>\n",
}

# Name -> lines.
SAME = {
    "a line": "HI", "an ERR, and going on": "FAIL\nHI", "data": "DATA\nTWO", "status lines": "STATUS",
    "blanks stay": "  HI  \nX  y ", "empty lines and comments have no reply": "\n# x\nHI",
    "slash names have case": "/ECHO x\n/Let a b\n/echo y", "no such slash command": "/nosuch\nHI",
    "echo": "/echo a  b \n/echo\n/echo  x", "echo without subst": "/echo $a ${a} $$",
    "decode": "/decode\nDATA\nTWO\nMIXED", "nodecode": "/decode\n/nodecode\nDATA",
    "hex": "/hex\nDATA\nLONG", "nohex": "/hex\n/nohex\nDATA", "hex and decode": "/hex\n/decode\nDATA",
    "let and showvar": "/let a one\n/let b two  three \n/let a four\n/showvar",
    "let removes": "/let a x\n/let b y\n/let a\n/showvar",
    "a long name": "/let abcdefghijklmnopqrstuvwxyz x\n/showvar",
    "variables": "/subst\n/let a x\n/echo $a ${a} $$ $b- ${b}- \\$a",
    "where a name ends": "/subst\n/let a x\n/echo $a/x $a.x ${a}x $a$a $a\t$a",
    "subst of a command": "/subst\n/let a HI\n$a\n  $a", "nosubst": "/let a x\n/subst\n/nosubst\n/echo $a",
    "subst drops leading blanks": "/subst\n   HI\n  /echo x",
    "the environment": "/subst\n/echo $EVA_X ${EVA_X}", "the last error": "/subst\nFAIL\n/echo $? ${?}\nHI\n/echo $?",
    "unescape": "/subst\n/echo ${unescape a\\tb\\\\c\\x41}", "unpercent": "/subst\n/echo ${unpercent a%20b+c%41}",
    "unpercent+": "/subst\n/echo ${unpercent+ a%20b+c%41}", "percent": "/subst\n/echo ${percent a b:c%d+e}",
    "percent+": "/subst\n/echo ${percent+ a b:c%d+e}", "errcode": "/subst\n/echo ${errcode 67109139} ${errcode x}",
    "errsource": "/subst\n/echo ${errsource 67109139}", "errstring": "/subst\n/echo ${errstring 67109139} ${errstring 17}",
    "plus": "/subst\n/echo ${+ 1 2 3} ${+ 5} ${+} ${+ 0x10 010}", "minus": "/subst\n/echo ${- 10 2 3} ${- 5}",
    "times": "/subst\n/echo ${* 2 3 4}", "slash": "/subst\n/echo ${/ 20 3} ${/ 1 0}-", "modulo": "/subst\n/echo ${% 20 3} ${% 1 0}-",
    "not": "/subst\n/echo ${! 0} ${! 1} ${! 1 0} ${! x} ${! true}", "or": "/subst\n/echo ${| 0 0} ${| 0 1} ${| yes 0}",
    "and": "/subst\n/echo ${& 1 1} ${& 1 0} ${& 2 true}", "nested": "/subst\n/let a 3\n/echo ${+ ${* $a 2} ${- 7 ${a}}}",
    "an unknown function": "/subst\n/echo ${nosuch x}-", "get cwd": "/subst\n/echo ${get cwd}",
    "get directories": "/subst\n/echo ${get bindir} ${get libexecdir} ${get homedir} ${get sysconfdir} ${get datadir} ${get libdir}",
    "serverpid": "/subst\n/echo ${get serverpid}\n/serverpid\n/echo ${get serverpid}",
    "slet": "/subst\n/slet a cwd\n/echo $a",
    "if": "/if 1\n/echo yes\n/end\n/if 0\n/echo no\n/end\n/echo done",
    "true and false": "/if true\n/echo a\n/end\n/if YES\n/echo b\n/end\n/if 2abc\n/echo c\n/end\n/if -1\n/echo d\n/end\n"
                      "/if 0x10\n/echo e\n/end\n/if no\n/echo f\n/end\n/if\n/echo g\n/end\n/if x1\n/echo h\n/end",
    "while": "/subst\n/let i 3\n/while $i\n/echo $i\n/let i ${- $i 1}\n/end\n/echo done",
    "while in while": "/subst\n/let i 2\n/while $i\n/let j 2\n/while $j\n/echo $i $j\n/let j ${- $j 1}\n/end\n/let i ${- $i 1}\n/end",
    "definq": "/let k some text\n/definq KEY k\nASK", "definq with escapes": "/let k a%20b%\n/definq KEY k\nASK",
    "definq of nothing": "/definq KEY nothing\nASK", "definq, value when asked": "/let k a\n/definq KEY k\n/let k b\nASK",
    "exact beats any": "/let a 1\n/let b 2\n/definq * a\n/definq KEY b\nASK\nASKB",
    "the first wins": "/let a 1\n/let b 2\n/definq KEY a\n/definq KEY b\nASK",
    "definqfile": "/definqfile KEY file\nASK", "definqprog": "/definqprog KEY /bin/echo a b\nASK",
    "showdef": "/definq A b\n/definqfile B /x\n/definqprog C /bin/echo x y\n/showdef\n/cleardef\n/showdef",
    "datafile": "/datafile out\nMIXED\n/datafile\nDATA", "datafile on stdout": "/datafile -\nDATA\nMIXED",
    "bye": "HI\n/bye\nHI", "run": "/run other\n/echo back",
}


def run(place, name, text, tool):
    """stdout of the script and what the server heard."""
    lines = text + "\n"
    with Mock(place, TALK, name=name) as mock:
        argv = ["assuanctl-is-TOOL", "shell", "--no-session", mock.address] if tool else [
            "gpg-connect-agent", "-S", mock.path]
        if tool:
            result = place.ctl(*argv[1:], data=lines, env={"EVA_X": "from outside"})
        else:
            result = place.run(*argv, data=lines, env={"EVA_X": "from outside"})
        out = result.out
        for extra in ("out",):
            if os.path.exists(place.path(extra)):
                out += b"--" + place.read(extra)
                os.unlink(place.path(extra))
        heard = [x for x in mock.heard if x != "BYE"]
    return out.decode("utf-8", "replace"), heard


for NAME, TEXT in SAME.items():
    @suite.test("the same: " + NAME)
    def _(place, text=TEXT):
        need("gpg-connect-agent")
        place.write("file", b"from a file%\n")
        place.write("other", "/echo in the other\nFAIL\n/echo not reached\n")
        wanted, got = run(place, "A", text, False), run(place, "B", text, True)
        expect_equal(got, wanted, text)


# --- What differs on purpose ------------------------------------------------------------------------

def ours(place, text, *args, **kwargs):
    """stdout, stderr, exit status of a script of ours, and what the server heard."""
    with Mock(place, TALK, name="C") as mock:
        result = place.ctl("shell", *args, mock.address, data=text, **kwargs)
        return result.out.decode(), result.err, result.code, [x for x in mock.heard if x != "BYE"]


@suite.test("ours: /if nests in /while and /if, and has /else")
def _(place):
    out = ours(place, "/subst\n/let i 3\n/while $i\n/if ${- $i 2}\n/echo $i\n/else\n/echo two\n/end\n"
                      "/let i ${- $i 1}\n/end\n/if 1\n/if 0\n/echo no\n/else\n/if 1\n/echo yes\n/end\n/end\n/end\n")
    expect_equal(out, ("3\ntwo\n1\nyes\n", "", 0, []))


@suite.test("ours: an inquiry without an answer, or one that fails, gets CAN")
def _(place):
    for definition in "", "/definqfile KEY /nonexistent\n", "/definqprog KEY /bin/false\n":
        out = ours(place, definition + "ASK\nHI\n")
        expect_equal(out[3][:3], ["ASK", "CAN", "HI"], definition)
        expect_equal(bool(out[1]), bool(definition), out)


@suite.test("the order: --run, then the lines of the command line, then stdin; -c is without stdin")
def _(place):
    place.write("f", "/echo file\nFAIL\n/echo not reached\n")
    expect_equal(ours(place, "/echo stdin\n", "-f", "f")[0],
                 "file\nERR 67109139 Unknown IPC command <GPG Agent>\nstdin\n")
    with Mock(place, TALK) as mock:
        place.ctl("shell", "--run=f", mock.address, "HI", "/echo word", data="/echo stdin\n").gives(
            "file\nERR 67109139 Unknown IPC command <GPG Agent>\nOK hi there\nword\nstdin\n")
        place.ctl("shell", mock.address, "-c", "HI", "--command", "/echo x", data="/echo stdin\n").gives(
            "OK hi there\nx\n")


@suite.test("the exit status is the last command's; --strict ends at the first failure")
def _(place):
    expect_equal(ours(place, "FAIL\nHI\n")[2:], (0, ["FAIL", "HI"]))
    expect_equal(ours(place, "HI\nFAIL\n")[2:], (1, ["HI", "FAIL"]))
    expect_equal(ours(place, "FAIL\nHI\n", "--strict")[2:], (1, ["FAIL"]))
    expect_equal(ours(place, "/nosuch\nHI\n", "--strict")[2:], (2, []))
    expect_equal(ours(place, "/timeout 100ms\nSLOW\n", "--strict")[2], 0)


@suite.test("--subst, --decode and --hex as if they stood in the script")
def _(place):
    expect_equal(ours(place, "/let a x\n/echo $a\n", "-s")[0], "x\n")
    expect_equal(ours(place, "/let a x\n/echo $a\n", "--subst")[0], "x\n")
    expect_equal(ours(place, "DATA\n", "--decode")[0], "D one%\nD two\nOK\n")
    expect_equal(ours(place, "DATA\n", "--hex")[0][:20], "D[0000]  6F 6E 65 25")


@suite.test("/json, /quit, /sleep, /timeout, /reconnect, /cancel, /help")
def _(place):
    out = ours(place, "/json\nDATA\n/json\nDATA\n/sleep 10ms\n/reconnect\nHI\n/cancel\n/quit\nHI\n")
    expect_equal(out[0], '{"type":"data","seq":1,"text":"one%\\ntwo"}\n{"type":"ok","seq":1,"text":""}\n'
                         "D one%25%0Atwo\nOK\nOK hi there\n")
    expect_equal(out[3], ["DATA", "DATA", "HI"])
    out = ours(place, "/help\n")[0]
    for word in "/definqfile", "/showvar", "/reconnect", "/history":
        expect_equal(word in out, True, word)
    expect_equal(ours(place, "/history\n")[0], "")


@suite.test("files that are opened have numbers, and descriptors travel")
def _(place):
    server = os.environ.get("EVA_SERVER")
    if not server:
        need("the example server")
    child = place.spawn([server, "unix:" + place.path("E")])
    child.stdout.readline()
    place.write("in", "some text")
    script = "/input in\n/result out\nCOPY\n/sendfd in r\nINPUT FD\n/sendfd out2 w\nOUTPUT FD\nCOPY\n"
    result = place.ctl("shell", "unix:" + place.path("E"), data=script)
    expect_equal(result.code, 0, result)
    expect_equal((place.read("out"), place.read("out2")), (b"some text", b"some text"))
    out = ours(place, "/subst\n/open f in r\n/echo $f\n/showopen\n/close $f\n/showopen\n/recvfd x\n")
    number = out[0].splitlines()[0]
    expect_equal(out[0].split(), [number, "in", number])
    expect_equal("no descriptor came" in out[1], True, out)


@suite.test("a server that goes away ends a script with exit status 3")
def _(place):
    with Mock(place, {"GO": None}) as mock:
        result = place.ctl("shell", mock.address, data="NOP\nGO\nNOP\n").fails(3, "closed the connection")
        expect_equal(result.out, b"OK\n")


suite.main()
