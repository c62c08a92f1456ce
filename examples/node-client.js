#!/usr/bin/env node
// SPDX-License-Identifier: LGPL-2.1-or-later
/* node-client.js - a client in Node's event loop, by koffi (`npm install koffi`), which calls C.

   The embedded loop of the library has one descriptor, which is readable whenever the loop has
   something to do.  Node watches no descriptor that is not its own.  So a thread of Node's pool waits
   for it in poll(2), and the main thread, to which everything of the library belongs, calls
   eva_loop_dispatch.  A call is a promise.

   usage: node-client.js ADDRESS SECONDS COMMAND...     (such as unix:/PATH 10 'LIST 3' 'ECHO hello')
   exit status: 0 if all were answered with OK, 1 otherwise, 2 for bad usage  */

'use strict';

const koffi = require('koffi');
const { promisify } = require('util');

const EVA_CALL_LATE_ERRORS = 2;
const POLLIN = 1;

const eva = koffi.load('libevassuan.so.0');
const libc = koffi.load('libc.so.6');
const gpgStrerror = koffi.load('libgpg-error.so.0').func('const char *gpg_strerror(uint err)');

koffi.struct('eva_reply', {
  data: 'void *', data_len: 'size_t', status: 'void *', n_status: 'size_t', text: 'const char *',
});
const Replied = koffi.proto('void Replied(intptr_t arg, uint err, eva_reply *reply)');
const Rang = koffi.proto('void Rang(void *arg)');
koffi.struct('eva_callbacks', {
  data: 'void *', status: 'void *', comment: 'void *', inquire: 'void *', done: 'void *',
  replied: koffi.pointer(Replied), max_reply_len: 'size_t', timeout_ms: 'uint',
  reply_timeout_ms: 'uint', flags: 'uint', has_fd: 'bool', fd: 'int',
});
koffi.struct('pollfd', { fd: 'int', events: 'short', revents: 'short' });

const loopNew = eva.func('void *eva_loop_new()');
const loopFree = eva.func('void eva_loop_free(void *loop)');
const loopGetFd = eva.func('int eva_loop_get_fd(void *loop)');
const loopDispatch = eva.func('int eva_loop_dispatch(void *loop, int timeout_ms)');
const addTimer = eva.func('void *eva_loop_add_timer(void *loop, uint ms, Rang *cb, void *arg)');
const connect = eva.func('uint eva_connect(void *loop, const char *address, void *config, '
                         + '_Out_ void **ret_ctx)');
const makeCall = eva.func('uint eva_call(void *ctx, const char *command, eva_callbacks *callbacks, '
                          + 'intptr_t arg, _Out_ void **ret_call)');
const callCancel = eva.func('void eva_call_cancel(void *call)');
const release = eva.func('void assuan_release(void *ctx)');
const poll = promisify(libc.func('int poll(_Inout_ pollfd *fds, ulong n, int timeout_ms)').async);

class EvaError extends Error {
  constructor(err, text) {
    super(text || gpgStrerror(err));
    this.code = err & 0xffff;
  }
}

class Client {
  constructor(address) {
    const ctx = [null];

    this.calls = new Map(); // number -> { call, resolve, reject }
    this.lastNumber = 0;
    this.loop = loopNew();
    const err = connect(this.loop, address, null, ctx);
    if (err) {
      loopFree(this.loop);
      throw new EvaError(err);
    }
    this.ctx = ctx[0];
    // What the library calls has to be registered as long as it may be called.
    this.replied = koffi.register((number, e, reply) => this.ended(number, e, reply),
                                  koffi.pointer(Replied));
    this.awake = koffi.register(() => {}, koffi.pointer(Rang));
  }

  // A call ended.  What REPLY points to is valid until this returns.
  ended(number, err, pointer) {
    const { resolve, reject } = this.calls.get(Number(number));
    const reply = koffi.decode(pointer, 'eva_reply');

    this.calls.delete(Number(number));
    if (err) {
      reject(new EvaError(err, reply.text));
      return;
    }
    const len = Number(reply.data_len), n = Number(reply.n_status);
    resolve({ data: len ? Buffer.from(koffi.decode(reply.data, koffi.array('uint8', len))) : '',
              status: n ? koffi.decode(reply.status, koffi.array('const char *', n)) : [] });
  }

  call(command) {
    return new Promise((resolve, reject) => {
      const number = ++this.lastNumber, call = [null];
      const err = makeCall(this.ctx, command, { replied: this.replied, flags: EVA_CALL_LATE_ERRORS },
                           number, call);

      if (err) reject(new EvaError(err));
      else this.calls.set(number, { call: call[0], resolve, reject });
    });
  }

  // Gives up all calls.  A timer that is due wakes up the thread that waits.
  cancel() {
    if (!this.calls.size) return;
    for (const { call } of [...this.calls.values()]) callCancel(call);
    addTimer(this.loop, 0, this.awake, null);
  }

  // Runs the loop until all calls have ended, and releases everything.
  async run() {
    const fd = loopGetFd(this.loop);

    while (this.calls.size) {
      await poll([{ fd, events: POLLIN, revents: 0 }], 1, -1);
      loopDispatch(this.loop, 0);
    }
    release(this.ctx);
    loopFree(this.loop);
  }
}

async function main([address, seconds, ...commands]) {
  if (!commands.length || address.startsWith('-') || !(Number(seconds) > 0)) {
    console.error('usage: node-client.js ADDRESS SECONDS COMMAND...');
    return 2;
  }
  let client, status = 0;
  try {
    client = new Client(address);
  } catch (error) {
    console.error(`node-client: cannot connect to '${address}': ${error.message}`);
    return 1;
  }
  const replies = commands.map((command) => client.call(command).then((reply) => {
    for (const line of reply.status) console.error(`S ${line}`);
    process.stdout.write(reply.data);
  }, (error) => {
    console.error(`node-client: ${command}: ${error.message}`);
    status = 1;
  }));
  const timer = setTimeout(() => client.cancel(), seconds * 1000);
  process.on('SIGINT', () => client.cancel());
  await Promise.all([client.run(), ...replies]);
  clearTimeout(timer);
  return status;
}

main(process.argv.slice(2)).then((status) => { process.exitCode = status; });
