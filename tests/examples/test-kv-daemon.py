#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The daemon of keys and values: its commands, many clients at once, systemd, and its ends.

usage: test-kv-daemon.py KV-DAEMON
"""

import os
import signal
import socket
import subprocess
import sys
import threading

import kit
from kit import Connection, Server, expect, expect_equal

MIB = 1 << 20
NOT_FOUND, CANCELED, PARAMETER, TOO_MUCH_DATA, ASS_CANCELED = 27, 99, 280, 273, 277


class Daemon(Server):
    """A kv-daemon, and the socket that it tells how it is."""

    idle_ms = None
    watchdog_us = None
    listener = None     # a socket as of systemd

    def start(self):
        argv = [sys.argv[1], "unix:" + self.path] + ([str(self.idle_ms)] if self.idle_ms else [])
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.manager.bind(self.dir + "/notify")
        self.manager.settimeout(kit.TIMEOUT)
        env = dict(os.environ, NOTIFY_SOCKET=self.dir + "/notify")
        if self.watchdog_us:
            env["WATCHDOG_USEC"] = str(self.watchdog_us)
        passed = ()
        if self.listener:
            # The shell becomes the daemon, so it knows the number of the process.
            passed = (self.listener.fileno(),)
            argv = ["sh", "-c", 'export LISTEN_PID=$$ LISTEN_FDS=1; exec "$@" 3<&%d' % passed, "sh",
                    *argv]
        self.process = subprocess.Popen(argv, env=env, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        pass_fds=passed)
        self.expect_told(b"READY=1")

    def told(self):
        """What the daemon told, but for WATCHDOG=1."""
        while True:
            text = self.manager.recv(4096)
            if text != b"WATCHDOG=1":
                return text

    def expect_told(self, text):
        expect_equal(self.told(), text)

    def stop(self, number=signal.SIGTERM):
        err = super().stop(number)
        self.expect_told(b"STOPPING=1")
        self.manager.close()
        return err

    def wait(self):
        """The daemon ends by itself."""
        code, err = self.finish()
        expect_equal((code, err), (0, ""))
        self.manager.close()
        self.process = None


def put(client, key, value):
    """Store VALUE.  Returns the reply."""
    expect_equal(client.command(b"PUT " + key), [b"INQUIRE VALUE"])
    for i in range(0, len(value), 300):
        piece = value[i:i + 300]
        for octet in b"%\r\n":
            piece = piece.replace(bytes([octet]), b"%%%02X" % octet)
        client.send(b"D " + piece + b"\n")
    client.send(b"END\n")
    return client.reply()


def get(client, key):
    """The value of KEY."""
    lines = client.command(b"GET " + key)
    expect_equal(lines.pop(), b"OK")
    text = b"".join(line[2:] for line in lines)
    parts = text.split(b"%")
    return parts[0] + b"".join(bytes([int(x[:2], 16)]) + x[2:] for x in parts[1:])


def values():
    """values are kept, replaced, listed and forgotten"""
    with Daemon() as daemon, daemon.connect() as client:
        client.expect_error(b"GET a", NOT_FOUND)
        expect_equal(put(client, b"a", b"one"), [b"OK"])
        expect_equal(put(client, b"b%20c", b""), [b"OK"])
        expect_equal(get(client, b"a"), b"one")
        expect_equal(get(client, b"b%20c"), b"")
        expect_equal(put(client, b"a", b"two\n%"), [b"OK"])
        expect_equal(get(client, b"%61"), b"two\n%")
        expect_equal(sorted(client.command(b"LIST")),
                     [b"OK", b"S KEY a 5", b"S KEY b%20c 0"])
        client.expect(b"DEL a", b"OK")
        client.expect_error(b"DEL a", NOT_FOUND)
        client.expect(b"LIST", b"S KEY b%20c 0", b"OK")


def arguments():
    """wrong arguments are errors, and nothing is kept"""
    with Daemon() as daemon, daemon.connect() as client:
        for name in (b"GET", b"PUT", b"DEL"):
            for line in (b"", b" a b", b" %", b" %00", b" " + b"x" * 201):
                client.expect_error(name + line, PARAMETER)
        client.expect(b"PUT a", b"INQUIRE VALUE")
        client.send(b"D x\nCAN\n")
        expect_equal(int(client.reply()[0].split()[1]) & 0xffff, ASS_CANCELED)
        client.expect(b"LIST", b"OK")
        expect(len(client.command(b"HELP")) > 5, "no help")


def large():
    """a value may have 1 MiB, and not more"""
    value = bytes(range(256)) * (MIB // 256)
    with Daemon() as daemon, daemon.connect() as client:
        expect_equal(put(client, b"big", value), [b"OK"])
        expect(get(client, b"big") == value, "the value is not the same")
        reply = put(client, b"big", value + b"x")
        expect_equal(int(reply[0].split()[1]) & 0xffff, TOO_MUCH_DATA)
        expect(get(client, b"big") == value, "the value has changed")


def watch():
    """watching clients hear of changes until they leave, or the daemon ends"""
    with Daemon() as daemon, daemon.connect() as client:
        watchers = [daemon.connect() for _ in range(3)]
        for watcher in watchers:
            # Both lines come at once, and are handled before the answer to the first one leaves.
            watcher.send(b"NOP\nWATCH\n")
            expect_equal(watcher.line(), b"OK")
        expect_equal(put(client, b"a%20b", b"x"), [b"OK"])
        for watcher in watchers:
            expect_equal(watcher.line(), b"S CHANGED a%20b")
        watchers.pop().close()
        client.expect(b"DEL a%20b", b"OK")
        for watcher in watchers:
            expect_equal(watcher.line(), b"S CHANGED a%20b")
        daemon.process.send_signal(signal.SIGTERM)
        for watcher in watchers:
            expect_equal(int(watcher.reply()[0].split()[1]) & 0xffff, CANCELED)
            watcher.close()


def crowd():
    """many clients at once have what they put, and each hears its own"""
    failures = []

    def one(path, number):
        key, value = b"key%d" % number, b"%d" % number * 500
        try:
            for _ in range(5):
                with Connection(path) as client:
                    expect_equal(put(client, key, value), [b"OK"])
                    expect(get(client, key) == value, "not my own")
                    client.expect(b"DEL " + key, b"OK")
        except Exception as error:      # told by the main thread
            failures.append(error)

    with Daemon() as daemon:
        threads = [threading.Thread(target=one, args=(daemon.path, i)) for i in range(40)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        expect_equal(failures, [])
        with daemon.connect() as client:
            client.expect(b"LIST", b"OK")


def too_many():
    """a hundred clients may be there, and the next one is told so"""
    with Daemon() as daemon:
        clients = [daemon.connect() for _ in range(88)]
        last = [Connection(daemon.path, greeting=False) for _ in range(20)]
        greetings = [x.line()[:3] for x in last]
        expect(b"ERR" in greetings, greetings)
        for client in clients + last:
            client.close()
        with daemon.connect() as client:
            client.expect(b"NOP", b"OK")


def watchdog():
    """it tells systemd that it runs, again and again"""
    Daemon.watchdog_us = 100000
    try:
        with Daemon() as daemon:
            for _ in range(3):
                expect_equal(daemon.manager.recv(4096), b"WATCHDOG=1")
    finally:
        Daemon.watchdog_us = None


def idle():
    """without a client it ends, and not while there is one"""
    Daemon.idle_ms = 200
    try:
        with Daemon() as daemon:
            with daemon.connect() as client:
                for _ in range(5):
                    client.expect(b"NOP", b"OK")
            daemon.wait()
            expect(not os.path.exists(daemon.path), "the socket was left behind")
    finally:
        Daemon.idle_ms = None


def activation():
    """it serves the socket of systemd, ends when idle, and is started again: no client is lost"""
    with Daemon() as other:     # for its directory
        path = other.dir + "/activated"
        Daemon.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        Daemon.listener.bind(path)
        Daemon.listener.listen(10)
        Daemon.idle_ms = 100
        try:
            for _ in range(3):
                client = Connection(path, greeting=False)   # it is not there yet
                with Daemon() as daemon:
                    expect(client.line().startswith(b"OK "), "no greeting")
                    expect_equal(put(client, b"a", b"x"), [b"OK"])
                    client.close()
                    daemon.wait()
                expect(os.path.exists(path), "the socket of systemd was removed")
        finally:
            Daemon.listener.close()
            Daemon.listener = Daemon.idle_ms = None


kit.main([values, arguments, large, watch, crowd, too_many, watchdog, idle, activation])
