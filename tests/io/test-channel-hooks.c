/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-channel-hooks.c - channels behind the system hooks of a program, which are also how faults
   are put in: every octet goes through them, short and interrupted calls are made good, and
   waiting is done with their usleep only.  */

#include "fixture.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "io/channel.h"

/* What a context's hooks do; the hooks get a pointer to it for their context.  */
struct script {
  int n_eintr;      /* calls that are interrupted first */
  int n_eagain;     /* calls that say EAGAIN then */
  int error;        /* what the next call fails with, or 0 */
  size_t max_len;   /* octets of a call, or 0 for no limit */
  int write_on_nap; /* where the nth nap puts an octet */
  int nap_to_write;

  int n_reads, n_writes, n_recvmsgs, n_sendmsgs, n_closes, n_naps;
  size_t last_n_iov;
  int last_flags;
  unsigned int naps_us[16];
};

static struct script *
of (assuan_context_t ctx) {
  return (struct script *) (void *) ctx;
}

/* Returns true if the call has to fail, with errno.  */
static bool
strike (struct script *s) {
  if (s->n_eintr > 0) {
    s->n_eintr--;
    errno = EINTR;
  } else if (s->n_eagain > 0) {
    s->n_eagain--;
    errno = EAGAIN;
  } else if (s->error) {
    errno = s->error;
  } else {
    return false;
  }
  return true;
}

static size_t
limit (const struct script *s, size_t len) {
  return s->max_len && len > s->max_len ? s->max_len : len;
}

static void
hook_usleep (assuan_context_t ctx, unsigned int usec) {
  struct script *s = of (ctx);

  if (s->n_naps < 16) s->naps_us[s->n_naps] = usec;
  s->n_naps++;
  if (s->n_naps == s->nap_to_write) write_all (s->write_on_nap, "!", 1);
}

static int
hook_close (assuan_context_t ctx, assuan_fd_t fd) {
  of (ctx)->n_closes++;
  return close (fd);
}

static ssize_t
hook_read (assuan_context_t ctx, assuan_fd_t fd, void *buffer, size_t size) {
  of (ctx)->n_reads++;
  return strike (of (ctx)) ? -1 : read (fd, buffer, limit (of (ctx), size));
}

static ssize_t
hook_write (assuan_context_t ctx, assuan_fd_t fd, const void *buffer, size_t size) {
  of (ctx)->n_writes++;
  return strike (of (ctx)) ? -1 : write (fd, buffer, limit (of (ctx), size));
}

static int
hook_recvmsg (assuan_context_t ctx, assuan_fd_t fd, assuan_msghdr_t msg, int flags) {
  struct script *s = of (ctx);

  s->n_recvmsgs++;
  s->last_flags = flags;
  if (strike (s)) return -1;
  msg->msg_iov->iov_len = limit (s, msg->msg_iov->iov_len);
  return (int) recvmsg (fd, msg, flags);
}

static int
hook_sendmsg (assuan_context_t ctx, assuan_fd_t fd, const assuan_msghdr_t msg, int flags) {
  struct script *s = of (ctx);

  s->n_sendmsgs++;
  s->last_n_iov = msg->msg_iovlen;
  s->last_flags = flags;
  return strike (s) ? -1 : (int) sendmsg (fd, msg, flags);
}

static void
make_sys (struct eva__io_sys *sys, struct script *s) {
  struct assuan_system_hooks hooks = *eva__io_sys_default ();

  hooks.usleep = hook_usleep;
  hooks.close = hook_close;
  hooks.read = hook_read;
  hooks.write = hook_write;
  hooks.recvmsg = hook_recvmsg;
  hooks.sendmsg = hook_sendmsg;
  eva__io_sys_init (sys, (assuan_context_t) (void *) s, &hooks);
}

/* A channel with scripted hooks: over pipes, a plain socket, a socket that passes descriptors.  */
enum kind { PIPES, SOCKET, PASSING, N_KINDS };

struct link {
  struct script script;
  struct eva__io_sys sys;
  struct eva__io_channel ch;
  int in, out; /* the test's */
};

static void
link_up (struct link *link, enum kind kind) {
  int a[2], b[2];

  memset (link, 0, sizeof *link);
  make_sys (&link->sys, &link->script);
  if (kind == PIPES) {
    fds_pipe (a, 0);
    fds_pipe (b, 0);
    eva__io_channel_init (&link->ch, &link->sys, a[0], b[1], false);
    link->in = b[0];
    link->out = a[1];
  } else {
    fds_socketpair (a, 0);
    eva__io_channel_init (&link->ch, &link->sys, a[0], a[0], kind == PASSING);
    link->in = link->out = a[1];
  }
}

