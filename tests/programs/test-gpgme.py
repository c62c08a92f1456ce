# SPDX-License-Identifier: LGPL-2.1-or-later
"""GPGME on the library: gpgme-tool, which is an Assuan server, gpgme-json, which serves browsers, and
a program of our own.

GPGME is loaded with its usual library here, so its conversations with gpg-agent and gpgsm, both
ends, run on ours.  The environment variable EVA_GPGME_CLIENT names the compiled gpgme-client.c.
"""

import base64
import json
import os
import re
import select
import struct

from dialogue import Dialogue
from harness import TIMEOUT, Skip, Suite, expect, need

UID = "Eve Example <eve@example.org>"
PASSPHRASE = "pass phrase 1"
TEXT = "a text with 100 %\n" * 5000
CERTIFICATE = """\
Key-Type: RSA
Key-Length: 2048
Key-Usage: sign, encrypt
Serial: random
Name-DN: CN=Eve Certificate
Name-Email: eve@example.org
"""
UNKNOWN_COMMAND, NO_INPUT = 275, 278

suite = Suite("gpg", "gpg-agent", "gpg-connect-agent", "gpgconf")


def client(home, *args, **kwargs):
    """Run the program of our own."""
    program = os.environ.get("EVA_GPGME_CLIENT")
    if not program:
        raise Skip("gpgme-client was not built, for want of libgpgme's headers")
    return home.run(program, *args, **kwargs)


def tool(home):
    """A dialogue with GPGME's own server."""
    need("gpgme-tool")
    return Dialogue.pipe(home, "gpgme-tool", "--server")


def on_files(home, server, setup, command, source, target):
    """Let the server run COMMAND, after SETUP, from one file to another; the XML result."""
    files = ["INPUT FILE=" + home.path(source), "OUTPUT FILE=" + home.path(target)]
    server.commands("RESET", *setup, *files, command)
    result = server.command("RESULT").ok().text
    server.commands("RESET")    # closes the files
    return result


def check_operations(home, server, protocol, key):
    """Encrypt, decrypt, sign and verify with gpgme-tool."""
    setup = ["PROTOCOL " + protocol, "RECIPIENT " + key, "SIGNER " + key]
    home.write("text", TEXT)
    on_files(home, server, setup, "ENCRYPT --always-trust", "text", "sealed")
    expect(TEXT[:20].encode() not in home.read("sealed"), "not encrypted")
    on_files(home, server, setup, "DECRYPT", "sealed", "opened")
    expect(home.read("opened").decode() == TEXT, "the text changed")
    result = on_files(home, server, setup, "SIGN", "text", "signed")
    expect("<fpr>%s</fpr>" % key in result, "no signature", result)
    result = on_files(home, server, setup, "VERIFY", "signed", "opened")
    expect('<status value="0x0">' in result and key in result, "not verified", result)


class Browser:
    """A browser's side of gpgme-json: each message has its length in front of it."""

    def __init__(self, home):
        with open(home.path("json.log"), "ab") as log:
            self.child = home.spawn(["gpgme-json"], stderr=log, bufsize=0)

    def read(self, size):
        """The next SIZE octets."""
        octets = b""
        while len(octets) < size:
            ready, _, _ = select.select([self.child.stdout], [], [], TIMEOUT)
            expect(ready, "gpgme-json hangs")
            chunk = self.child.stdout.read(size - len(octets))
            expect(chunk, "gpgme-json hung up")
            octets += chunk
        return octets

    def ask(self, op, **request):
        """The reply to the operation OP."""
        text = json.dumps({"op": op, **request}).encode()
        octets = struct.pack("=I", len(text)) + text
        while octets:
            octets = octets[self.child.stdin.write(octets):]
        return json.loads(self.read(*struct.unpack("=I", self.read(4))))

    def data(self, op, **request):
        """The octets that the operation OP yields, and the reply."""
        reply = self.ask(op, **request)
        expect("data" in reply, "no data from '%s'" % op, reply)
        text = reply["data"].encode()
        return base64.b64decode(text) if reply["base64"] else text, reply

    def close(self):
        """Hang up, as a browser that is closed does."""
        self.child.stdin.close()
        expect(self.child.wait(TIMEOUT) == 0, "exit code %d" % self.child.returncode)


def check_json(browser, protocol, key):
    """Encrypt, decrypt, sign and verify with gpgme-json."""
    def binary(octets):
        return {"protocol": protocol, "data": base64.b64encode(octets).decode(), "base64": True}

    sealed, _ = browser.data("encrypt", keys=[key], **{"always-trust": True},
                             **binary(TEXT.encode()))
    expect(TEXT[:20].encode() not in sealed, "not encrypted")
    opened, _ = browser.data("decrypt", **binary(sealed))
    expect(opened.decode() == TEXT, "the text changed")
    signature, _ = browser.data("sign", keys=[key], **binary(TEXT.encode()))
    for text, good in (TEXT, True), (TEXT + "!", False):
        reply = browser.ask("verify", signature=base64.b64encode(signature).decode(),
                            **binary(text.encode()))
        found = reply["info"]["signatures"][0]
        expect((found["status_code"] == 0) == good, "status", found)
    expect(browser.ask("encrypt", keys=["0" * 40], **binary(b"x"))["type"] == "error", "no error")


