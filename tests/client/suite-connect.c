/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite-connect.c - coming to a connection, in every form of address, and to the greeting; and
   all that can go wrong on the way.  */

#include "kit.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* The connection works: a call is answered, and the server sees the end.  */
static void
converse (assuan_context_t ctx, struct peer *p) {
  struct rec *rec = kit_call (ctx, "a", "HELLO world");

  kit_exchange (p, "HELLO world\n", "OK hello\n", "a.done 0 hello\n");
  assert_int_equal (rec->n_done, 1);
  assuan_release (ctx);
  peer_hears (p, "BYE\n");
  peer_hears_end (p);
}

static void
note_greeting (assuan_context_t ctx) {
  const char *text = eva_get_greeting (ctx);

  kit_note ("greeting %s", text ? text : "-");
}

/* What the server said behind OK is there for ready, and nowhere else.  */
static void
test_greeting_text (void **state) {
  static const char *const greetings[][2] = { { "OK\n", "-" },
                                              { "OK hi there\n", "hi there" },
                                              { "# x\n\nOK  two \n", "two " } };

  (void) state;
  kit_on_ready = note_greeting;
  for (size_t i = 0; i < N_ELEMENTS (greetings); i++) {
    struct peer p;
    assuan_context_t ctx = kit_dial_peer (&p);
    assert_null (eva_get_greeting (ctx));
    kit_exchange (&p, NULL, greetings[i][0], kit_format ("ready\ngreeting %s\n", greetings[i][1]));
    assert_null (eva_get_greeting (ctx));
    kit_close (ctx, &p);
  }
  assert_null (eva_get_greeting (NULL));
}

/* Dials ADDRESS, where LISTENER waits, in the process SERVER.  */
static void
reach (const char *address, int listener, pid_t server) {
  assuan_context_t ctx = kit_dial (address);
  struct peer p;

  kit_expect ("");
  assert_ptr_equal (eva_get_loop (ctx), kit_loop.loop); /* before there is a connection */
  peer_accept (&p, listener);
  kit_exchange (&p, NULL, "OK hi\n", "ready\n");
  assert_int_equal (assuan_get_pid (ctx), server);
  converse (ctx, &p);
  peer_close (&p);
}

static void
test_unix (void **state) {
  int listener = peer_listen (kit_format ("unix:%s", tmpdir_path ("s")), 5, NULL);

  (void) state;
  reach (kit_format ("unix:%s", tmpdir_path ("s")), listener, getpid ());
  reach (tmpdir_path ("s"), listener, getpid ());
  reach (kit_format ("file://%s", tmpdir_path ("s")), listener, getpid ());
  close (listener);
}

static void
test_abstract (void **state) {
  const char *address = kit_format ("unix:@evac-%d", (int) getpid ());
  int listener = peer_listen (address, 5, NULL);

  (void) state;
  reach (address, listener, getpid ());
  reach (address + 5, listener, getpid ());
  close (listener);
}

static void
test_tcp (void **state) {
  unsigned int port;
  int listener = peer_listen ("tcp:127.0.0.1", 5, &port);

  (void) state;
  reach (kit_format ("tcp:127.0.0.1:%u", port), listener, ASSUAN_INVALID_PID);
  reach (kit_format ("assuan://127.0.0.1:%u", port), listener, ASSUAN_INVALID_PID);
  close (listener);
}

static void
test_fd (void **state) {
  assuan_context_t ctx;
  struct peer p;

  (void) state;
  ctx = kit_open (&p);
  assert_int_equal (fcntl (eva_get_fd (ctx, EVA_READABLE), F_GETFD), FD_CLOEXEC);
  assert_int_equal (eva_get_fd (ctx, EVA_READABLE), eva_get_fd (ctx, EVA_WRITABLE));
  converse (ctx, &p);
  peer_close (&p);
}

