/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-malloc.c - memory runs out: each scene again and again, with the 1st, the 2nd, ...
   allocation failing, alone or with all behind it.  Whatever comes of it, each call ends once,
   nothing hangs, and nothing is left behind.  */

#include "kit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "memory.h"

/* --- Memory ----------------------------------------------------------------------------------- */

static struct {
  bool armed; /* else nothing fails, and nothing counts */
  bool for_ever;
  bool failed;
  size_t fail_at;
  size_t n_allocs;
} memory;

bool
memory_is_short (void) {
  if (!memory.armed || !memory.fail_at) return false;
  memory.n_allocs++;
  if (memory.n_allocs < memory.fail_at) return false;
  if (memory.n_allocs > memory.fail_at && !memory.for_ever) return false;
  memory.failed = true;
  return true;
}

/* --- Callbacks, which need no memory ---------------------------------------------------------- */

#define MAX_CALLS 8

static struct call {
  bool is_made;
  unsigned int n_done;
  gpg_error_t err;
  struct eva_pending_call *call;
  bool gives_up;
} calls[MAX_CALLS];

static unsigned int n_closed;
static assuan_context_t ctx;

static void
on_closed (assuan_context_t c, void *arg, gpg_error_t err) {
  (void) arg;
  assert_ptr_equal (c, ctx);
  assert_true (err);
  n_closed++;
}

static gpg_error_t
on_data (void *arg, const void *buf, size_t len) {
  (void) arg;
  if (buf) assert_memory_equal (buf, "data", len);
  return 0;
}

static gpg_error_t
on_status (void *arg, const char *text) {
  (void) arg;
  assert_string_equal (text, "x");
  return 0;
}

static gpg_error_t
on_inquire (void *arg, struct eva_pending_call *call, const char *text) {
  static const char answer[3000];
  struct call *c = arg;
  gpg_error_t err;

  (void) text;
  if (c->gives_up) {
    eva_call_cancel (call);
    return 0;
  }
  err = eva_answer_data (call, answer, sizeof answer);
  if (!err) err = eva_answer_end (call);
  return err;
}

static void
on_done (void *arg, gpg_error_t err, const char *text) {
  struct call *c = arg;

  (void) text;
  c->n_done++;
  c->err = err;
}

static void
on_replied (void *arg, gpg_error_t err, const struct eva_reply *reply) {
  if (!err) {
    assert_string_equal (reply->data, "data");
    assert_int_equal (reply->n_status, 1);
    assert_string_equal (reply->status[0], "x");
  }
  on_done (arg, err, reply->text);
}

static void
on_writable (assuan_context_t c, void *arg) {
  (void) c;
  (void) arg;
}

static void
make_call (size_t i, const char *command, struct eva_callbacks cb) {
  struct call *c = &calls[i];

  cb.data = on_data;
  cb.status = on_status;
  cb.inquire = on_inquire;
  cb.done = on_done;
  c->is_made = !eva_call (ctx, command, &cb, c, &c->call);
}

static void
make_replied_call (size_t i, const char *command) {
  static const struct eva_callbacks cb = { .replied = on_replied };
  struct call *c = &calls[i];

  c->is_made = !eva_call (ctx, command, &cb, c, &c->call);
}

/* --- The server ------------------------------------------------------------------------------- */

static int peer_fd;

static void
say (const char *text) {
  (void) !send (peer_fd, text, strlen (text), MSG_NOSIGNAL);
}

static void
answer (const char *line) {
  if (!strcmp (line, "ASK"))
    say ("S x\nINQUIRE k\n");
  else if (!strcmp (line, "CAN"))
    say ("ERR 99 no\n");
  else if (!strncmp (line, "D ", 2) || !strcmp (line, "BYE"))
    ;
  else
    say ("S x\n# y\nD data\nOK text\n");
}

