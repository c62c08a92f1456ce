/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite-hand-limits.c - what contexts that are driven by hand do in time, and what they refuse.  */

#include "hand.h"

#include <sys/socket.h>
#include <unistd.h>

#define NS_PER_MS UINT64_C (1000000)

/* --- Time ------------------------------------------------------------------------------------- */

/* A moment that has nothing to do with the real time.  */
#define EPOCH UINT64_C (1000000000000000000)

static assuan_context_t
serve_with (struct hand *h, struct peer *p, const struct eva_limits *limits) {
  assuan_context_t ctx = hand_new_server (p, 0);

  assert_error (eva_set_nonblocking (ctx), "0");
  assert_error (eva_set_limits (ctx, limits), "0");
  hand_drive (h, ctx);
  hand_now_ns = EPOCH;
  peer_hears_hello (p);
  assert_true (eva_get_deadline (ctx) > EPOCH);
  return ctx;
}

/* To the nanosecond.  */
static void
test_line_timeout (void **state) {
  const struct eva_limits limits = { .line_timeout_ms = 100 };
  assuan_context_t ctx;
  gpg_error_t err;
  struct hand h;
  struct peer p;

  (void) state;
  ctx = serve_with (&h, &p, &limits);
  assert_true (eva_get_deadline (ctx) == EVA_NO_DEADLINE);
  peer_say (&p, "ECHO hel");
  hand_settle (&h);
  assert_true (eva_get_deadline (ctx) == EPOCH + 100 * NS_PER_MS);
  hand_now_ns = EPOCH + 50 * NS_PER_MS;
  peer_say (&p, "lo"); /* does not help */
  hand_settle (&h);
  assert_true (eva_get_deadline (ctx) == EPOCH + 100 * NS_PER_MS);
  hand_now_ns = EPOCH + 100 * NS_PER_MS - 1;
  assert_error (eva_process (ctx, 0, hand_now_ns), "0");
  peer_say (&p, "\nECHO x"); /* a new one */
  hand_settle (&h);
  assert_true (eva_get_deadline (ctx) == EPOCH + 200 * NS_PER_MS - 1);
  hand_now_ns = EPOCH + 200 * NS_PER_MS - 1;
  hand_settle (&h);
  assert_error (h.err, "TIMEOUT");
  kit_expect ("ECHO hello\n");
  err = gpg_err_make (GPG_ERR_SOURCE_USER_1, GPG_ERR_TIMEOUT); /* the default source */
  peer_hears (&p, kit_format ("D hello\nOK\nERR %u %s <%s> - [closing connection]\n", err,
                              gpg_strerror (err), gpg_strsource (err)));
  hand_end (ctx, &p);
}

static void
test_idle_timeout (void **state) {
  const struct eva_limits limits = { .idle_timeout_ms = 1000 };
  assuan_context_t ctx;
  struct hand h;
  struct peer p;

  (void) state;
  ctx = serve_with (&h, &p, &limits);
  assert_true (eva_get_deadline (ctx) == EPOCH + 1000 * NS_PER_MS);
  hand_now_ns += 900 * NS_PER_MS;
  peer_say (&p, "LATER\n");
  hand_settle (&h);
  assert_true (eva_get_deadline (ctx) == EVA_NO_DEADLINE);
  hand_now_ns += 9000 * NS_PER_MS;
  hand_settle (&h);
  assert_error (assuan_process_done (ctx, 0), "0");
  hand_settle (&h);
  assert_true (eva_get_deadline (ctx) == hand_now_ns + 1000 * NS_PER_MS);
  hand_now_ns += 1000 * NS_PER_MS;
  hand_settle (&h);
  assert_error (h.err, "TIMEOUT");
  kit_expect ("LATER \n");
  hand_end (ctx, &p);
}

static uint64_t worked_until_ns;

static gpg_error_t
cmd_work (assuan_context_t ctx, char *line) {
  (void) ctx;
  (void) line;
  usleep (30000);
  worked_until_ns = eva_now ();
  return 0;
}

/* A client is not idle while its command works, though the turn has begun before that.  */
static void
test_idle_after_work (void **state) {
  const struct eva_limits limits = { .idle_timeout_ms = 20 };
  assuan_context_t ctx;
  struct hand h;
  struct peer p;

  (void) state;
  ctx = hand_serve (&h, &p);
  assert_error (eva_set_limits (ctx, &limits), "0");
  assert_error (assuan_register_command (ctx, "WORK", cmd_work, NULL), "0");
  peer_say (&p, "WORK\n");
  peer_hears (&p, "OK\n");
  assert_true (eva_get_deadline (ctx) >= worked_until_ns + 20 * NS_PER_MS);
  hand_end (ctx, &p);
}

