# SPDX-License-Identifier: LGPL-2.1-or-later
"""assuanctl serve: scripts as commands, their inquiries, and directories of them."""

import os
import re
import signal
import time

from kit import TOOL, Suite, eventually, expect, expect_equal
from serves import ASK, EVERY, Server, number, runs, script

suite = Suite()


# --- Commands -------------------------------------------------------------------------------------

@suite.test("commands of the command line and of a directory, by name in any case")
def _(place):
    script(place, "get-it", "echo got")
    script(place, "9no", "echo no")
    script(place, "plain", "echo no", 0o644)
    with Server(place, "--dir=d", "GETINFO=echo 1.0", "lower=printf x") as server:
        server.call("GETINFO", "version").gives("1.0\n", "")
        server.call("getinfo").gives("1.0\n")
        server.call("LOWER").gives("x")
        server.call("Get-It").gives("got\n")
        for name in "9NO", "PLAIN", "D/GET-IT", "../S":
            server.call(name).fails(1)
        names = server.place.ctl("describe", server.path).out.decode()
        expect("GET-IT" in names and "PLAIN" not in names, names)


@suite.test("arguments are words, as they came, and never the text of a shell command")
def _(place):
    with Server(place, 'ARGS=for x; do printf "[%s]" "$x"; done; printf "<%s>" "$ASSUAN_ARGS"',
                'NAME=printf %s "$0"') as server:
        server.call("ARGS", "a  b%20c", "*", "$HOME").gives("[a][b%20c][*][$HOME]<a  b%20c * $HOME>")
        for hostile in "; touch x", "$(touch x)", "`touch x`", "' ; touch x #", '" ; touch x #', "-c touch${IFS}x":
            place.ctl("call", server.path, "--", "ARGS", hostile).gives(
                "".join("[%s]" % x for x in hostile.split()) + "<%s>" % hostile)
        server.call("ARGS").gives("<>")
        server.call("NAME", "x").gives("NAME")
    expect(not os.path.exists(place.path("x")), "a client's word was run")


@suite.test("the environment tells the client, its options, and a directory that lives as long")
def _(place):
    show = "SHOW=for x; do eval 'printf \"%s\\n\" \"${ASSUAN_'$x'-unset}\"'; done"
    with Server(place, show, "--option=lang", "--option=no-grab",
                "PUT=cat >$ASSUAN_STATE_DIR/x; mkdir $ASSUAN_STATE_DIR/d; ln -s $HOME/keep $ASSUAN_STATE_DIR/d/l",
                "LOOK=ls -l $ASSUAN_STATE_DIR; stat -c %a $ASSUAN_STATE_DIR; echo $ASSUAN_STATE_DIR",
                env={"ASSUAN_OPTION_OLD": "x", "ASSUAN_STATE_DIR": "/"}) as server:
        os.mkdir(place.path("keep"))
        out = server.call("SHOW COMMAND CONNECTION PEER_PID PEER_UID PEER_GID PEER_EXE OPTION_LANG OPTION_OLD")
        out = out.out.decode().splitlines()
        expect_equal(out[0], "SHOW")
        expect(int(out[1]) > 1 and int(out[2]) > 1, out)
        expect_equal(out[3:5], [str(os.getuid()), str(os.getgid())])
        expect_equal(out[5:], [os.path.realpath(TOOL), "unset", "unset"])
        server.call("-c", "OPTION --lang=de DE", "-c", "OPTION no-grab", "-c", "OPTION LANG = x y",
                    "-c", "SHOW OPTION_LANG OPTION_NO_GRAB").gives("x y\n\n")
        server.call("OPTION", "other=1").fails(1, "option")
        out = server.call("-c", "PUT", "-c", "LOOK").out.decode()
        expect(" x\n" in out and "\n700\n" in out, out)
        state = out.splitlines()[-1]
        expect(state.startswith(place.path("tmp/")), state)
        eventually("the directory for state goes", lambda: not os.path.exists(state))
    expect(os.path.isdir(place.path("keep")), "a link was followed")
    expect_equal(os.listdir(place.path("tmp")), [])