@suite.test("keys for both protocols")
def _(home):
    home.configure("gpgsm", "disable-dirmngr", "disable-crl-checks")
    home.configure("gpg-agent", "pinentry-program " + home.fake_pinentry())
    home.mapped(home.start_agent())
    home.gpg("--passphrase", "", "--quick-gen-key", UID, "ed25519", "default", "0").ok()
    listing = home.gpg("--with-colons", "--list-keys").ok().out
    home.key = re.search(r"^fpr:+([0-9A-F]{40}):", listing, re.M).group(1)
    home.gpg("--passphrase", "", "--quick-add-key", home.key, "cv25519", "encr", "0").ok()
    need("gpgsm")
    home.answers(*[PASSPHRASE] * 3)
    certificate = home.run("gpgsm", "--batch", "--gen-key",
                           home.write("parameters", CERTIFICATE)).ok().raw
    home.run("gpgsm", "--batch", "--import", data=certificate).ok()
    listing = home.run("gpgsm", "--with-colons", "--list-keys").ok().out
    home.certificate = re.search(r"^fpr:+([0-9A-F]{40}):", listing, re.M).group(1)
    home.write("h/trustlist.txt", home.certificate + " S\n")
    home.agent("RELOADAGENT").ok()
    home.answers(PASSPHRASE)
    home.run("gpgsm", "--sign", data="to have the passphrase cached").ok()


@suite.test("gpgme-tool finds its engines and lists keys as long data")
def _(home):
    with tool(home) as server:
        home.mapped(server.child.pid)
        engines = server.command("ENGINE").ok().status
        expect(any(x.startswith("ENGINE Assuan " + home.dir) for x in engines), engines)
        expect(UID.split()[0] in server.command("KEYLIST").ok().text, "not listed")
        server.command("SIGN").error(NO_INPUT)
        server.command("FROBNICATE").error(UNKNOWN_COMMAND)
        expect(len(server.command("HELP").ok().comments) > 30, "commands missing")


@suite.test("gpgme-tool encrypts, decrypts, signs and verifies through gpg")
def _(home):
    with tool(home) as server:
        check_operations(home, server, "OPENPGP", home.key)


@suite.test("gpgme-tool encrypts, decrypts, signs and verifies through gpgsm")
def _(home):
    need("gpgsm")
    with tool(home) as server:
        server.commands("PROTOCOL CMS")
        expect("Eve Certificate" in server.command("KEYLIST").ok().text, "not listed")
        check_operations(home, server, "CMS", home.certificate)


@suite.test("gpgme-json does the same for a browser, through gpg and gpgsm")
def _(home):
    need("gpgme-json", "gpgsm")
    # The agent has a passphrase for others, but asks again for a browser, and says so.
    home.answers(*[PASSPHRASE] * 2)
    browser = Browser(home)
    engines = {x["protocol"]: x["fname"] for x in browser.ask("version")["info"]}
    expect(engines["assuan"].startswith(home.dir), engines)
    home.mapped(browser.child.pid)
    for protocol, key in ("openpgp", home.key), ("cms", home.certificate):
        found = browser.ask("keylist", protocol=protocol)["keys"]
        expect([x["fingerprint"] for x in found] == [key], "other keys", found)
        check_json(browser, protocol, key)
    expect("Request from the web browser" in "".join(home.asked()), "other questions", home.asked())
    expect(browser.ask("frobnicate")["type"] == "error", "no error")
    browser.close()


@suite.test("a program talks to gpg-agent through GPGME's Assuan engine")
def _(home):
    names = b"GPG_TTY\0TERM\0"
    result = client(home, "transact", "GETINFO version", "GETINFO std_env_names", "PUTVAL a 1%252",
                    "GETVAL a", "KEYINFO --list", "GENKEY --no-protection", "FROBNICATE",
                    "GETINFO version").ok()
    lines = result.out.splitlines()
    expect(lines[0].startswith("D 2.") and lines[0] == lines[-2], "no version", result)
    expect(result.raw.replace(b"\nD ", b"").find(names) > 0, "other data", result)
    expect("D 1%2" in lines, "data are not unescaped", result)
    expect(len([x for x in lines if x.startswith("S KEYINFO ")]) == 3, "no status", result)
    expect("INQUIRE KEYPARAM " in lines, "no inquiry", result)
    expect("ERR %d GPG Agent" % UNKNOWN_COMMAND in lines and lines[-1] == "OK", "errors", result)


@suite.test("a hundred of GPGME's conversations with gpg-agent run in one loop")
def _(home):
    client(home, "parallel", "100", "GETINFO version").ok().has("100 answers")


@suite.test("a program encrypts, decrypts, signs and verifies through gpg")
def _(home):
    client(home, "crypt", "openpgp", home.key, data=TEXT).ok().has("good signature", "same text")


@suite.test("a program encrypts, decrypts, signs and verifies through gpgsm, passing descriptors")
def _(home):
    need("gpgsm")
    client(home, "crypt", "cms", home.certificate, data=TEXT).ok().has("good signature",
                                                                     "same text")
    missing = client(home, "crypt", "cms", "0" * 40, data=TEXT).fails()
    expect("gpgme_get_key" in missing.err, "another error", missing)


if __name__ == "__main__":
    suite.main()
