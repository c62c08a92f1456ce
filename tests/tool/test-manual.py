# SPDX-License-Identifier: LGPL-2.1-or-later
"""What documents and completes assuanctl agrees with it.  Usage: test-manual.py SOURCE-DIRECTORY"""

import os
import re
import shutil
import subprocess
import sys

from kit import Mock, Skip, Suite, eventually, expect, expect_equal, need

suite = Suite()
SOURCE = sys.argv.pop(1)


def source(name):
    with open(os.path.join(SOURCE, name), encoding="utf-8") as f:
        return f.read()


def options(text):
    """The long options of a --help."""
    return set(re.findall(r"--([a-z][a-z-]+)", "\n".join(
        x[:30] for x in text.splitlines() if re.match(r"  (-.,|   ) --", x))))


def helped(place, *subcommand):
    return place.ctl(*subcommand, "--help").out.decode()


def names(place):
    """The subcommands."""
    return re.findall(r"^  ([a-z]+)  ", helped(place).split("Options")[0], re.M)


def documented(section):
    """The long options that a section of the manual has."""
    part = re.search(r"^\.S[sh] %s\n(.*?)(?=^\.S[sh] |\Z)" % section, source("man/assuanctl.1"),
                     re.M | re.S)
    expect(part, "no section", section)
    return set(re.findall(r"Fl -([a-z][a-z-]+)", "\n".join(
        x for x in part[1].splitlines() if x.startswith(".It"))))


@suite.test("the manual has every subcommand, and the options of its --help")
def _(place):
    general = options(helped(place))
    expect_equal(documented("Options of all subcommands"), general)
    for name in names(place):
        expect_equal(documented(name.upper()), options(helped(place, name)) - general, name)


@suite.test("the manual's synopsis has as many forms of each subcommand as its --help")
def _(place):
    synopsis = re.search(r"^\.Sh SYNOPSIS\n(.*?)^\.Sh ", source("man/assuanctl.1"), re.M | re.S)[1]
    forms = {}
    for form in synopsis.split(".Nm\n")[1:]:
        name = re.match(r"\.Cm (\w+)\n", form)[1]
        forms[name] = forms.get(name, 0) + 1
    for name in names(place):
        usage = re.findall(r"^(?:usage:|      ) assuanctl %s \[OPTIONS\](.*)" % name, helped(place, name), re.M)
        expect_equal(forms.get(name), len(usage), name)
    expect_equal(set(forms), set(names(place)))


@suite.test("the manual of scripts has every slash command")
def _(place):
    with Mock(place) as mock:
        shown = place.ctl("shell", mock.address, data="/help\n").out.decode()
    manual = source("man/assuanctl-script.5")
    for name in re.findall(r"^(/[a-z]+)", shown, re.M):
        expect(name in manual, name, "is not in the manual")


@suite.test("mandoc and groff have no complaints")
def _(place):
    need("mandoc")
    for name in "man/assuanctl.1", "man/assuanctl-script.5":
        path = os.path.join(SOURCE, name)
        done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", path], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False)
        expect_equal(done.stdout.decode(), "", name)
        if shutil.which("groff"):
            done = subprocess.run(["groff", "-ww", "-mandoc", "-Tutf8", "-z", path],
                                  stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, check=False)
            expect_equal(done.stderr.decode(), "", name)


@suite.test("complete offers subcommands, options, addresses, and commands of a server that runs")
def _(place):
    def offered(*words):
        return place.ctl("complete", "--", *words).gives(place.ctl("complete", "--", *words).out,
                                                         "").out.decode().split()
    expect_equal(offered(""), names(place))
    expect_equal(offered("d"), ["describe"])
    expect_equal(offered("call", "--acc"), ["--accept="])
    expect_equal({x[2:].rstrip("=") for x in offered("call", "--")}, options(helped(place, "call")))
    expect_equal(offered("call", "agent-"), ["agent-extra", "agent-browser"])
    expect_equal(offered("relay", "agent-"), [])
    expect_equal(offered("relay", "./R", "agent-"), ["agent-extra", "agent-browser"])
    with Mock(place, {"HELP": "# GETINFO x\n# SIGN\nOK\n"}) as mock:
        # Completion waits a third of a second at most: a busy machine may need several tries.
        for words, wanted in ((("call", "-q", mock.address, "g"), b"GETINFO\n"),
                              (("describe", mock.address, ""), b"GETINFO\nSIGN\n")):
            eventually(wanted, lambda w=words, o=wanted: place.ctl("complete", "--", *w).out == o)
    expect_equal(offered("call", "agent", ""), [])
    os.mkdir(place.path("other"), 0o700)
    with Mock(place, {"HELP": "# OTHER\nOK\n"}, name="other/S.gpg-agent"):
        need("gpgconf")
        words = "call", "--homedir=" + place.path("other"), "agent", ""
        eventually("OTHER", lambda: place.ctl("complete", "--", *words).out == b"OTHER\n")
    expect(not os.path.exists(place.home + "/S.gpg-agent"), "an agent was started")


def complete_in(place, shell, script):
    """What SHELL offers, by SCRIPT, with the tool in PATH."""
    if not shutil.which(shell):
        raise Skip("not installed: " + shell)
    tool = os.environ["EVA_TOOL"]
    os.makedirs(place.path("bin"), exist_ok=True)
    os.symlink(tool, place.path("bin/assuanctl"))
    path = place.path("bin") + ":" + os.environ["PATH"]
    return place.run(shell, *script, env={"PATH": path}).out.decode().split()


@suite.test("bash completes")
def _(place):
    script = ". %s/tools/completions/assuanctl.bash; COMP_WORDS=(assuanctl call --acc); COMP_CWORD=2; " \
             "compopt() { :; }; _assuanctl; echo ${COMPREPLY[@]}" % SOURCE
    expect_equal(complete_in(place, "bash", ["--norc", "-c", script]), ["--accept="])


@suite.test("fish completes")
def _(place):
    script = "source %s/tools/completions/assuanctl.fish; complete -C 'assuanctl des'" % SOURCE
    expect_equal(complete_in(place, "fish", ["--no-config", "-c", script]), ["describe"])


@suite.test("zsh can read its completion")
def _(place):
    expect_equal(complete_in(place, "zsh", ["-n", SOURCE + "/tools/completions/_assuanctl"]), [])


@suite.test("shellcheck has no complaints")
def _(place):
    need("shellcheck")
    done = place.run("shellcheck", SOURCE + "/tools/completions/assuanctl.bash",
                     SOURCE + "/tools/assuanctl/errname-table.sh")
    expect(done.code == 0, done)


suite.main()
