/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fuzz-client.c - a client of eva_connect whose server says what the input says, and a clock.

     input = *(step argument [octets])

   A step lets the server send octets or a known line, read, shut down or close; lets the program
   call, cancel, answer, close or release; lets time go by or the loop turn.  Whatever happens, each
   call ends once, the end of the connection is told once, and no descriptor stays.  */

#include "eva.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "fake-clock.h"
#include "fake-loop.h"

#define N_CALLS 8

struct slot {
  struct eva_pending_call *call; /* NULL: free */
  bool inquired;
};

static struct slot slots[N_CALLS];
static eva_loop *loop;
static assuan_context_t ctx; /* NULL: released */
static int server_fd;        /* -1: closed */
static size_t n_said;        /* octets, by the server */
static int n_ready, n_closed, n_open_calls;
static int null_fd;
static unsigned int mood; /* what callbacks do */

/* --- The program ------------------------------------------------------------------------------ */

static void
release (void) {
  assuan_context_t old = ctx;

  ctx = NULL;
  assuan_release (old);
}

static void
ready (assuan_context_t c, void *arg) {
  (void) arg;
  CHECK (c == ctx && !n_ready++);
}

static void
closed (assuan_context_t c, void *arg, gpg_error_t err) {
  (void) arg;
  CHECK (c == ctx && err && !n_closed++ && !n_open_calls);
  if (mood & 1) release ();
}

/* So little that replies go over it.  */
#define MAX_REPLY_LEN 40

/* Callbacks sometimes fail, cancel their call, or release the context.  */
static gpg_error_t
behave (struct slot *slot) {
  switch (mood >> 1 & 7) {
  case 0:
    return gpg_error (GPG_ERR_GENERAL);
  case 1:
    eva_call_cancel (slot->call);
    return 0;
  case 2:
    release ();
    return 0;
  case 3:
    eva_close (ctx);
    return 0;
  default:
    return 0;
  }
}

static gpg_error_t
on_data (void *arg, const void *buf, size_t len) {
  struct slot *slot = arg;

  CHECK (slot->call && (buf || !len));
  return behave (slot);
}

static gpg_error_t
on_status (void *arg, const char *text) {
  struct slot *slot = arg;

  CHECK (slot->call && strlen (text) <= 1000);
  return behave (slot);
}

static gpg_error_t
on_inquire (void *arg, struct eva_pending_call *call, const char *text) {
  struct slot *slot = arg;

  CHECK (slot->call == call && strlen (text) <= 1000);
  slot->inquired = true;
  if (mood & 16) eva_answer_data (call, "a%\n", 3);
  if (mood & 32) eva_answer_end (call);
  return behave (slot);
}

static void
on_done (void *arg, gpg_error_t err, const char *text) {
  struct slot *slot = arg;

  (void) err;
  CHECK (slot->call && (!text || *text));
  slot->call = NULL;
  n_open_calls--;
  if (mood & 64 && ctx) release ();
}

static void
on_replied (void *arg, gpg_error_t err, const struct eva_reply *reply) {
  size_t len = reply->data_len;

  CHECK (!reply->data[len]);
  for (size_t i = 0; i < reply->n_status; i++)
    len += strlen (reply->status[i]) + 1;
  CHECK (len <= MAX_REPLY_LEN);
  on_done (arg, err, reply->text);
}

static void
call (unsigned int how) {
  static const char *const commands[] = { "NOP", "ASK me", "GET %0A", "BYE" };
  struct slot *slot = &slots[how % N_CALLS];
  struct eva_callbacks cb = { .done = on_done,
                              .timeout_ms = how & 8 ? 500 : 0,
                              .flags = how & 16 ? EVA_CALL_AHEAD : 0 };

  if (!ctx || slot->call) return;
  if (how & 32) cb.data = on_data;
  if (how & 64) cb.inquire = on_inquire;
  if (how & 128) cb.status = on_status;
  if (how % 7 == 0) cb.flags |= EVA_CALL_LATE_ERRORS;
  if (how % 3 == 0 && !(how & (32 | 128))) {
    cb.replied = on_replied;
    cb.done = NULL;
    cb.max_reply_len = MAX_REPLY_LEN;
  }
  cb.has_fd = how % 5 == 0;
  cb.fd = null_fd;
  slot->inquired = false;
  if (eva_call (ctx, commands[how >> 3 & 3], &cb, slot, &slot->call))
    slot->call = NULL;
  else
    n_open_calls++;
}

