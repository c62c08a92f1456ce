# SPDX-License-Identifier: LGPL-2.1-or-later
"""Many clients on one gpg-agent at the same time: none is lost, none gets another's answer."""

import os

from dialogue import Dialogue
from harness import TIMEOUT, Skip, Suite, expect, wait_until

UID = "Dave Example <dave@example.org>"
N_SIGNATURES, N_CLIENTS = 50, 200
AT_ONCE = 50    # processes; the agent itself takes any number

suite = Suite("gpg", "gpg-agent", "gpg-connect-agent", "gpgconf")


def in_parallel(home, jobs):
    """Run all (arguments, input) of JOBS, a wave at a time; their outputs in order."""
    outputs = []
    for start in range(0, len(jobs), AT_ONCE):
        children = []
        for argv, data in jobs[start:start + AT_ONCE]:
            child = home.spawn(argv)
            child.stdin.write(data)
            child.stdin.close()
            child.stdin = None
            children.append(child)
        for child in children:
            out, err = child.communicate(timeout=TIMEOUT)
            expect(child.returncode == 0, "exit code %d" % child.returncode, child.args, err)
            outputs.append(out)
    return outputs


def n_descriptors(home):
    """How many descriptors the agent has open for itself and one client."""
    with Dialogue.connect(home.gnupg + "/S.gpg-agent") as agent:
        pid = agent.command("GETINFO pid").ok().text
        # It sees some time after a client left that it did.
        wait_until(lambda: agent.command("GETINFO connections").ok().text == "1",
                   lambda: "a client never left")
        try:
            return len(os.listdir("/proc/%s/fd" % pid))
        except PermissionError as reason:
            raise Skip(str(reason)) from None


@suite.test("fifty signatures at the same time are all made, and each verifies with its own text")
def _(home):
    home.configure("gpg-agent", "disable-scdaemon")     # it would count among the descriptors
    home.mapped(home.start_agent())
    home.gpg("--passphrase", "", "--quick-gen-key", UID, "ed25519", "default", "0").ok()
    texts = [b"text %d\n" % i * 50 for i in range(N_SIGNATURES)]
    signed = in_parallel(home, [(["gpg", "--batch", "--sign"], t) for t in texts])
    back = in_parallel(home, [(["gpg", "--batch", "--decrypt"], s) for s in signed])
    expect(back == texts, "texts were mixed up")


@suite.test("two hundred clients at the same time each get their own answers")
def _(home):
    script = b"PUTVAL name%d value%d\nGETVAL name%d\nGETINFO pid\nKEYINFO --list\n/bye\n"
    outputs = in_parallel(home, [(["gpg-connect-agent"], script % (i, i, i))
                                 for i in range(N_CLIENTS)])
    pid = home.agent("GETINFO pid").data().encode()
    for i, output in enumerate(outputs):
        lines = output.splitlines()
        expect(lines[:5] == [b"OK", b"D value%d" % i, b"OK", b"D " + pid, b"OK"]
               and lines[5].startswith(b"S KEYINFO ") and lines[6:] == [b"OK"],
               "client %d got other answers" % i, output)
    expect(len(set(outputs)) == N_CLIENTS, "answers were mixed up")


@suite.test("two hundred connections stay open at once on one agent, and each still answers")
def _(home):
    path = home.gnupg + "/S.gpg-agent"
    clients = []
    try:
        for _ in range(N_CLIENTS):
            clients.append(Dialogue.connect(path))
        for i, client in enumerate(clients):
            client.send(b"PUTVAL open%d %d\n" % (i, i))
        for client in clients:
            client.reply().ok()
        for i, client in reversed(list(enumerate(clients))):
            expect(client.command("GETVAL open%d" % i).ok().text == str(i), "another value")
        count = int(clients[0].command("GETINFO connections").ok().text)
        expect(count >= N_CLIENTS, "%d connections" % count)
    finally:
        for client in clients:
            client.close()


@suite.test("the agent has no more descriptors open after hundreds of clients than before")
def _(home):
    before = n_descriptors(home)
    in_parallel(home, [(["gpg-connect-agent"], b"GETINFO version\nBYE\n")] * N_CLIENTS)
    wait_until(lambda: n_descriptors(home) <= before, lambda: "more than %d open" % before)


if __name__ == "__main__":
    suite.main()
