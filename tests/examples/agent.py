# SPDX-License-Identifier: LGPL-2.1-or-later
"""A home of GnuPG's with an agent and two keys, for the tests of its clients."""

import os
import shutil
import subprocess
import tempfile

import kit
from kit import Skip, expect_equal, run

PROGRAMS = ("gpg", "gpg-agent", "gpgconf", "gpg-connect-agent")


class Home:
    """A home with a key without passphrase and one with, and an agent that runs."""

    settings = ""       # more lines of gpg-agent.conf, in which %s stands for the home

    def __enter__(self):
        for program in PROGRAMS:
            if not shutil.which(program):
                raise Skip(program + " is not installed")
        self.dir = tempfile.mkdtemp(prefix="eva-", dir="/tmp")
        # What the client is built with, such as sanitizers, is nothing to GnuPG's programs.
        self.env = {**os.environ, "GNUPGHOME": self.dir, "LC_ALL": "C"}
        with open(self.dir + "/gpg-agent.conf", "w", encoding="ascii") as f:
            f.write("disable-scdaemon\ns2k-count 65536\n" + self.settings.replace("%s", self.dir))
        try:
            self.prepare()
        except BaseException:
            self.__exit__()
            raise
        return self

    def prepare(self):
        """Make the keys."""
        for passphrase in ("", "pass word"):
            self.gnupg("gpg", "--batch", "--quiet", "--pinentry-mode", "loopback",
                       "--passphrase", passphrase, "--quick-gen-key",
                       "x%d <x@example.org>" % len(passphrase), "ed25519", "default", "0")
        self.address = self.gnupg("gpgconf", "--list-dirs", "agent-socket").decode().strip()
        rows = [x.split() for x in self.ask("KEYINFO --list").splitlines()
                if x.startswith(b"S KEYINFO")]
        self.free, = (x[2].decode() for x in rows if x[7] == b"C")
        self.protected, = (x[2].decode() for x in rows if x[7] == b"P")

    def __exit__(self, *exc):
        subprocess.run(["gpgconf", "--kill", "all"], env=self.env, check=False,
                       stderr=subprocess.DEVNULL, timeout=kit.TIMEOUT)
        shutil.rmtree(self.dir, ignore_errors=True)

    def gnupg(self, *argv):
        """Run one of GnuPG's programs, which must go well."""
        code, out, err = run(*argv, env=self.env)
        expect_equal(code, 0, err)
        return out

    def ask(self, command, *options):
        """Ask the agent directly."""
        return self.gnupg("gpg-connect-agent", *options, command, "/bye")
