# SPDX-License-Identifier: LGPL-2.1-or-later
"""dirmngr: a key server on the loopback device, certificates, revocation lists, and no network."""

import http.server
import os
import re
import socket
import subprocess
import threading

from dialogue import Dialogue
from harness import TIMEOUT, Suite, expect, need

UID = "Bob Example <bob@example.org>"
REVOKED, NOT_TRUSTED, UNKNOWN_COMMAND, INQUIRY_CANCELED, PARAMETER = 94, 98, 275, 277, 280
REFUSED, NO_SUCH_FILE = 32793, 32849

# Two certificates of an authority of our own, of which one is revoked.
OPENSSL = """\
[ca]
default_ca = db
[db]
database = {0}/db
crlnumber = {0}/number
default_md = sha256
default_crl_days = 30
[req]
distinguished_name = name
x509_extensions = root
prompt = no
[name]
CN = Test Authority
O = Example
[root]
basicConstraints = critical, CA:TRUE
keyUsage = keyCertSign, cRLSign
subjectKeyIdentifier = hash
[leaf]
authorityKeyIdentifier = keyid:always
[list]
authorityKeyIdentifier = keyid:always
"""

suite = Suite("dirmngr", "gpg", "gpg-connect-agent", "gpgconf")


class KeyServer(http.server.ThreadingHTTPServer):
    """The least that gpg takes for a key server; it knows one key."""

    class Handler(http.server.BaseHTTPRequestHandler):
        """One request of it."""

        def reply(self, status, body=b""):
            """Send the whole reply."""
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self):
            """Look a key up, or give the file that takes many data lines."""
            if "op=get" in self.path and "F" * 40 not in self.path:
                self.reply(200, self.server.key)
            elif "op=index" in self.path:
                self.reply(200, b"info:1:1\npub:%s:22:255:1600000000::\nuid:%s:1600000000::\n"
                           % (b"A" * 40, UID.encode()))
            elif self.path == "/octets":
                self.reply(200, self.server.octets)
            else:
                self.reply(404)

        def do_POST(self):
            """Take a key."""
            self.server.posted = self.rfile.read(int(self.headers["Content-Length"]))
            self.reply(200)

        def log_message(self, *_):
            """Keep quiet."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), self.Handler)
        self.key = self.posted = b""
        self.octets = bytes(range(256)) * 2048
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def url(self, scheme="http"):
        """Where it is."""
        return "%s://127.0.0.1:%d" % (scheme, self.server_port)


key_server = KeyServer()


def nowhere():
    """The URL of a port of this host without a listener, while the socket lives."""
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    return s, "http://127.0.0.1:%d" % s.getsockname()[1]


def pipe(home):
    """A dirmngr of its own for a dialogue."""
    return Dialogue.pipe(home, "dirmngr", "--server")


def certificates(home):
    """Make the authority, a good and a revoked certificate, and the list that says so."""
    need("openssl")
    config = home.write("ca.conf", OPENSSL.format(home.dir))
    home.write("db", "")
    home.write("number", "1000\n")

    def openssl(command, *args):
        home.run("openssl", command, *args, cwd=home.dir).ok()

    signer = ["-config", config, "-keyfile", "ca.key", "-cert", "ca.pem"]
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem",
            "-days", "30", "-config", config)
    openssl("req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", "leaf.key", "-out",
            "leaf.csr", "-subj", "/CN=Leaf", "-config", config)
    for name, serial in ("good", "16"), ("bad", "17"):
        openssl("x509", "-req", "-in", "leaf.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
                "-set_serial", serial, "-out", name + ".pem", "-extfile", config,
                "-extensions", "leaf")
    openssl("ca", "-revoke", "bad.pem", *signer)
    openssl("ca", "-gencrl", "-crlexts", "list", "-out", "crl.pem", *signer)
    for name in "ca", "good", "bad":
        openssl("x509", "-in", name + ".pem", "-outform", "DER", "-out", name + ".der")
    openssl("crl", "-in", "crl.pem", "-outform", "DER", "-out", "crl.der")


@suite.test("dirmngr --server greets with comments, lists its commands and their help")
def _(home):
    home.configure("dirmngr", "keyserver " + key_server.url("hkp"), "no-use-tor",
                   "standard-resolver", "disable-ldap")
    with pipe(home) as server:
        home.mapped(server.child.pid)
        expect(len(server.hello.comments) == 2 and "at your service" in server.hello.final,
               "another greeting", server.hello)
        commands = server.command("HELP").ok().comments
        expect(len(commands) > 20, "commands missing", commands)
        own = [x.split()[0] for x in commands[commands.index("HELP") + 1:]]
        lines = sum(len(server.command("HELP " + x).ok().comments) for x in own)
        expect(lines > 5 * len(own), "%d lines of help" % lines)
        expect(server.command("GETINFO pid").ok().text == str(server.child.pid), "another pid")


@suite.test("KS_GET, KS_SEARCH and KS_FETCH bring data from a server, half a megabyte unchanged")
def _(home):
    home.start_agent()
    home.gpg("--passphrase", "", "--quick-gen-key", UID, "ed25519", "default", "0").ok()
    key_server.key = home.gpg("--armor", "--export", UID).ok().raw
    with pipe(home) as server:
        got = server.command("KS_GET -- 0x" + "A" * 40).ok()
        expect(got.data == key_server.key and got.status[0].startswith("SOURCE "), "no key", got)
        expect(UID in server.command("KS_SEARCH -- bob").ok().text, "not found")
        octets = server.command("KS_FETCH %s/octets" % key_server.url()).ok().data
        expect(octets == key_server.octets, "%d octets changed" % len(octets))


@suite.test("KS_PUT asks for the key by an inquiry and posts it")
def _(home):
    with pipe(home) as server:
        reply = server.command("KS_PUT", KEYBLOCK=key_server.key, KEYBLOCK_INFO=b"").ok()
        expect(reply.inquiries[0] == "KEYBLOCK", "other inquiries", reply)
        expect(b"BEGIN%20PGP" in key_server.posted, "not posted", key_server.posted[:80])
        server.command("KS_PUT").error(INQUIRY_CANCELED)


@suite.test("without a network, or without the thing, the errors are the right ones")
def _(home):
    closed, url = nowhere()
    with closed, pipe(home) as server:
        server.command("KS_FETCH " + url).error(REFUSED)
        server.command("KS_FETCH %s/missing" % key_server.url()).error()
        server.command("KEYSERVER --clear " + url.replace("http", "hkp"))
        server.command("KS_GET -- 0x" + "A" * 40).error()
        server.command("KS_SEARCH -- bob").error()
        server.command("KS_FETCH gopher://127.0.0.1/").error()
        server.command("FROBNICATE").error(UNKNOWN_COMMAND)
        server.command("ISVALID nonsense").error(PARAMETER)
        server.command("LOOKUP --cache-only nonsense=").error()
        server.command("LOADCRL %s/missing" % home.dir).error(NO_SUCH_FILE)
        server.command("GETINFO version").ok()


@suite.test("gpg fetches, finds and sends keys through a dirmngr that it starts")
def _(home):
    fpr = re.search(r"^fpr:+([0-9A-F]{40}):", home.gpg("--with-colons", "--list-keys").out,
                    re.M).group(1)
    home.gpg("--yes", "--delete-secret-and-public-key", fpr).ok()
    home.gpg("--recv-keys", fpr).ok().has("IMPORT_OK 1 " + fpr)
    home.gpg("--with-colons", "--search-keys", "bob").has(UID)
    key_server.posted = b""
    home.gpg("--send-keys", fpr).ok()
    expect(b"BEGIN%20PGP" in key_server.posted, "not posted")
    home.gpg("--recv-keys", "F" * 40).fails().has("No data")


@suite.test("CACHECERT and LOOKUP: a certificate goes in by an inquiry and comes out as data")
def _(home):
    certificates(home)
    with pipe(home) as server:
        server.command("CACHECERT", TARGETCERT=home.read("good.der")).ok()
        data = server.command("LOOKUP --cache-only /CN=Leaf").ok().data
        expect(data == home.read("good.der"), "another certificate")


@suite.test("LOADCRL asks back for the issuer, and then a revoked certificate is told from a good one")
def _(home):
    need("openssl")
    good, bad, issuer = (home.read(x + ".der") for x in ("good", "bad", "ca"))
    with pipe(home) as server:
        server.command("LOADCRL " + home.path("crl.der")).error()
        reply = server.command("LOADCRL " + home.path("crl.der"), SENDCERT_SKI=issuer).ok()
        expect(reply.inquiries[0].startswith("SENDCERT_SKI "), "not asked", reply)
        expect("Test Authority" in server.command("LISTCRLS").ok().text, "not listed")
        reply = server.command("CHECKCRL", TARGETCERT=good, ISTRUSTED=b"1").ok()
        expect(len(reply.inquiries) == 2, "not two inquiries", reply)
        server.command("CHECKCRL", TARGETCERT=bad, ISTRUSTED=b"1").error(REVOKED)
        server.command("VALIDATE", TARGETCERT=good).error(NOT_TRUSTED)
        server.command("VALIDATE").error(INQUIRY_CANCELED)


@suite.test("dirmngr-client pings, caches and looks up, and gives up where an inquiry is beyond it")
def _(home):
    need("openssl", "dirmngr-client")
    home.run("gpgconf", "--kill", "dirmngr").ok()
    home.run("dirmngr-client", "--ping").fails()
    home.run("dirmngr", "--daemon", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).ok()
    home.run("dirmngr-client", "--ping").ok().has("up and running")
    home.run("dirmngr-client", "--load-crl", home.path("crl.der")).fails().has("inquire callback")
    home.run("dirmngr-client", "--cache-cert", data=home.read("ca.der")).ok()
    home.run("dirmngr-client", "--load-crl", home.path("crl.der")).ok()
    home.run("dirmngr-client", data=home.read("good.der")).fails().has("unsupported inquiry")


@suite.test("ten clients use one dirmngr at the same time")
def _(home):
    url = "KS_FETCH %s/octets" % key_server.url()
    files = [home.path("octets%d" % i) for i in range(10)]
    clients = [home.spawn(["gpg-connect-agent", "--dirmngr"]) for _ in files]
    for client, name in zip(clients, files):
        client.stdin.write(("/datafile %s\n%s\n/bye\n" % (name, url)).encode())
        client.stdin.close()
        client.stdin = None
    for client in clients:
        out, err = client.communicate(timeout=TIMEOUT)
        expect(client.returncode == 0 and b"ERR" not in out, "failed", out, err)
    for name in files:
        expect(home.read(os.path.basename(name)) == key_server.octets, "octets changed")


if __name__ == "__main__":
    suite.main()