@suite.test("--option=* takes any that can be a variable")
def _(place):
    with Server(place, "--option=*", "SHOW=env") as server:
        for bad in "a.b=1", "a/b=1", "\xe4=1":
            server.call("OPTION", bad).fails(1)
        out = server.call("-c", "OPTION ttyname=/dev/x", "-c", "SHOW").out
        expect(b"\nASSUAN_OPTION_TTYNAME=/dev/x\n" in out, out)
        server.call("-k", *sum((["-c", "OPTION o%d=1" % n] for n in range(300)), []), "-c", "SHOW").fails(1)


@suite.test("data: every octet, 10 MiB, an empty one, and as they come")
def _(place):
    place.write("every", EVERY)
    place.write("big", EVERY * 40960)
    with Server(place, "EVERY=cat every", "BIG=cat big", "EMPTY=:",
                "SLOWLY=echo one; cat fifo; echo two") as server:
        server.call("EVERY").gives(EVERY, "")
        expect(server.call("BIG").out == EVERY * 40960, "other octets")
        server.call("EMPTY").gives("", "")
        os.mkfifo(place.path("fifo"))
        sock = server.connect()
        sock.sendall(b"SLOWLY\n")
        expect_equal(sock.recv(1000), b"D one%0A\n")
        with open(place.path("fifo"), "wb"):
            pass
        expect_equal(sock.makefile("rb").readline(), b"D two%0A\n")


@suite.test("a client that does not read costs little, and the program waits for it")
def _(place):
    with Server(place, "ENDLESS=echo $$ >pid; yes", "OTHER=echo x") as server:
        sock = server.connect()
        sock.sendall(b"ENDLESS\n")
        pid = number(place, "pid")
        server.call("OTHER").gives("x\n")
        time.sleep(0.3)
        with open("/proc/%d/statm" % server.process.pid, encoding="ascii") as f:
            pages = int(f.read().split()[1])
        expect("ASAN_OPTIONS" in os.environ or pages * 4096 < 32 << 20, pages, "pages")
        expect(runs(pid), "the program was ended")
        sock.close()
        eventually("the program ends", lambda: not runs(pid))


@suite.test("INPUT FD is stdin, OUTPUT FD is stdout, and both are closed behind the command")
def _(place):
    place.write("in", EVERY)
    with Server(place, "UPPER=cat; echo 'S DONE 1' >&3", "COUNT=wc -c") as server:
        server.place.ctl("call", "--input=in", "--result=out", server.path, "UPPER").gives("", "S DONE 1\n")
        expect_equal(place.read("out"), EVERY)
        place.ctl("call", "--input=in", server.path, "-c", "COUNT", "-c", "COUNT").gives("256\n0\n")
        place.ctl("call", server.path, "COUNT").gives("0\n")


@suite.test("descriptor 3: status, comments, data in order, results")
def _(place):
    script(place, "all", """
        echo first
        echo 'S PROGRESS x ? 1 2' >&3
        echo second
        echo '# a comment' >&3
        echo 'D th%69rd%0A' >&3
        echo 'S BARE' >&3
        printf 'OK all well' >&3
        exit 3""")
    with Server(place, "--dir=d", "ERR=printf 'OK\\nERR %s\\n' \"$*\" >&3", "BAD=printf 'X\\nS\\nERR x\\n' >&3") as server:
        lines = server.call("-o", "all", "ALL").out.decode().splitlines()
        expect_equal("".join(x[2:] for x in lines if x[:2] == "D "), "first%0Asecond%0Athird%0A")
        expect_equal([x for x in lines if x[:2] != "D "],
                     ["S PROGRESS x ? 1 2", "# a comment", "S BARE", "OK all well"])
        # What was written before a line goes in front of it.
        text = "\n".join(lines)
        for data, line in ("first", "S PROGRESS"), ("second", "# a"), ("third", "S BARE"):
            expect(text.index(data) < text.index(line), text)
        server.call("ERR", "NO_SECKEY", "none", "there").fails(1, "(17)", "none there", "source 1")
        server.call("ERR", "gpg_err_not_found").fails(1, "(27)")
        server.call("ERR", "17").fails(1, "(17)", "source 1")
        server.call("ERR", "67108881").fails(1, "<GPG Agent>", "(17)")
        server.call("BAD").gives("")
        expect_equal(len(re.findall("assuanctl: BAD: .* is none of", server.told())), 3)
    with Server(place, "BAD=printf 'NO sesame\\n# %01500d\\n# %09000d\\nOK\\n' 1 2 >&3", name="T") as server:
        server.call("BAD").gives("")
        expect_equal(server.told().splitlines(), [
            "assuanctl: BAD: on descriptor 3 'NO' is none of S KEYWORD, #, D, INQUIRE KEYWORD, OK, ERR CODE",
            *["assuanctl: BAD: a line on descriptor 3 is too long, and is dropped"] * 2])


