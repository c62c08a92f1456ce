#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""asyncio-client.py - a client in Python's asyncio, with nothing but ctypes.

The embedded loop of the library has one descriptor, which is readable whenever the loop has something
to do.  asyncio watches it, and calls eva_loop_dispatch, which never waits then.  A call is a
coroutine: it returns the reply, raises an error, and gives the call up if it is cancelled.

usage: asyncio-client.py ADDRESS SECONDS COMMAND...     (such as unix:/PATH 10 'LIST 3' 'ECHO hello')
exit status: 0 if all were answered with OK, 1 otherwise, 2 for bad usage
"""

import asyncio
import ctypes
import signal
import sys
from ctypes import CFUNCTYPE, POINTER, byref, c_bool, c_char_p, c_int, c_size_t, c_uint, c_void_p

EVA_CALL_LATE_ERRORS = 2


class CReply(ctypes.Structure):
    """struct eva_reply of eva.h."""
    _fields_ = [("data", c_void_p), ("data_len", c_size_t), ("status", POINTER(c_char_p)),
                ("n_status", c_size_t), ("text", c_char_p)]


REPLIED = CFUNCTYPE(None, c_void_p, c_uint, POINTER(CReply))


class CCallbacks(ctypes.Structure):
    """struct eva_callbacks of eva.h."""
    _fields_ = [("data", c_void_p), ("status", c_void_p), ("comment", c_void_p),
                ("inquire", c_void_p), ("done", c_void_p), ("replied", REPLIED),
                ("max_reply_len", c_size_t), ("timeout_ms", c_uint), ("reply_timeout_ms", c_uint),
                ("flags", c_uint), ("has_fd", c_bool), ("fd", c_int)]


eva = ctypes.CDLL("libevassuan.so.0")
eva.eva_loop_new.restype = c_void_p
eva.eva_loop_get_fd.argtypes = eva.eva_loop_free.argtypes = [c_void_p]
eva.eva_loop_dispatch.argtypes = [c_void_p, c_int]
eva.eva_connect.argtypes = [c_void_p, c_char_p, c_void_p, POINTER(c_void_p)]
eva.eva_connect.restype = eva.eva_call.restype = c_uint
eva.eva_call.argtypes = [c_void_p, c_char_p, POINTER(CCallbacks), c_void_p, POINTER(c_void_p)]
eva.eva_call_cancel.argtypes = eva.assuan_release.argtypes = [c_void_p]
gpg_strerror = ctypes.CDLL("libgpg-error.so.0").gpg_strerror
gpg_strerror.restype = c_char_p


class EvaError(Exception):
    """A gpg_error_t, and what the server said of it."""

    def __init__(self, err, text=None):
        super().__init__((text or gpg_strerror(err)).decode(errors="replace"))
        self.code = err & 0xffff


class Client:
    """A client in the running loop of asyncio."""

    def __init__(self, address):
        self.aio = asyncio.get_running_loop()
        self.ctx, self.calls = c_void_p(), {}
        self.loop = eva.eva_loop_new()
        # What the library calls must live as long as it may be called.
        self.callbacks = CCallbacks(replied=REPLIED(self.replied), flags=EVA_CALL_LATE_ERRORS)
        err = eva.eva_connect(self.loop, address.encode(), None, byref(self.ctx))
        if err:
            eva.eva_loop_free(self.loop)
            raise EvaError(err)
        self.aio.add_reader(eva.eva_loop_get_fd(self.loop), eva.eva_loop_dispatch, self.loop, 0)

    def close(self):
        """Release everything; calls under way end with an error."""
        eva.assuan_release(self.ctx)
        self.aio.remove_reader(eva.eva_loop_get_fd(self.loop))
        eva.eva_loop_free(self.loop)

    def replied(self, key, err, reply):
        """A call ended.  What REPLY points to is valid until this returns."""
        future, reply = self.calls.pop(key), reply.contents
        if future.cancelled():
            return
        if err:
            future.set_exception(EvaError(err, reply.text))
        else:
            future.set_result((ctypes.string_at(reply.data, reply.data_len),
                               [reply.status[i] for i in range(reply.n_status)]))

    async def call(self, command):
        """Return the data and the status lines of the reply to COMMAND."""
        future, call = self.aio.create_future(), c_void_p()
        self.calls[id(future)] = future
        err = eva.eva_call(self.ctx, command.encode(), byref(self.callbacks), id(future), byref(call))
        if err:
            del self.calls[id(future)]
            raise EvaError(err)
        try:
            return await future
        finally:
            if id(future) in self.calls:        # it was cancelled
                eva.eva_call_cancel(call)


async def ask(client, command, seconds):
    """Print the reply to COMMAND.  Returns whether it is OK."""
    try:
        data, status = await asyncio.wait_for(client.call(command), seconds)
    except (EvaError, asyncio.TimeoutError, asyncio.CancelledError) as error:
        what = str(error) or "cancelled"
        print(f"asyncio-client: {command}: {what}", file=sys.stderr)
        return False
    for line in status:
        print("S", line.decode(), file=sys.stderr)
    sys.stdout.buffer.write(data)
    sys.stdout.flush()
    return True


async def main(address, seconds, commands):
    """Make all calls at once.  Returns the exit status."""
    try:
        client = Client(address)
    except EvaError as error:
        print(f"asyncio-client: cannot connect to '{address}': {error}", file=sys.stderr)
        return 1
    tasks = [asyncio.ensure_future(ask(client, command, seconds)) for command in commands]
    client.aio.add_signal_handler(signal.SIGINT, lambda: [task.cancel() for task in tasks])
    try:
        return 0 if all(await asyncio.gather(*tasks)) else 1
    finally:
        client.close()


if __name__ == "__main__":
    if len(sys.argv) < 4 or sys.argv[1].startswith("-") or not sys.argv[2].isdigit():
        print("usage: asyncio-client.py ADDRESS SECONDS COMMAND...", file=sys.stderr)
        sys.exit(2)
    sys.exit(asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3:])))