static void
answer (unsigned int how) {
  struct slot *slot = &slots[how % N_CALLS];

  if (!slot->call) return;
  if (how & 8) eva_answer_data (slot->call, "some data\n", 10);
  if (how & 16) eva_answer_end (slot->call);
  if (how & 32) eva_answer_cancel (slot->call);
}

/* --- The server ------------------------------------------------------------------------------- */

static void
say (const void *octets, size_t len) {
  if (server_fd >= 0) (void) !send (server_fd, octets, len, MSG_NOSIGNAL | MSG_DONTWAIT);
  n_said += len;
}

static void
say_known (unsigned int which) {
  static const char *const lines[] = {
    "OK\n",
    "OK Pleased to meet you\n",
    "ERR 536871187 no\n",
    "S PROGRESS a ? 1 2\n",
    "D a%25\n",
    "INQUIRE KEY a b\n",
    "# comment\n",
    "END\n",
    "OK\nOK\n",
    "D x\nS y\nINQUIRE z\nOK\n",
    "ERR\n",
    "garbage\n",
  };
  const char *line = lines[which % (sizeof lines / sizeof *lines)];

  say (line, strlen (line));
}

/* Reads what the client said; descriptors that come along are dropped by the kernel.  */
static void
listen_to_client (void) {
  char buf[4096];

  if (server_fd >= 0) (void) !recv (server_fd, buf, sizeof buf, MSG_DONTWAIT);
}

static void
leave (void) {
  if (server_fd >= 0) close (server_fd);
  server_fd = -1;
}

/* --- The script ------------------------------------------------------------------------------- */

static void
turn (unsigned int n) {
  for (n = n % 4 + 1; n; n--)
    fake_loop_turn ();
}

/* One step.  Returns how many octets of DATA it used.  */
static size_t
step (unsigned int what, unsigned int arg, const uint8_t *data, size_t len) {
  size_t n = arg < len ? arg : len;

  switch (what & 15) {
  case 0:
    say (data, n);
    return n;
  case 1:
  case 2:
  case 3:
    say_known (arg);
    break;
  case 4:
  case 5:
    call (arg);
    break;
  case 6:
    eva_call_cancel (slots[arg % N_CALLS].call);
    break;
  case 7:
    answer (arg);
    break;
  case 8:
  case 9:
    turn (arg);
    break;
  case 10:
    fake_clock_advance ((uint64_t) arg * 4000000u);
    break;
  case 11:
    listen_to_client ();
    break;
  case 12:
    mood = arg;
    break;
  case 13:
    if (arg & 1 && server_fd >= 0) shutdown (server_fd, SHUT_WR);
    if (!(arg & 1)) leave ();
    break;
  case 14:
    eva_close (ctx);
    break;
  default:
    if (ctx && arg < 8) release ();
    break;
  }
  return 0;
}

/* The lowest number that is free.  */
static int
free_fd (void) {
  int fd = fcntl (null_fd, F_DUPFD_CLOEXEC, 0);

  close (fd);
  return fd;
}

static void
begin (void) {
  struct eva_connect_config config = {
    .flags = EVA_CONNECT_FDPASSING, .greeting_timeout_ms = 1000, .ready = ready, .closed = closed
  };
  char address[20];
  int fds[2];

  mood = 255 & ~(64u | 1u); /* callbacks behave */
  n_ready = n_closed = 0;
  n_said = 0;
  loop = fake_loop_new (NULL);
  CHECK (loop && !socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds));
  server_fd = fds[0];
  snprintf (address, sizeof address, "fd:%d", fds[1]);
  CHECK (!eva_connect (loop, address, &config, &ctx));
}

/* A turn handles some of a peer's lines only, so that the end behind many of them takes some turns.
   None is shorter than an octet.  */
static void
await_closed (void) {
  for (size_t n = 0; n < n_said + 4 && ctx && !n_closed; n++)
    fake_loop_turn ();
  CHECK (!ctx || n_closed == 1);
}

static void
end (void) {
  leave ();
  await_closed ();
  turn (3);
  if (ctx) release ();
  CHECK (!n_open_calls);
  eva_loop_free (loop);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t len) {
  int fd;

  if (!null_fd) null_fd = open ("/dev/null", O_RDWR | O_CLOEXEC);
  fd = free_fd ();
  begin ();
  for (size_t i = 0; i + 1 < len;) {
    unsigned int what = data[i], arg = data[i + 1];
    i += 2;
    i += step (what, arg, data + i, len - i);
  }
  end ();
  CHECK (free_fd () == fd);
  return 0;
}