@suite.test("exit statuses are results")
def _(place):
    with Server(place, "X=exit $1", "K=kill -9 $$", "NONE=/nonexistent/x", "SAID=echo 'ERR 58' >&3; exit $1") as server:
        server.call("X", "0").gives("")
        for status, code in ((1, 1), (2, 280), (75, 32774), (77, 251), (78, 60)):
            result = server.call("X", str(status)).fails(1, "(%d)" % code, "<User defined source 1>")
            expect("exit status" not in result.err, result)
        for status in 3, 126, 127:
            server.call("X", str(status)).fails(1, "(%d)" % (80 if status > 3 else 1), "exit status %d" % status)
        server.call("K").fails(1, "(80)", "killed by signal 9")
        server.call("NONE").fails(1, "exit status 127")
        expect("/nonexistent/x" in server.told(), "stderr is lost")
        server.call("SAID", "0").fails(1, "(58)")


@suite.test("a program that cannot be run is told, and the connection goes on")
def _(place):
    script(place, "bad", "x", head="#!/nonexistent/sh\n")
    with Server(place, "--dir=d", "GOOD=echo x") as server:
        server.call("-k", "-c", "BAD", "-c", "GOOD").fails(1, "cannot be run")
        server.call("GOOD").gives("x\n")


@suite.test("help comes from the script, or from a file beside it")
def _(place):
    script(place, "one", "#: KEY [--force]\n#: Finds KEY.\n#:\n#: And more.\n")
    script(place, "two", "#: no\n")
    script(place, "three", ":\n")
    place.write("d/two.help", "TWO [A]\n\nFrom a file.\n")
    with Server(place, "--dir=d") as server:
        out = place.ctl("describe", server.path).out.decode()
        expect(re.search(r"^ONE KEY \[--force\]\n    Finds KEY.\nT", out, re.M), out)
        expect(re.search(r"^TWO \[A\]\n    From a file.", out, re.M), out)
        expect(re.search(r"^THREE$", out, re.M), out)
        expect_equal(place.ctl("describe", server.path, "ONE").out.decode(),
                     "ONE KEY [--force]\n\nFinds KEY.\n\nAnd more.\n")


# --- Inquiries ------------------------------------------------------------------------------------

@suite.test("inquire asks the client, and prints what it answers")
def _(place):
    with Server(place, ASK, "TWO=assuanctl inquire A; assuanctl inquire B", "MAX=assuanctl inquire --max=300 A",
                "RAW=echo 'INQUIRE KEY x' >&3; sed '/^END$/q' <&4") as server:
        server.call("-i", "KEY=text:a%b", "ASK", "KEY", "x", "y").gives("[a%b]")
        out = server.call("-o", "all", "-i", "*=text:", "ASK", "KEY", "x", "y").out
        expect_equal(out, b"INQUIRE KEY x y\nD []\nOK\n")
        server.call("-i", "KEY=cancel:", "ASK", "KEY").fails(1, "(251)")
        expect("assuanctl: the client does not answer" in server.told(), server.told())
        server.call("-i", "A=text:1", "-i", "B=text:2", "TWO").gives("12")
        place.write("every", EVERY)
        server.call("-i", "A=file:every", "MAX").gives(EVERY)
        place.write("more", EVERY * 2)
        server.call("-i", "A=file:more", "-k", "-c", "MAX", "-c", "TWO").fails(1, "exit status 5")
        expect("over 300 octets (--max)" in server.told(), server.told())
        server.call("-i", "KEY=text:x%y\n", "RAW").gives("D x%25y%0A\nEND\n")