/* No callback has to run.  */
static void
test_no_config (void **state) {
  assuan_context_t ctx;
  struct peer p;
  int fd[2];

  (void) state;
  assert_int_equal (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
  peer_init (&p, fd[1]);
  assert_error (eva_connect (kit_loop.loop, kit_format ("fd:%d", fd[0]), NULL, &ctx), "0");
  peer_say (&p, "OK\n");
  converse (ctx, &p);
  peer_close (&p);
}

/* --- Refused at once -------------------------------------------------------------------------- */

static void
refuse (const char *address, const char *error) {
  assuan_context_t ctx = NULL;

  assert_error (eva_connect (kit_loop.loop, address, &kit_config, &ctx), error);
  assert_null (ctx);
}

static void
test_addresses (void **state) {
  static const char *const wrong[] = {
    "",
    "nonsense",
    "unix:",
    "unix:relative",
    "unix:@",
    "tcp:",
    "tcp:1.2.3",
    "tcp:1.2.3.4",
    "tcp:127.0.0.1:0",
    "tcp:localhost:1",
    "tcp:127.0.0.1:65536",
    "tcp:[::1]",
    "fd:",
    "fd:-1",
    "fd:x",
    "fd:1x",
    "exec:",
    "exec:   ",
    "systemd:",
    "systemd:x",
    "assuan://",
    "assuan://1.2.3.4",
    "file://",
  };
  char name[200];

  (void) state;
  for (size_t i = 0; i < N_ELEMENTS (wrong); i++)
    refuse (wrong[i], "INV_ARG");
  memset (name, 'x', sizeof name);
  memcpy (name, "unix:/", 6);
  name[150] = 0;
  refuse (name, "ENAMETOOLONG");
  refuse (NULL, "ASS_INV_VALUE");
  kit_config.flags = 128;
  refuse ("unix:/x", "ASS_INV_VALUE");
  kit_config.flags |= EVA_CONNECT_LATE_ERRORS;
  refuse ("unix:/x", "ASS_INV_VALUE");
  assert_error (eva_connect (kit_loop.loop, "unix:/x", NULL, NULL), "ASS_INV_VALUE");
}

/* No server is there: the error for which a program looks that would start it.  */
static void
test_nobody (void **state) {
  int fd;

  (void) state;
  refuse (kit_format ("unix:%s", tmpdir_path ("missing")), "ASS_CONNECT_FAILED");
  refuse (kit_format ("unix:%s", tmpdir_path ("missing/s")), "ASS_CONNECT_FAILED");
  refuse (kit_format ("unix:@evac-nobody-%d", (int) getpid ()), "ASS_CONNECT_FAILED");
  close (peer_listen (kit_format ("unix:%s", tmpdir_path ("stale")), 5, NULL));
  refuse (kit_format ("unix:%s", tmpdir_path ("stale")), "ASS_CONNECT_FAILED");
  refuse (tmpdir_path ("stale"), "ASS_CONNECT_FAILED");
  fd = open (tmpdir_path ("file"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  assert_true (fd >= 0);
  assert_int_equal (write (fd, "text\n", 5), 5);
  close (fd);
  refuse (kit_format ("unix:%s", tmpdir_path ("file")), "ASS_CONNECT_FAILED");
}

/* A descriptor that is not taken stays the caller's.  */
static void
test_wrong_fds (void **state) {
  int file = open ("/dev/null", O_RDWR | O_CLOEXEC);
  int lone = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  (void) state;
  refuse (kit_format ("fd:%d", file), "ASS_CONNECT_FAILED");
  refuse (kit_format ("fd:%d", lone), "ENOTCONN");
  assert_int_equal (fcntl (file, F_GETFD), FD_CLOEXEC);
  assert_int_equal (fcntl (lone, F_GETFD), FD_CLOEXEC);
  close (lone);
  close (file);
  refuse (kit_format ("fd:%d", lone), "EBADF");
}

/* A port without a listener is known at once, or a little later.  */
static void
test_nobody_on_tcp (void **state) {
  assuan_context_t ctx = NULL;
  unsigned int port;
  gpg_error_t err;

  (void) state;
  close (peer_listen ("tcp:127.0.0.1", 5, &port));
  err = eva_connect (kit_loop.loop, kit_format ("tcp:127.0.0.1:%u", port), &kit_config, &ctx);
  if (err) {
    assert_error (err, "ASS_CONNECT_FAILED");
    assert_null (ctx);
    return;
  }
  kit_call (ctx, "a", "NOP");
  kit_await ("a.done ASS_CONNECT_FAILED\nclosed ASS_CONNECT_FAILED\n");
  assert_error (eva_call (ctx, "NOP", NULL, NULL, NULL), "EPIPE");
  assuan_release (ctx);
}

/* --- Waiting for the connection --------------------------------------------------------------- */

/* Fills the queue of the listener at ADDRESS: stores the descriptors at FDS.  */
static size_t
fill_queue (const struct sockaddr *addr, socklen_t len, int *fds, size_t n) {
  size_t i;

  for (i = 0; i < n; i++) {
    fds[i] = socket (addr->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true (fds[i] >= 0);
    if (connect (fds[i], addr, len) < 0) break;
  }
  assert_true (i < n);
  close (fds[i]);
  return i;
}

static size_t
fill_listener (int listener, int *fds, size_t n) {
  struct sockaddr_storage addr;
  socklen_t len = sizeof addr;

  assert_int_equal (getsockname (listener, (struct sockaddr *) &addr, &len), 0);
  return fill_queue ((struct sockaddr *) &addr, len, fds, n);
}

static void
close_all (int *fds, size_t n) {
  while (n)
    close (fds[--n]);
}

/* A listener that is busy, and a client that waits before it.  */
struct busy {
  int listener;
  int fds[20];
  size_t n;
  assuan_context_t ctx;
};

static void
busy_begin (struct busy *b) {
  const char *address = kit_format ("unix:%s", tmpdir_path ("s"));

  b->listener = peer_listen (address, 0, NULL);
  b->n = fill_listener (b->listener, b->fds, N_ELEMENTS (b->fds));
  b->ctx = kit_dial (address);
}

static void
busy_end (struct busy *b) {
  close_all (b->fds, b->n);
  if (b->listener >= 0) close (b->listener);
}

/* The server is busy: the client comes in when it accepts again.  Calls wait.  */
static void
test_queue_full (void **state) {
  struct busy b;
  struct peer p;

  (void) state;
  busy_begin (&b);
  kit_call (b.ctx, "a", "FIRST");
  kit_call (b.ctx, "b", "SECOND");
  kit_settle ();
  kit_expect ("");
  for (size_t i = 0; i < b.n; i++)
    close (accept (b.listener, NULL, NULL));
  peer_accept (&p, b.listener);
  peer_hears_nothing (&p);
  peer_say (&p, "OK\n");
  peer_answers (&p, "FIRST\n", "OK\n");
  kit_exchange (&p, "SECOND\n", "OK\n", "ready\na.done 0\nb.done 0\n");
  kit_close (b.ctx, &p);
  busy_end (&b);
}

/* No server accepts in time.  */
static void
time_out (const char *address, int listener) {
  int fds[20];
  size_t n = fill_listener (listener, fds, N_ELEMENTS (fds));
  assuan_context_t ctx;

  kit_config.connect_timeout_ms = 30;
  ctx = kit_dial (address);
  kit_call (ctx, "a", "FIRST");
  kit_await ("a.done TIMEOUT\nclosed TIMEOUT\n");
  assert_error (eva_call (ctx, "NOP", NULL, NULL, NULL), "EPIPE");
  assuan_release (ctx);
  close_all (fds, n);
}

static void
test_connect_timeout (void **state) {
  const char *address = kit_format ("unix:%s", tmpdir_path ("s"));
  int listener = peer_listen (address, 0, NULL);
  unsigned int port;

  (void) state;
  time_out (address, listener);
  close (listener);
  listener = peer_listen ("tcp:127.0.0.1", 0, &port);
  time_out (kit_format ("tcp:127.0.0.1:%u", port), listener);
  close (listener);
}

/* The listener goes away while a client waits before it.  */
static void
test_listener_leaves (void **state) {
  struct busy b;

  (void) state;
  busy_begin (&b);
  kit_settle ();
  close (b.listener);
  b.listener = -1;
  kit_await ("closed ASS_CONNECT_FAILED\n");
  assuan_release (b.ctx);
  busy_end (&b);
}

/* Given up while dialling: nothing is told, nothing is left.  */
static void
test_release_while_dialling (void **state) {
  struct busy b;

  (void) state;
  busy_begin (&b);
  kit_call (b.ctx, "a", "NOP");
  kit_settle ();
  kit_expect ("");
  assuan_release (b.ctx);
  kit_expect ("a.done CANCELED\n");
  kit_settle ();
  busy_end (&b);
}

static void
test_close_while_dialling (void **state) {
  struct busy b;

  (void) state;
  busy_begin (&b);
  kit_call (b.ctx, "a", "NOP");
  eva_close (b.ctx);
  eva_close (b.ctx);
  assert_error (eva_call (b.ctx, "NOP", NULL, NULL, NULL), "EPIPE");
  kit_await ("a.done CANCELED\nclosed CANCELED\n");
  assuan_release (b.ctx);
  busy_end (&b);
}

/* What is asked of a context that has no connection yet has an answer.  */
static void
test_questions_while_dialling (void **state) {
  struct busy b;
  struct eva_limits limits = { .high_water_len = 1000 };

  (void) state;
  busy_begin (&b);
  assert_int_equal (eva_get_queued_len (b.ctx), 0);
  assert_int_equal (eva_get_fd (b.ctx, EVA_READABLE), ASSUAN_INVALID_FD);
  assert_int_equal (eva_get_events (b.ctx), 0);
  assert_error (eva_set_limits (b.ctx, &limits), "0");
  assert_error (eva_process (b.ctx, 0, eva_now ()), "NOT_SUPPORTED");
  assert_error (eva_attach (b.ctx, kit_loop.loop, NULL, NULL), "ASS_INV_VALUE");
  eva_detach (b.ctx);
  assert_error (assuan_transact (b.ctx, "NOP", NULL, NULL, NULL, NULL, NULL, NULL),
                "NOT_SUPPORTED");
  kit_settle ();
  kit_expect ("");
  assuan_release (b.ctx);
  busy_end (&b);
}

/* --- The greeting ----------------------------------------------------------------------------- */

/* A server that says TEXT, and then nothing more, or LEAVES.  */
static void
greet (const char *text, bool leaves, const char *expected) {
  assuan_context_t ctx;
  struct peer p;

  ctx = kit_dial_peer (&p);
  kit_call (ctx, "a", "NOP");
  peer_hears_nothing (&p);
  peer_say (&p, text);
  if (leaves) peer_close (&p);
  kit_await (expected);
  kit_close (ctx, &p);
}

static void
test_wrong_greetings (void **state) {
  gpg_error_t refusal = gpg_err_make (GPG_ERR_SOURCE_USER_2, GPG_ERR_TOO_LARGE);
  char endless[2000];

  (void) state;
  memset (endless, 'x', sizeof endless);
  endless[1999] = 0;
  for (int leaves = 0; leaves < 2; leaves++) {
    greet (kit_format ("ERR %d no\n", GPG_ERR_USER_1), leaves, "a.done USER_1\nclosed USER_1\n");
    greet (kit_format ("ERR %u too many\n", refusal), leaves,
           "a.done TOO_LARGE\nclosed TOO_LARGE\n");
    greet ("ERR\n", leaves, "a.done ASS_CONNECT_FAILED\nclosed ASS_CONNECT_FAILED\n");
    greet ("SSH-2.0-OpenSSH\r\n", leaves, "a.done ASS_INV_RESPONSE\nclosed ASS_INV_RESPONSE\n");
    greet ("D\n", leaves, "a.done ASS_INV_RESPONSE\nclosed ASS_INV_RESPONSE\n");
    greet ("D data\n", leaves, "a.done ASS_CONNECT_FAILED\nclosed ASS_CONNECT_FAILED\n");
    greet ("END\n", leaves, "a.done ASS_CONNECT_FAILED\nclosed ASS_CONNECT_FAILED\n");
    greet ("S STATUS\n", leaves, "a.done ASS_CONNECT_FAILED\nclosed ASS_CONNECT_FAILED\n");
    greet ("INQUIRE X\n", leaves, "a.done ASS_CONNECT_FAILED\nclosed ASS_CONNECT_FAILED\n");
    greet (endless, leaves, "a.done ASS_LINE_TOO_LONG\nclosed ASS_LINE_TOO_LONG\n");
  }
}

static void
note_reason (assuan_context_t ctx, gpg_error_t err) {
  const char *reason = eva_get_reason (ctx);
  const char *why = reason ? strstr (reason, ": the server closed") : NULL; /* behind an address */

  (void) err;
  kit_note ("reason %s", why ? why + 2 : reason ? reason : "-");
}

/* What a server says when it refuses is there for closed and behind it.  */
static void
test_reason (void **state) {
  assuan_context_t ctx;
  struct peer p;

  (void) state;
  kit_on_closed = note_reason;
  greet (kit_format ("ERR %d no room - come back\n", GPG_ERR_USER_1), false,
         "a.done USER_1\nclosed USER_1\nreason no room - come back\n");
  greet (kit_format ("ERR %d\n", GPG_ERR_USER_1), true, "a.done USER_1\nclosed USER_1\nreason -\n");
  greet ("", true,
         "a.done EOF\nclosed EPIPE\nreason the server closed the connection without a greeting\n");
  ctx = kit_dial_peer (&p);
  kit_exchange (&p, NULL, kit_format ("ERR %d no\n", GPG_ERR_USER_1), "closed USER_1\nreason no\n");
  assert_string_equal (eva_get_reason (ctx), "no");
  kit_close (ctx, &p);
  assert_null (eva_get_reason (NULL));
}

static void
test_orderly (void **state) {
  (void) state;
  assert_true (eva_is_orderly (gpg_err_make (GPG_ERR_SOURCE_USER_1, GPG_ERR_EOF)));
  assert_true (eva_is_orderly (gpg_error (GPG_ERR_CANCELED)));
  assert_false (eva_is_orderly (gpg_error (GPG_ERR_EPIPE)));
  assert_false (eva_is_orderly (gpg_error (GPG_ERR_TIMEOUT)));
  assert_false (eva_is_orderly (gpg_error (GPG_ERR_ASS_CONNECT_FAILED)));
}

static void
test_no_greeting (void **state) {
  (void) state;
  greet ("", true, "a.done EOF\nclosed EPIPE\n");
  greet ("O", true, "a.done EOF\nclosed EPIPE\n");
  greet ("OK Pleased to", true, "a.done EOF\nclosed EPIPE\n");
  greet ("# not yet\n", true, "a.done EOF\nclosed EPIPE\n");
}

static void
test_greeting_timeout (void **state) {
  (void) state;
  kit_config.greeting_timeout_ms = 20;
  greet ("", false, "a.done TIMEOUT\nclosed TIMEOUT\n");
  greet ("OK never ends", false, "a.done TIMEOUT\nclosed TIMEOUT\n");
  greet ("# a comment\n\n", false, "a.done TIMEOUT\nclosed TIMEOUT\n");
}

/* Comments and empty lines before the greeting are no part of it.  */
static void
test_long_greeting (void **state) {
  assuan_context_t ctx;
  struct peer p;

  (void) state;
  ctx = kit_dial_peer (&p);
  peer_say (&p, "# Welcome\n\n#\nO");
  kit_settle ();
  kit_expect ("");
  kit_exchange (&p, NULL, "K\r\n", "ready\n");
  converse (ctx, &p);
  peer_close (&p);
}

/* Calls that were made first are sent when the server greeted, those of ready behind them.  */
static void
call_later (assuan_context_t ctx) {
  kit_call (ctx, "c", "THREE");
}

static void
test_calls_before_greeting (void **state) {
  assuan_context_t ctx;
  struct peer p;

  (void) state;
  kit_on_ready = call_later;
  ctx = kit_dial_peer (&p);
  kit_call (ctx, "a", "ONE");
  kit_call (ctx, "b", "TWO");
  peer_hears_nothing (&p);
  peer_say (&p, "OK\n");
  peer_answers (&p, "ONE\n", "OK 1\n");
  peer_answers (&p, "TWO\n", "OK 2\n");
  kit_exchange (&p, "THREE\n", "OK 3\n", "ready\na.done 0 1\nb.done 0 2\nc.done 0 3\n");
  kit_close (ctx, &p);
}

static const struct CMUnitTest tests[] = {
  kit_test (test_greeting_text),
  kit_test (test_unix),
  kit_test (test_abstract),
  kit_test (test_tcp),
  kit_test (test_fd),
  kit_test (test_no_config),
  kit_test (test_addresses),
  kit_test (test_nobody),
  kit_test (test_wrong_fds),
  kit_test (test_nobody_on_tcp),
  kit_test (test_queue_full),
  kit_test (test_connect_timeout),
  kit_test (test_listener_leaves),
  kit_test (test_release_while_dialling),
  kit_test (test_close_while_dialling),
  kit_test (test_questions_while_dialling),
  kit_test (test_wrong_greetings),
  kit_test (test_reason),
  kit_test (test_orderly),
  kit_test (test_no_greeting),
  kit_test (test_greeting_timeout),
  kit_test (test_long_greeting),
  kit_test (test_calls_before_greeting),
};

const struct suite connect_suite = { "connect", tests, N_ELEMENTS (tests) };