static void
link_down (struct link *link) {
  eva__io_channel_close (&link->ch);
  assert_int_equal (link->script.n_closes, link->in == link->out ? 1 : 2);
  close (link->in);
  if (link->out != link->in) close (link->out);
}

/* Goes on to the next link, so many TIMES to each kind; I is -1 before the first one.  Returns
   false behind the last one.  */
static bool
next_link (struct link *link, int *i, int times) {
  if (*i >= 0) link_down (link);
  if (++*i == N_KINDS * times) return false;
  link_up (link, (enum kind) (*i / times));
  return true;
}

static int
n_in_calls (const struct link *link) {
  return link->script.n_reads + link->script.n_recvmsgs;
}

static int
n_out_calls (const struct link *link) {
  return link->script.n_writes + link->script.n_sendmsgs;
}

static ssize_t
say (struct link *link, const char *text, bool wait) {
  struct iovec iov = { .iov_base = (char *) (uintptr_t) text, .iov_len = strlen (text) };

  return eva__io_channel_write (&link->ch, &iov, 1, NULL, 0, wait);
}

/* --- Which hook ------------------------------------------------------------------------------- */

static void
test_right_hooks (void **state) {
  struct link link;
  char buf[8];

  (void) state;
  for (int i = -1; next_link (&link, &i, 2);) {
    bool wait = i % 2;
    int kind = i / 2;
    write_all (link.out, "ping", 4);
    assert_int_equal (eva__io_channel_read (&link.ch, buf, sizeof buf, wait, NULL), 4);
    assert_int_equal (say (&link, "pong", wait), 4);
    read_all (link.in, buf, 4);
    assert_memory_equal (buf, "pong", 4);
    assert_int_equal (link.script.n_reads, kind != PASSING);
    assert_int_equal (link.script.n_writes, kind != PASSING);
    assert_int_equal (link.script.n_recvmsgs, kind == PASSING);
    assert_int_equal (link.script.n_sendmsgs, kind == PASSING);
    if (kind == PASSING) assert_int_equal (link.script.last_flags, MSG_NOSIGNAL);
  }
}

/* A write hook takes one buffer, so only the first that is not empty goes; sendmsg takes all.  */
static void
test_elements (void **state) {
  struct iovec iov[] = { PIECE (""), PIECE ("one"), PIECE ("two") };
  struct link link;

  (void) state;
  for (int kind = -1; next_link (&link, &kind, 1);) {
    assert_int_equal (eva__io_channel_write (&link.ch, iov, 3, NULL, 0, true),
                      kind == PASSING ? 6 : 3);
    if (kind == PASSING) assert_int_equal (link.script.last_n_iov, 2);
    assert_int_equal (n_out_calls (&link), 1);
  }
}

/* --- Faults ----------------------------------------------------------------------------------- */

static void
test_interrupted (void **state) {
  struct link link;
  char buf[8];

  (void) state;
  for (int i = -1; next_link (&link, &i, 2);) {
    bool wait = i % 2;
    write_all (link.out, "ping", 4);
    link.script.n_eintr = 3;
    assert_int_equal (eva__io_channel_read (&link.ch, buf, sizeof buf, wait, NULL), 4);
    assert_int_equal (n_in_calls (&link), 4);
    link.script.n_eintr = 3;
    assert_int_equal (say (&link, "pong", wait), 4);
    assert_int_equal (n_out_calls (&link), 4);
    assert_int_equal (link.script.n_naps, 0);
  }
}

/* One call to the hook, and what it did is told; the rest is for the next call.  */
static void
test_short_calls (void **state) {
  struct link link;
  char buf[8];

  (void) state;
  for (int kind = -1; next_link (&link, &kind, 1);) {
    link.script.max_len = 3;
    write_all (link.out, "ping", 4);
    assert_int_equal (eva__io_channel_read (&link.ch, buf, sizeof buf, true, NULL), 3);
    assert_int_equal (eva__io_channel_read (&link.ch, buf, sizeof buf, true, NULL), 1);
    if (kind != PASSING) assert_int_equal (say (&link, "pong", true), 3);
  }
}