@suite.test("a long answer streams through, both ways")
def _(place):
    place.write("big", EVERY * 20000)
    with Server(place, "PASS=assuanctl inquire --max=100000000 A", "LEAVE=echo 'INQUIRE A' >&3; exit 0",
                "CLOSE=echo 'INQUIRE A' >&3; exec 4<&-; sleep 0.2; echo x") as server:
        result = server.call("-i", "A=file:big", "PASS")
        expect(result.out == EVERY * 20000, "other octets", len(result.out), result.err, server.told())
        server.call("-i", "A=file:big", "-c", "LEAVE", "-c", "PASS")
        server.call("-i", "A=file:big", "CLOSE").gives("x\n")
        server.call("-i", "A=text:x", "PASS").gives("x")


@suite.test("inquire outside of a command says so")
def _(place):
    place.ctl("inquire", "KEY").fails(5, "within a command of assuanctl serve")
    place.ctl("inquire").fails(2)
    with Server(place, "LONG=assuanctl inquire \"$(printf '%1000s' x)\"; assuanctl inquire 'A\n B'; true") as server:
        server.call("LONG").gives("")
        expect_equal(server.told().count("at most 1000 octets"), 2)


@suite.test("the script of the manual works")
def _(place):
    manual = os.path.join(os.path.dirname(os.path.realpath(__file__)), "../../man/assuanctl.1")
    with open(manual, encoding="utf-8") as f:
        text = re.search(r"^(#!/bin/sh\n#: \[NAME\].*?)^\.Ed", f.read(), re.M | re.S)[1]
    script(place, "greet", text, head="")
    with Server(place, "--dir=d") as server:
        server.call("GREET", "Ada").gives("Hello Ada", "S GREETING Ada\n")
        server.call("-q", "-i", "NAME=text:Bob", "GREET").gives("Hello Bob", "")
        server.call("-i", "NAME=cancel:", "GREET").fails(1)
        expect(place.ctl("describe", server.path, "GREET").out.startswith(b"GREET [NAME]\n"), "no help")


# --- Directories ----------------------------------------------------------------------------------

@suite.test("what others could have written is refused")
def _(place):
    script(place, "good", "echo x")
    for name, mode in (("group", 0o775), ("others", 0o757)):
        script(place, name, "echo no", mode)
    with Server(place, "--dir=d") as server:
        server.call("GOOD").gives("x\n")
        for name in "group", "others":
            server.call(name).fails(1)
            expect("d/%s is not served: it is writable by others; try: chmod go-w" % name in server.told(), server.told())
    os.chmod(place.path("d"), 0o777)
    place.ctl("serve", "./T", "--dir=d").fails(5, "is not served", "chmod go-w")
    os.chmod(place.path("d"), 0o755)
    if not os.getuid():
        os.chown(place.path("d/good"), 65534, -1)
        with Server(place, "--dir=d") as server:
            server.call("GOOD").fails(1)
            expect("belongs to another user" in server.told(), server.told())
        os.chown(place.path("d"), 65534, -1)
        place.ctl("serve", "./T", "--dir=d").fails(5, "belongs to another user")


@suite.test("names that the protocol needs are not for scripts")
def _(place):
    script(place, "reset", "echo no")
    with Server(place, "--dir=d") as server:
        server.call("RESET").gives("")
        expect("reset is not served" in server.told(), server.told())
    for bad in "NOP=x", "bye=x", "9=x", "x", "=x", "a.b=x":
        place.ctl("serve", "./T", bad).fails(2)
    place.ctl("serve", "./T", "A=x", "a=y").fails(2, "twice")


@suite.test("SIGHUP reads the directory again; connections keep what they began with")
def _(place):
    script(place, "one", "echo 1")
    with Server(place, "--dir=d", "FIXED=echo f") as server:
        old = server.connect()
        script(place, "two", "echo 2")
        os.unlink(place.path("d/one"))
        server.call("TWO").fails(1)
        server.process.send_signal(signal.SIGHUP)
        eventually("TWO is there", lambda: server.call("TWO").out == b"2\n")
        server.call("ONE").fails(1)
        server.call("FIXED").gives("f\n")
        old.sendall(b"TWO\nONE\n")
        text = eventually("answers", lambda: old.recv(1000))
        expect(text.startswith(b"ERR"), text)
        os.chmod(place.path("d"), 0o777)
        server.process.send_signal(signal.SIGHUP)
        eventually("the fault is told", lambda: "chmod go-w" in server.told())
        server.call("TWO").gives("2\n")


suite.main()
