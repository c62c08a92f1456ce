# SPDX-License-Identifier: LGPL-2.1-or-later
"""gpg, and the gpg-agent that it talks to: what people do with them."""

import re

from dialogue import Dialogue
from harness import TIMEOUT, Suite, expect, read_until

UID = "Alice Example <alice@example.org>"
PASSPHRASE = "correct horse"
TEXT = "Attack at dawn.\n" * 4000      # many data lines if it ever went through one

suite = Suite("gpg", "gpg-agent", "gpg-connect-agent", "gpgconf")


def loopback(home, *args, passphrase=PASSPHRASE, **kwargs):
    """Run gpg, which asks itself, not a pinentry, when the agent inquires a passphrase."""
    secret = home.write("passphrase", passphrase)
    return home.gpg("--pinentry-mode", "loopback", "--passphrase-file", secret, *args, **kwargs)


def fingerprint(home):
    """The primary fingerprint of the test key."""
    listing = home.gpg("--with-colons", "--list-keys", UID).ok().out
    return re.search(r"^fpr:+([0-9A-F]{40}):", listing, re.M).group(1)


def forget(home):
    """Empty the agent's passphrase cache."""
    home.agent("RELOADAGENT").ok()


@suite.test("gpg creates a key whose passphrase goes through the agent's inquiry")
def _(home):
    home.start_agent()
    loopback(home, "--quick-gen-key", UID, "ed25519", "default", "0").ok().has("KEY_CREATED")
    key = fingerprint(home)
    loopback(home, "--quick-add-key", key, "cv25519", "encr", "0").ok()
    listing = home.gpg("--with-colons", "--list-secret-keys").ok().out
    expect(listing.count("\ngrp:") == 2 and listing.startswith("sec:"), "keys missing", listing)


@suite.test("gpg and gpg-agent have the library under test mapped while they run")
def _(home):
    home.mapped(int(home.agent("GETINFO pid").data()))
    forget(home)
    gpg = home.spawn(["gpg", "--no-tty", "--status-fd", "2", "--command-fd", "0", "--pinentry-mode",
                      "loopback", "--sign", home.write("text", TEXT)])
    read_until(gpg.stderr, "GET_HIDDEN passphrase.enter")    # it is amid the agent's inquiry
    home.mapped(gpg.pid)
    _, err = gpg.communicate(PASSPHRASE.encode() + b"\n", TIMEOUT)
    expect(gpg.returncode == 0 and b"SIG_CREATED" in err, "no signature", err.decode())


@suite.test("a signature made with a passphrase through loopback verifies, a changed text does not")
def _(home):
    forget(home)
    home.write("text", TEXT)
    loopback(home, "--detach-sign", "-o", home.path("text.sig"), home.path("text")).ok()
    home.gpg("--verify", home.path("text.sig"), home.path("text")).ok().has("GOODSIG")
    home.write("text2", TEXT + "!")
    home.gpg("--verify", home.path("text.sig"), home.path("text2")).fails().has("BADSIG")


@suite.test("a clear-signed text verifies and comes back as it was")
def _(home):
    signed = loopback(home, "--clear-sign", data=TEXT).ok()
    checked = home.gpg("--decrypt", data=signed.raw).ok().has("GOODSIG")
    expect(checked.out == TEXT, "the text changed")


@suite.test("an encrypted text decrypts to the same octets, binary ones too")
def _(home):
    octets = bytes(range(256)) * 257
    sealed = home.gpg("--trust-model", "always", "-r", UID, "--encrypt", data=octets).ok()
    expect(octets[:64] not in sealed.raw, "not encrypted")
    forget(home)
    opened = loopback(home, "--decrypt", data=sealed.raw).ok().has("DECRYPTION_OKAY")
    expect(opened.raw == octets, "the octets changed")


@suite.test("a wrong passphrase is refused as such, and the right one still works afterwards")
def _(home):
    forget(home)
    loopback(home, "--sign", passphrase="wrong", data=TEXT).fails().has("Bad passphrase")
    loopback(home, "--sign", data=TEXT).ok()


@suite.test("without a passphrase, a pinentry and a loopback, gpg reports which error stopped it")
def _(home):
    forget(home)
    home.gpg("--pinentry-mode", "cancel", "--sign", data=TEXT).fails().has("FAILURE sign 67108963")
    home.gpg("--pinentry-mode", "error", "--sign", data=TEXT).fails()
    loopback(home, "--sign", data=TEXT).ok()


@suite.test("a public key is exported, deleted and imported")
def _(home):
    key = fingerprint(home)
    public = home.gpg("--armor", "--export", key).ok()
    secret = loopback(home, "--armor", "--export-secret-keys", key).ok().has("PRIVATE KEY BLOCK")
    home.write("secret.asc", secret.raw)
    home.gpg("--yes", "--delete-secret-and-public-key", key).ok()
    home.gpg("--list-keys", UID).fails()
    home.gpg("--import", data=public.raw).ok().has("IMPORT_OK 1")
    home.gpg("--list-secret-keys", UID).fails()


@suite.test("a secret key exported with its passphrase is imported again and signs")
def _(home):
    loopback(home, "--import", home.path("secret.asc")).ok().has("IMPORT_OK 17")
    forget(home)
    signed = loopback(home, "--sign", data=TEXT).ok()
    home.gpg("--decrypt", data=signed.raw).ok().has("GOODSIG")


@suite.test("a changed passphrase replaces the old one")
def _(home):
    both = "%s\nnew secret\n" % PASSPHRASE
    forget(home)
    home.gpg("--no-batch", "--pinentry-mode", "loopback", "--command-fd", "0",
             "--change-passphrase", UID, data=both).ok()
    forget(home)
    loopback(home, "--sign", data=TEXT).fails()
    loopback(home, "--sign", passphrase="new secret", data=TEXT).ok()


@suite.test("gpg --server encrypts from and to inherited descriptors, and passed ones")
def _(home):
    server_command = ["gpg", "--trust-model", "always", "--server"]
    home.write("text", TEXT)
    for way in "inherited", "passed":
        with open(home.path("text"), "rb") as text, open(home.path("sealed"), "wb") as sealed:
            fds = {"INPUT": text.fileno(), "OUTPUT": sealed.fileno()}
            if way == "inherited":
                server = Dialogue.pipe(home, *server_command, pass_fds=fds.values())
            else:
                server = Dialogue.paired(home, *server_command)
            with server:
                home.mapped(server.child.pid)
                server.commands("RECIPIENT " + UID)
                for name, fd in fds.items():
                    if way == "passed":
                        server.send_fd(fd)
                    server.commands(name + " FD" + ("=%d" % fd if way == "inherited" else ""))
                server.commands("ENCRYPT")
        opened = loopback(home, "--decrypt", home.path("sealed"), passphrase="new secret").ok()
        expect(opened.out == TEXT, "the text changed", way)


@suite.test("gpg works with an agent that it starts by itself")
def _(home):
    home.agent("KILLAGENT").ok()
    loopback(home, "--sign", passphrase="new secret", data=TEXT).ok()


if __name__ == "__main__":
    suite.main()