/* Answers what came, and closes the descriptors that did.  */
static void
take_requests (void) {
  static char buf[20000];
  static size_t len;
  union {
    struct cmsghdr align;
    char octets[CMSG_SPACE (16 * sizeof (int))];
  } control;
  struct iovec iov = { .iov_base = buf + len, .iov_len = sizeof buf - len };
  struct msghdr msg = {
    .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
  };
  ssize_t n = recvmsg (peer_fd, &msg, MSG_DONTWAIT);
  char *start = buf, *end;
  int fd;

  if (n <= 0) return;
  for (struct cmsghdr *c = CMSG_FIRSTHDR (&msg); c; c = CMSG_NXTHDR (&msg, c))
    for (size_t i = 0; i < (c->cmsg_len - CMSG_LEN (0)) / sizeof fd; i++) {
      memcpy (&fd, CMSG_DATA (c) + i * sizeof fd, sizeof fd);
      close (fd);
    }
  len += (size_t) n;
  while ((end = memchr (start, '\n', len - (size_t) (start - buf)))) {
    *end = 0;
    answer (start);
    start = end + 1;
  }
  len -= (size_t) (start - buf);
  memmove (buf, start, len);
}

/* --- Scenes ----------------------------------------------------------------------------------- */

static struct test_loop loop;

static void
turn (void) {
  for (int i = 0; i < 60; i++) {
    memory.armed = true;
    test_loop_turn (&loop, false);
    memory.armed = false;
    if (peer_fd >= 0) take_requests ();
  }
}

