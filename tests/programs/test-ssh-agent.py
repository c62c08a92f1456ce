# SPDX-License-Identifier: LGPL-2.1-or-later
"""gpg-agent in the place of ssh-agent: OpenSSH's tools store a key in it and sign with it."""

import os

from harness import Suite, expect

PASSPHRASE = "ssh passphrase"

suite = Suite("gpg-agent", "gpg-connect-agent", "gpgconf", "ssh-add", "ssh-keygen")


def ssh(home, *argv, **kwargs):
    """Run a program of OpenSSH that finds the agent."""
    env = {"SSH_AUTH_SOCK": os.path.join(home.gnupg, "S.gpg-agent.ssh")}
    return home.run(*argv, env=env, **kwargs)


def sign(home, text):
    """Sign TEXT with the key that the agent holds; only its public half is given."""
    home.write("text", text)
    if os.path.exists(home.path("text.sig")):
        os.unlink(home.path("text.sig"))
    return ssh(home, "ssh-keygen", "-Y", "sign", "-n", "file", "-f", home.path("id.pub"),
               home.path("text"))


@suite.test("ssh-add finds the agent, which has no key yet")
def _(home):
    home.configure("gpg-agent", "enable-ssh-support", "pinentry-program " + home.fake_pinentry())
    home.mapped(home.start_agent())
    expect(ssh(home, "ssh-add", "-l").code == 1, "not an agent without keys")


@suite.test("ssh-add gives a key to the agent, which asks for a passphrase to protect it")
def _(home):
    home.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f",
             home.path("id")).ok()
    home.answers(PASSPHRASE, PASSPHRASE)
    ssh(home, "ssh-add", home.path("id")).ok()
    expect("GETPIN" in home.asked(), "no question for a passphrase")
    os.unlink(home.path("id"))
    listing = ssh(home, "ssh-add", "-l").ok()
    fingerprint = home.run("ssh-keygen", "-lf", home.path("id.pub")).ok().out.split()[1]
    expect(fingerprint in listing.out, "not listed", listing)
    expect(ssh(home, "ssh-add", "-L").ok().out.split()[:2]
           == home.read("id.pub").decode().split()[:2], "another public key")


@suite.test("the agent shows the key to its own clients too")
def _(home):
    keys = home.agent("KEYINFO --ssh-list --ssh-fpr").ok().status("KEYINFO")
    expect(len(keys) == 1 and "SHA256:" in keys[0] or "MD5:" in keys[0], "not shown: %s" % keys)


@suite.test("ssh-keygen signs with the agent's key, after its passphrase, and the signature verifies")
def _(home):
    home.agent("RELOADAGENT").ok()
    home.answers(PASSPHRASE)
    sign(home, "text\n" * 1000).ok()
    expect(home.asked().count("GETPIN") == 1, "not asked once", home.asked())
    home.write("signers", b"me " + home.read("id.pub"))
    check = ["ssh-keygen", "-Y", "verify", "-n", "file", "-f", home.path("signers"), "-I", "me",
             "-s", home.path("text.sig")]
    home.run(*check, data=home.read("text")).ok()
    home.run(*check, data=home.read("text") + b"!").fails()
    sign(home, "again")
    expect(home.asked().count("GETPIN") == 1, "not kept in the cache", home.asked())


@suite.test("a cancelled passphrase is a failed signature, and the next one works")
def _(home):
    home.agent("RELOADAGENT").ok()
    home.answers("cancel")
    sign(home, "text").fails()
    home.answers(PASSPHRASE)
    sign(home, "text").ok()


@suite.test("a key that is deleted from the agent is no longer offered to ssh")
def _(home):
    grip = home.agent("KEYINFO --ssh-list").ok().status("KEYINFO")[0].split()[0]
    home.agent("DELETE_KEY --force " + grip).ok()
    expect(ssh(home, "ssh-add", "-l").code == 1, "the key is still there")


if __name__ == "__main__":
    suite.main()
