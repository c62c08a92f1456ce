# SPDX-License-Identifier: LGPL-2.1-or-later
"""gpg with keyboxd, GnuPG 2.4's server for public keys, in the place of a file of them."""

import os
import re

from dialogue import Dialogue
from harness import TIMEOUT, Suite, expect, read_until, wait_gone

ALICE = "Alice Example <alice@example.org>"
BOB = "Bob Example <bob@example.org>"
PASSPHRASE = "correct horse"
TEXT = "Attack at dawn.\n" * 4000
UNKNOWN_COMMAND = 275

suite = Suite("keyboxd", "gpg", "gpg-agent", "gpg-connect-agent", "gpgconf")


def loopback(home, *args, **kwargs):
    """Run gpg, which has the passphrase in a file."""
    secret = home.write("passphrase", PASSPHRASE)
    return home.gpg("--pinentry-mode", "loopback", "--passphrase-file", secret, *args, **kwargs)


def create(home, uid):
    """Create a key that signs and encrypts; its fingerprint."""
    loopback(home, "--quick-gen-key", uid, "ed25519", "default", "0").ok().has("KEY_CREATED")
    listing = home.gpg("--with-colons", "--list-keys", uid).ok().out
    key = re.search(r"^fpr:+([0-9A-F]{40}):", listing, re.M).group(1)
    loopback(home, "--quick-add-key", key, "cv25519", "encr", "0").ok()
    return key


def keyboxd(home, *commands):
    """Give commands to keyboxd through gpg-connect-agent."""
    return home.agent(*commands, options=["--keyboxd"])


def pid(home):
    """The pid of the keyboxd that answers."""
    return int(keyboxd(home, "GETINFO pid").data())


@suite.test("gpg starts keyboxd by itself and creates keys in it, not in a file")
def _(home):
    home.configure("common", "use-keyboxd")
    home.start_agent()
    home.alice, home.bob = create(home, ALICE), create(home, BOB)
    expect(not os.path.exists(home.path("h", "pubring.kbx")), "there is a file of keys")
    listing = home.gpg("--with-colons", "--list-keys").ok().out
    expect(listing.count("\npub:") == 2 and listing.count("\nsub:") == 2, "keys missing", listing)


@suite.test("gpg and keyboxd have the library under test mapped while they run")
def _(home):
    home.mapped(pid(home))
    home.agent("RELOADAGENT").ok()
    gpg = home.spawn(["gpg", "--no-tty", "--status-fd", "2", "--command-fd", "0", "--pinentry-mode",
                      "loopback", "--local-user", ALICE, "--sign", home.write("text", TEXT)])
    read_until(gpg.stderr, "GET_HIDDEN passphrase.enter")
    home.mapped(gpg.pid)
    _, err = gpg.communicate(PASSPHRASE.encode() + b"\n", TIMEOUT)
    expect(gpg.returncode == 0 and b"SIG_CREATED" in err, "no signature", err.decode())


@suite.test("a signature verifies, a changed text does not")
def _(home):
    home.write("text", TEXT)
    home.write("text2", TEXT + "!")
    loopback(home, "--local-user", BOB, "--detach-sign", "-o", home.path("text.sig"),
             home.path("text")).ok()
    good = home.gpg("--verify", home.path("text.sig"), home.path("text")).ok().has("GOODSIG")
    expect(home.bob in good.err, "another key", good)
    home.gpg("--verify", home.path("text.sig"), home.path("text2")).fails().has("BADSIG")


@suite.test("an encrypted text decrypts to the same octets")
def _(home):
    octets = bytes(range(256)) * 257
    sealed = home.gpg("--trust-model", "always", "-r", ALICE, "-r", BOB, "--encrypt",
                      data=octets).ok()
    expect(octets[:64] not in sealed.raw, "not encrypted")
    opened = loopback(home, "--decrypt", data=sealed.raw).ok().has("DECRYPTION_OKAY")
    expect(opened.raw == octets, "the octets changed")


@suite.test("gpg-connect-agent finds a key in keyboxd, and hears of errors")
def _(home):
    reply = keyboxd(home, "SEARCH --openpgp 0x" + home.alice).ok()
    expect(any(x.startswith("S PUBKEY_INFO ") for x in reply.lines), "no key", reply)
    expect(b"alice@example.org" in reply.result.raw, "another key", reply)
    keyboxd(home, "SEARCH --openpgp 0x" + "0" * 40).error("Not found")
    with Dialogue.connect(home.path("h", "S.keyboxd")) as client:
        expect(any(x.startswith("SEARCH ") for x in client.command("HELP").ok().comments), "no help")
        client.command("FROBNICATE").error(UNKNOWN_COMMAND)
        found = client.command("SEARCH --openpgp 0x" + home.bob).ok()
        expect(b"bob@example.org" in found.data, "another key", found)


@suite.test("a key is deleted, which spares the other, and imported again")
def _(home):
    public = home.gpg("--armor", "--export", home.alice).ok().raw
    secret = loopback(home, "--armor", "--export-secret-keys", home.alice).ok().raw
    home.gpg("--yes", "--delete-secret-and-public-key", home.alice).ok()
    home.gpg("--list-keys", ALICE).fails()
    keyboxd(home, "SEARCH --openpgp 0x" + home.alice).error("Not found")
    home.gpg("--list-keys", BOB).ok()
    home.gpg("--import", data=public).ok().has("IMPORT_OK 1")
    loopback(home, "--import", data=secret).ok().has("IMPORT_OK 17")
    signed = loopback(home, "--local-user", ALICE, "--sign", data=TEXT).ok()
    home.gpg("--decrypt", data=signed.raw).ok().has("GOODSIG")


@suite.test("the keys outlive keyboxd, which gpg starts again")
def _(home):
    old = pid(home)
    keyboxd(home, "KILLKEYBOXD").ok()
    expect(not wait_gone({old}, TIMEOUT), "keyboxd still runs")
    listing = home.gpg("--with-colons", "--list-keys").ok().out
    expect(home.alice in listing and home.bob in listing, "keys missing", listing)
    expect(pid(home) != old, "the same process")
    home.mapped(pid(home))


if __name__ == "__main__":
    suite.main()