static void
test_command_timeout (void **state) {
  const struct eva_limits limits = { .command_timeout_ms = 10 };
  assuan_context_t ctx;
  struct hand h;
  struct peer p;

  (void) state;
  ctx = serve_with (&h, &p, &limits);
  peer_say (&p, "LATER\n");
  hand_settle (&h);
  kit_expect ("LATER \n");
  assert_true (eva_get_deadline (ctx) == EPOCH + 10 * NS_PER_MS);
  hand_now_ns += 10 * NS_PER_MS;
  hand_settle (&h);
  kit_expect ("cancel TIMEOUT\n");
  peer_say (&p, "ECHO x\n");
  hand_settle (&h);
  assert_error (h.err, "0");
  kit_expect ("ECHO x\n");
  hand_end (ctx, &p);
}

/* --- What waits for a command in assuan_process_next ------------------------------------------ */

static gpg_error_t
cmd_pending (assuan_context_t ctx, char *line) {
  (void) ctx;
  (void) line;
  return 0;
}

/* A command is pending, and the peer says LEN octets of lines, as far as CTX takes them.  Returns
   what assuan_process_next does.  */
static gpg_error_t
say_ahead (assuan_context_t ctx, struct peer *p, size_t len, int *ret_done) {
  static const char line[100] = "NOP of some length";
  gpg_error_t err = assuan_process_next (ctx, ret_done);

  for (size_t n = 0; n < len && !err; n += sizeof line) {
    peer_write (p, line, len - n < sizeof line ? len - n : sizeof line);
    err = assuan_process_next (ctx, ret_done);
  }
  return err;
}

static void
test_ahead_limit (void **state) {
  static const struct {
    size_t set, max;
  } cases[] = {
    { 0, EVA_DEFAULT_MAX_AHEAD_LEN },
    { 1, 16384 },
    { 40000, 40000 },
    { 3000000, 3000000 },
  };

  (void) state;
  for (size_t i = 0; i < N_ELEMENTS (cases); i++)
    for (int late = 0; late < 2; late++) {
      struct peer p;
      assuan_context_t ctx = hand_new_server (&p, 0);
      int done = 0;

      assert_error (assuan_register_command (ctx, "PENDING", cmd_pending, NULL), "0");
      if (!late) assert_error (eva_set_max_ahead_len (ctx, cases[i].set), "0");
      peer_say (&p, "PENDING\n");
      assert_error (assuan_process_next (ctx, &done), "0");
      if (late) assert_error (eva_set_max_ahead_len (ctx, cases[i].set), "0");
      assert_error (say_ahead (ctx, &p, cases[i].max, &done), "0");
      assert_false (done);
      assert_error (say_ahead (ctx, &p, 1, &done), "TOO_LARGE");
      assert_true (done);
      assert_error (assuan_process_done (ctx, 0), "0");
      hand_end (ctx, &p);
    }
}

static void
test_ahead_limit_misuse (void **state) {
  assuan_context_t ctx;
  struct hand h;
  struct peer p;

  (void) state;
  assert_error (eva_set_max_ahead_len (NULL, 0), "ASS_INV_VALUE");
  ctx = hand_serve (&h, &p);
  assert_error (eva_set_max_ahead_len (ctx, 0), "NOT_SUPPORTED");
  hand_end (ctx, &p);
}

/* --- Misuse ----------------------------------------------------------------------------------- */

static void
test_what_waits (void **state) {
  assuan_context_t ctx;
  struct hand h;
  struct peer p;
  char *line;
  size_t len;
  int int_len;

  (void) state;
  ctx = hand_serve (&h, &p);
  peer_say (&p, "WAIT\n");
  peer_hears (&p, "OK\n");
  kit_expect ("inquire NOT_SUPPORTED\nread NOT_SUPPORTED\nprocess NOT_SUPPORTED\n");
  assert_error (assuan_process (ctx), "NOT_SUPPORTED");
  hand_end (ctx, &p);
  ctx = hand_connect (&h, &p);
  assert_error (assuan_transact (ctx, "NOP", NULL, NULL, NULL, NULL, NULL, NULL), "NOT_SUPPORTED");
  assert_error (assuan_client_read_response (ctx, &line, &int_len), "NOT_SUPPORTED");
  assert_error (assuan_read_line (ctx, &line, &len), "NOT_SUPPORTED");
  peer_hears_nothing (&p);
  kit_call (ctx, "a", "A");
  kit_exchange (&p, "A\n", "OK\n", "a.done 0\n");
  hand_end (ctx, &p);
}