static void
make_pair (int fd[2]) {
  assert_int_equal (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
}

/* Connects to ADDRESS.  Returns false if that failed, as it may for want of memory.  */
static bool
connect_to (const char *address) {
  static const struct eva_connect_config config = { .flags = EVA_CONNECT_FDPASSING,
                                                    .closed = on_closed };
  gpg_error_t err;

  memory.armed = true;
  err = eva_connect (loop.loop, address, &config, &ctx);
  memory.armed = false;
  if (err) assert_int_equal (gpg_err_code (err), GPG_ERR_ENOMEM);
  return !err;
}

static void
release (void) {
  memory.armed = true;
  assuan_release (ctx);
  memory.armed = false;
}

/* Calls of all kinds: with a descriptor, ahead, with an inquiry, with a limit, collected,
   wrong.  */
static void
make_calls (bool has_fd) {
  memory.armed = true;
  make_call (0, "ONE", (struct eva_callbacks) { .has_fd = has_fd, .fd = 0 });
  make_call (1, "TWO", (struct eva_callbacks) { .flags = EVA_CALL_AHEAD });
  make_call (2, "THREE",
             (struct eva_callbacks) { .flags = EVA_CALL_AHEAD, .has_fd = has_fd, .fd = 0 });
  make_call (3, "ASK", (struct eva_callbacks) { .timeout_ms = 1000000 });
  calls[4].gives_up = true;
  make_call (4, "ASK", (struct eva_callbacks) { 0 });
  make_call (5, "FIVE", (struct eva_callbacks) { 0 });
  make_replied_call (6, "SIX");
  make_call (7, "", (struct eva_callbacks) { .flags = EVA_CALL_LATE_ERRORS });
  eva_set_writable (ctx, on_writable, NULL);
  memory.armed = false;
}

static void
converse (void) {
  make_calls (true);
  turn ();
  memory.armed = true;
  if (calls[5].is_made && !calls[5].n_done) eva_call_cancel (calls[5].call);
  eva_close (ctx);
  memory.armed = false;
  turn ();
  assert_int_equal (n_closed, 1);
  release ();
}

static void
scene_fd (void) {
  int fd[2];

  make_pair (fd);
  peer_fd = fd[1];
  say ("# hi\nOK ready\n");
  if (connect_to (kit_format ("fd:%d", fd[0])))
    converse ();
  else
    close (fd[0]);
  close (peer_fd);
}

static void
scene_unix (void) {
  int listener = peer_listen (kit_format ("unix:@evac-malloc-%d", (int) getpid ()), 0, NULL);

  peer_fd = -1;
  if (connect_to (kit_format ("unix:@evac-malloc-%d", (int) getpid ()))) {
    peer_fd = accept (listener, NULL, NULL);
    assert_true (peer_fd >= 0);
    say ("OK ready\n");
    converse ();
    close (peer_fd);
  }
  close (listener);
}

/* The queue is full: it is dialled again.  */
static void
scene_busy (void) {
  const char *address = kit_format ("unix:@evac-malloc-%d", (int) getpid ());
  int listener = peer_listen (address, 0, NULL);
  struct eva_connect_config config = { .closed = on_closed };
  assuan_context_t other = NULL;

  peer_fd = -1;
  assert_int_equal (eva_connect (loop.loop, address, NULL, &other), 0);
  memory.armed = true;
  ctx = NULL;
  if (!eva_connect (loop.loop, address, &config, &ctx)) {
    make_calls (false);
    turn ();
    release ();
  }
  assuan_release (other);
  close (listener);
}

/* The server comes up later.  */
static void
scene_retry (void) {
  const char *address = kit_format ("unix:@evac-malloc-%d", (int) getpid ());
  struct eva_connect_config config = { .closed = on_closed, .retry_ms = 1000000 };
  int listener;

  peer_fd = -1;
  memory.armed = true;
  ctx = NULL;
  if (eva_connect (loop.loop, address, &config, &ctx)) ctx = NULL;
  memory.armed = false;
  if (!ctx) return;
  make_calls (false);
  turn ();
  listener = peer_listen (address, 5, NULL);
  for (int i = 0; i < 10000 && peer_fd < 0 && !n_closed; i++) {
    turn ();
    peer_fd = accept (listener, NULL, NULL);
    usleep (1000);
  }
  /* The first one leaves.  */
  if (peer_fd >= 0) close (peer_fd);
  peer_fd = -1;
  for (int i = 0; i < 10000 && peer_fd < 0 && !n_closed; i++) {
    turn ();
    peer_fd = accept (listener, NULL, NULL);
    usleep (1000);
  }
  close (listener);
  say ("OK ready\n");
  turn ();
  release ();
  if (peer_fd >= 0) close (peer_fd);
}

/* No server listens, and the command that starts it fails.  */
static void
scene_launch (void) {
  static const char *const command[] = { "false", NULL };
  static const char *const environment[] = { "A=B", NULL };
  char address[] = "unix:/tmp/evac-malloc-0123456789";
  struct eva_connect_config config = { .closed = on_closed,
                                       .retry_ms = 1000000,
                                       .start_argv = command,
                                       .environment = environment,
                                       .directory = "/" };

  peer_fd = -1;
  snprintf (address, sizeof address, "unix:/tmp/evac-malloc-%d", (int) getpid ());
  memory.armed = true;
  ctx = NULL;
  if (eva_connect (loop.loop, address, &config, &ctx)) ctx = NULL;
  memory.armed = false;
  if (!ctx) return;
  make_calls (false);
  for (int i = 0; i < 10000 && !n_closed; i++) {
    turn ();
    usleep (100);
  }
  assert_int_equal (n_closed, 1);
  release ();
}

/* What fails at once is told whole, or not at all.  */
static void
expect_failure (const char *address, const char *sentence) {
  struct eva_connect_config config = { .closed = on_closed };
  const char *failure;

  memory.armed = true;
  ctx = NULL;
  assert_int_not_equal (eva_connect (loop.loop, address, &config, &ctx), 0);
  memory.armed = false;
  assert_null (ctx);
  failure = eva_loop_get_failure (loop.loop);
  if (!memory.failed) assert_non_null (failure);
  if (failure && !memory.failed) assert_string_equal (failure, sentence);
  if (failure) assert_memory_equal (failure, "cannot connect to ", 18);
}

static void
scene_failure (void) {
  static const struct eva_service service;
  eva_server *server;

  peer_fd = -1;
  expect_failure ("unix:/nonexistent/S",
                  "cannot connect to unix:/nonexistent/S: there is no directory /nonexistent");
  expect_failure ("exec:/nonexistent/x y",
                  "cannot connect to exec:/nonexistent/x y: there is no directory /nonexistent");
  assert_int_equal (eva_server_new (loop.loop, &service, NULL, &server), 0);
  memory.armed = true;
  assert_int_not_equal (eva_server_listen (server, "unix:S", 0), 0);
  memory.armed = false;
  eva_server_free (server);
}

static void
scene_program (void) {
  peer_fd = -1;
  if (!connect_to ("exec:cat /dev/null")) return;
  make_calls (true);
  for (int i = 0; i < 10000 && !n_closed; i++) {
    turn ();
    usleep (100);
  }
  assert_int_equal (n_closed, 1);
  release ();
}

static void
release_attached (void) {
  memory.armed = true;
  make_call (0, "ONE", (struct eva_callbacks) { .has_fd = false });
  make_call (1, "ASK", (struct eva_callbacks) { .flags = 0 });
  memory.armed = false;
  turn ();
  release ();
}

static void
on_over (assuan_context_t c, void *arg, gpg_error_t err) {
  on_closed (c, arg, err);
}

/* A client of assuan.h that is given to a loop.  */
static void
scene_attached (void) {
  gpg_error_t err;
  int fd[2];

  make_pair (fd);
  peer_fd = fd[1];
  say ("OK ready\n");
  assert_int_equal (assuan_new (&ctx), 0);
  assert_int_equal (assuan_socket_connect_fd (ctx, fd[0], 0), 0);
  memory.armed = true;
  err = eva_attach (ctx, loop.loop, on_over, NULL);
  memory.armed = false;
  if (err) assert_int_equal (gpg_err_code (err), GPG_ERR_ENOMEM);
  if (err)
    release ();
  else
    release_attached ();
  close (peer_fd);
}

/* --- Playing them ----------------------------------------------------------------------------- */

static void
reap (void) {
  for (int i = 0; i < 10000; i++) {
    siginfo_t info;
    if (waitid (P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT)) return;
    turn ();
    usleep (100);
  }
  /* The loop had no memory to look after it.  */
  while (waitpid (-1, NULL, 0) > 0) {}
}

/* Plays SCENE with memory as it is set.  */
static void
play_once (void (*scene) (void)) {
  unsigned int n_fds = fds_count ();

  memset (calls, 0, sizeof calls);
  n_closed = 0;
  ctx = NULL;
  test_loop_init (&loop);
  memory.n_allocs = 0;
  memory.failed = false;
  scene ();
  memory.armed = false;
  peer_fd = -1;
  reap ();
  turn ();
  assert_true (n_closed <= 1);
  for (size_t i = 0; i < MAX_CALLS; i++)
    assert_int_equal (calls[i].n_done, calls[i].is_made);
  test_loop_deinit (&loop);
  assert_int_equal (fds_count (), n_fds);
}

static void
play (void (*scene) (void)) {
  size_t n_live;

  memory.fail_at = 0;
  play_once (scene);
  n_live = memory_n_live;
  for (int for_ever = 0; for_ever < 2; for_ever++) {
    memory.for_ever = for_ever;
    memory.fail_at = 0;
    do {
      memory.fail_at++;
      play_once (scene);
      assert_int_equal (memory_n_live, n_live);
      assert_true (memory.fail_at < 1000);
    } while (memory.failed);
    assert_true (memory.fail_at > 5);
  }
}

static void
test_fd (void **state) {
  (void) state;
  play (scene_fd);
}

static void
test_unix (void **state) {
  (void) state;
  play (scene_unix);
}

static void
test_busy (void **state) {
  (void) state;
  play (scene_busy);
}

static void
test_retry (void **state) {
  (void) state;
  play (scene_retry);
}

static void
test_launch (void **state) {
  (void) state;
  play (scene_launch);
}

static void
test_failure (void **state) {
  (void) state;
  play (scene_failure);
}

static void
test_program (void **state) {
  (void) state;
  play (scene_program);
}

static void
test_attached (void **state) {
  (void) state;
  play (scene_attached);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_failure), cmocka_unit_test (test_fd),
    cmocka_unit_test (test_unix),    cmocka_unit_test (test_busy),
    cmocka_unit_test (test_program), cmocka_unit_test (test_attached),
    cmocka_unit_test (test_retry),   cmocka_unit_test (test_launch),
  };

  signal (SIGPIPE, SIG_DFL);
  alarm (1500);
  return cmocka_run_group_tests_name ("malloc", tests, NULL, NULL);
}