/* Naps grow from 1 ms to 20 ms, and there is no other wait.  */
static void
test_waits_with_naps (void **state) {
  static const unsigned int naps_us[] = { 1000, 2000, 4000, 8000, 16000, 20000, 20000 };
  struct link link;
  char buf[8];

  (void) state;
  for (int kind = -1; next_link (&link, &kind, 1);) {
    write_all (link.out, "ping", 4);
    link.script.n_eagain = 7;
    assert_int_equal (eva__io_channel_read (&link.ch, buf, sizeof buf, true, NULL), 4);
    assert_int_equal (link.script.n_naps, 7);
    assert_memory_equal (link.script.naps_us, naps_us, sizeof naps_us);
    link.script.n_eagain = 2;
    assert_int_equal (say (&link, "pong", true), 4);
    assert_int_equal (link.script.n_naps, 9);
    assert_int_equal (link.script.naps_us[7], 1000);
  }
}

/* A non-blocking descriptor without octets, which come while the program sleeps.  */
static void
test_octets_come_during_nap (void **state) {
  struct link link;
  char buf[8];

  (void) state;
  for (int kind = -1; next_link (&link, &kind, 1);) {
    set_nonblocking (link.ch.in_fd);
    link.script.write_on_nap = link.out;
    link.script.nap_to_write = 3;
    assert_int_equal (eva__io_channel_read (&link.ch, buf, sizeof buf, true, NULL), 1);
    assert_int_equal (buf[0], '!');
    assert_int_equal (link.script.n_naps, 3);
  }
}

/* Not waiting: neither naps nor a hook that would block are called.  */
static void
test_does_not_wait (void **state) {
  struct link link;
  char buf[8];

  (void) state;
  for (int kind = -1; next_link (&link, &kind, 1);) {
    assert_fails (eva__io_channel_read (&link.ch, buf, sizeof buf, false, NULL), EAGAIN);
    assert_int_equal (n_in_calls (&link), 0);
    write_all (link.out, "ping", 4);
    link.script.n_eagain = 1;
    assert_fails (eva__io_channel_read (&link.ch, buf, sizeof buf, false, NULL), EAGAIN);
    assert_int_equal (eva__io_channel_read (&link.ch, buf, sizeof buf, false, NULL), 4);
    link.script.n_eagain = 1;
    assert_fails (say (&link, "pong", false), EAGAIN);
    assert_int_equal (link.script.n_naps, 0);
  }
}

/* The descriptor blocks and the peer does not read: only so much is handed to the hook as it can
   take at once.  */
static void
test_does_not_fill_up (void **state) {
  static char block[50000];
  struct iovec iov = { block, sizeof block };
  struct link link;
  ssize_t n;

  (void) state;
  for (int kind = -1; next_link (&link, &kind, 1);) {
    while ((n = eva__io_channel_write (&link.ch, &iov, 1, NULL, 0, false)) >= 0)
      assert_in_range ((size_t) n, 1, PIPE_BUF);
    assert_int_equal (errno, EAGAIN);
    assert_int_equal (link.script.n_naps, 0);
  }
}

static void
test_errors_pass_through (void **state) {
  static const int errors[] = { ECONNRESET, EPIPE, EIO, EBADF, ENOBUFS };
  struct link link;
  char buf[8];

  (void) state;
  for (int kind = -1; next_link (&link, &kind, 1);) {
    write_all (link.out, "ping", 4);
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
      link.script.error = errors[i];
      for (int wait = 0; wait < 2; wait++) {
        assert_fails (eva__io_channel_read (&link.ch, buf, sizeof buf, wait, NULL), errors[i]);
        assert_fails (say (&link, "pong", wait), errors[i]);
      }
    }
    link.script.error = 0;
  }
}

/* The program's write function knows nothing of our care for SIGPIPE.  */
static void
test_no_sigpipe (void **state) {
  struct link link;

  (void) state;
  signal (SIGPIPE, SIG_DFL);
  for (enum kind kind = 0; kind < N_KINDS; kind++) {
    for (int wait = 0; wait < 2; wait++) {
      link_up (&link, kind);
      close (link.in);
      if (link.out != link.in) close (link.out);
      assert_fails (say (&link, "anybody?", wait), EPIPE);
      assert_false (is_sigpipe_pending ());
      eva__io_channel_close (&link.ch);
    }
  }
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    fixture_test (test_right_hooks),         fixture_test (test_elements),
    fixture_test (test_interrupted),         fixture_test (test_short_calls),
    fixture_test (test_waits_with_naps),     fixture_test (test_octets_come_during_nap),
    fixture_test (test_does_not_wait),       fixture_test (test_does_not_fill_up),
    fixture_test (test_errors_pass_through), fixture_test (test_no_sigpipe),
  };

  return cmocka_run_group_tests_name ("channel-hooks", tests, NULL, NULL);
}