static void
test_nested (void **state) {
  assuan_context_t ctx;
  struct hand h;
  struct peer p;

  (void) state;
  ctx = hand_serve (&h, &p);
  peer_say (&p, "NEST\n");
  peer_hears (&p, "OK\n");
  kit_expect ("NEST ASS_NESTED_COMMANDS\n");
  hand_end (ctx, &p);
}

static ssize_t
foreign_read (assuan_context_t ctx, assuan_fd_t fd, void *buffer, size_t size) {
  return __assuan_read (ctx, fd, buffer, size);
}

static void
test_foreign_hooks (void **state) {
  struct assuan_system_hooks hooks = { .version = ASSUAN_SYSTEM_HOOKS_VERSION,
                                       .read = foreign_read };
  assuan_context_t ctx;
  struct peer p;
  int fd[2];

  (void) state;
  hooks.usleep = __assuan_usleep;
  hooks.pipe = __assuan_pipe;
  hooks.close = __assuan_close;
  hooks.write = __assuan_write;
  hooks.recvmsg = __assuan_recvmsg;
  hooks.sendmsg = __assuan_sendmsg;
  hooks.spawn = __assuan_spawn;
  hooks.waitpid = __assuan_waitpid;
  hooks.socketpair = __assuan_socketpair;
  hooks.socket = __assuan_socket;
  hooks.connect = __assuan_connect;
  assert_int_equal (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
  peer_init (&p, fd[1]);
  assert_error (assuan_new (&ctx), "0");
  assuan_ctx_set_system_hooks (ctx, &hooks);
  assert_error (assuan_init_socket_server (ctx, fd[0], ASSUAN_SOCKET_SERVER_ACCEPTED), "0");
  assert_error (eva_set_nonblocking (ctx), "NOT_SUPPORTED");
  assert_error (eva_attach (ctx, kit_loop.loop, NULL, NULL), "NOT_SUPPORTED");
  assert_error (eva_process (ctx, 0, eva_now ()), "NOT_SUPPORTED");
  assert_error (assuan_accept (ctx), "0"); /* it works as ever */
  peer_take (&p);
  assert_true (p.in.len > 0);
  assuan_release (ctx);
  peer_close (&p);
}

static void
test_misuse (void **state) {
  struct eva_limits limits = { .high_water_len = 1 };
  assuan_context_t ctx;
  struct peer p;

  (void) state;
  assert_error (eva_set_nonblocking (NULL), "ASS_INV_VALUE");
  assert_error (eva_process (NULL, 0, 0), "NOT_SUPPORTED");
  assert_error (eva_attach (NULL, kit_loop.loop, NULL, NULL), "ASS_INV_VALUE");
  assert_int_equal (eva_get_fd (NULL, EVA_READABLE), ASSUAN_INVALID_FD);
  assert_int_equal (eva_get_events (NULL), 0);
  assert_true (eva_get_deadline (NULL) == EVA_NO_DEADLINE);
  eva_detach (NULL);
  eva_close (NULL);
  assert_error (assuan_new (&ctx), "0");
  assert_error (eva_set_nonblocking (ctx), "ASS_INV_VALUE");
  assert_error (eva_process (ctx, 0, 0), "NOT_SUPPORTED");
  assert_error (eva_set_limits (ctx, &limits), "NOT_SUPPORTED");
  assert_int_equal (eva_get_fd (ctx, EVA_READABLE), ASSUAN_INVALID_FD);
  eva_close (ctx);
  assuan_release (ctx);
  ctx = hand_new_server (&p, 0);
  assert_error (eva_process (ctx, 0, 0), "NOT_SUPPORTED");
  assert_error (eva_set_writable (ctx, NULL, NULL), "NOT_SUPPORTED");
  assert_error (eva_set_nonblocking (ctx), "0");
  assert_error (eva_set_nonblocking (ctx), "0");
  assert_error (eva_set_limits (ctx, NULL), "ASS_INV_VALUE");
  assert_error (eva_call (ctx, "NOP", NULL, NULL, NULL), "NOT_SUPPORTED");
  hand_end (ctx, &p);
}

static const struct CMUnitTest tests[] = {
  kit_test (test_line_timeout),       kit_test (test_idle_timeout), kit_test (test_command_timeout),
  kit_test (test_idle_after_work),    kit_test (test_what_waits),   kit_test (test_nested),
  kit_test (test_foreign_hooks),      kit_test (test_misuse),       kit_test (test_ahead_limit),
  kit_test (test_ahead_limit_misuse),
};

const struct suite hand_limits_suite = { "hand-limits", tests, N_ELEMENTS (tests) };
