/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite-start.c - servers that are not there yet: clients try again for a time, and each of them
   ends at once when its program does not want it any more.  */

#include "kit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* Longer than any test takes.  */
#define LONG_MS 3600000u

static const char *
address (const char *name) {
  return kit_format ("unix:%s", tmpdir_path (name));
}

/* A client that waits for a server at ADDRESS.  */
static assuan_context_t
wait_for (const char *where) {
  assuan_context_t ctx;

  kit_config.retry_ms = LONG_MS;
  ctx = kit_dial (where);
  kit_call (ctx, "a", "NOP");
  kit_settle ();
  kit_expect ("");
  return ctx;
}

/* It comes in at LISTENER.  */
static void
get_in (assuan_context_t ctx, int listener) {
  struct peer p;

  peer_accept (&p, listener);
  peer_hears_nothing (&p);
  peer_say (&p, "OK\n");
  kit_exchange (&p, "NOP\n", "OK\n", "ready\na.done 0\n");
  kit_close (ctx, &p);
  close (listener);
}

/* Turns for some milliseconds, in which a client that did not wait for its pause would have
   failed.  */
static void
note_time (void *arg) {
  *(bool *) arg = true;
}

static void
let_pass (unsigned int ms) {
  bool is_time = false;
  eva_source *timer = eva_loop_add_timer (kit_loop.loop, ms, note_time, &is_time);

  assert_non_null (timer);
  kit_until (&is_time);
  eva_source_free (timer);
  kit_expect ("");
}

/* --- They come up ----------------------------------------------------------------------------- */

static void
test_no_socket_yet (void **state) {
  assuan_context_t ctx = wait_for (address ("s"));

  (void) state;
  let_pass (50);
  get_in (ctx, peer_listen (address ("s"), 5, NULL));
}

static void
test_no_directory_yet (void **state) {
  assuan_context_t ctx = wait_for (address ("dir/s"));

  (void) state;
  assert_int_equal (mkdir (tmpdir_path ("dir"), 0700), 0);
  get_in (ctx, peer_listen (address ("dir/s"), 5, NULL));
  assert_int_equal (unlink (tmpdir_path ("dir/s")), 0);
  assert_int_equal (rmdir (tmpdir_path ("dir")), 0);
}

static void
test_abstract (void **state) {
  const char *name = kit_format ("unix:@evac-start-%d", (int) getpid ());
  assuan_context_t ctx = wait_for (name);

  (void) state;
  get_in (ctx, peer_listen (name, 5, NULL));
}

/* A path that is too long for a socket: the server makes a file that leads to its socket.  */
static const char *
long_path (void) {
  char name[130];

  memset (name, 'x', 120);
  name[120] = 0;
  return tmpdir_path (name);
}

static void
test_long_path (void **state) {
  const char *path = long_path (), *aside = tmpdir_path ("aside");
  assuan_context_t ctx = wait_for (kit_format ("unix:%s", path));
  int listener;
  FILE *fp;

  (void) state;
  let_pass (30);
  listener = peer_listen (address ("s"), 5, NULL);
  fp = fopen (aside, "we");
  fprintf (fp, "%%Assuan%%\nsocket=%s\n", tmpdir_path ("s"));
  fclose (fp);
  assert_int_equal (rename (aside, path), 0);
  get_in (ctx, listener);
  unlink (path);
}

/* The command that starts it runs, here to fail.  */
static void
test_long_path_started (void **state) {
  static const char *const command[] = { "false", NULL };
  assuan_context_t ctx;

  (void) state;
  kit_config.start_argv = command;
  ctx = kit_dial (kit_format ("unix:%s", long_path ()));
  kit_await ("closed ASS_SERVER_START\n");
  assuan_release (ctx);
  kit_await_reaping ();
}

/* The socket of a server that was killed is there, and nothing listens.  */
static void
test_stale (void **state) {
  assuan_context_t ctx;

  (void) state;
  close (peer_listen (address ("s"), 5, NULL));
  ctx = wait_for (address ("s"));
  let_pass (30);
  assert_int_equal (unlink (tmpdir_path ("s")), 0);
  get_in (ctx, peer_listen (address ("s"), 5, NULL));
}

/* A file that redirects comes up like a socket.  */
static void
test_redirected (void **state) {
  assuan_context_t ctx = wait_for (address ("r"));
  const char *text = kit_format ("%%Assuan%%\nsocket=%s\n", tmpdir_path ("s"));
  int fd = open (tmpdir_path ("new"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

  (void) state;
  assert_true (fd >= 0);
  assert_int_equal (write (fd, text, strlen (text)), strlen (text));
  close (fd);
  assert_int_equal (rename (tmpdir_path ("new"), tmpdir_path ("r")), 0);
  let_pass (30);
  get_in (ctx, peer_listen (address ("s"), 5, NULL));
}

/* A port that is taken, but not listened on, refuses.  */
static void
test_port (void **state) {
  struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  socklen_t len = sizeof addr;
  assuan_context_t ctx;

  (void) state;
  assert_true (fd >= 0);
  assert_int_equal (bind (fd, (struct sockaddr *) &addr, sizeof addr), 0);
  assert_int_equal (getsockname (fd, (struct sockaddr *) &addr, &len), 0);
  ctx = wait_for (kit_format ("tcp:127.0.0.1:%u", ntohs (addr.sin_port)));
  let_pass (50);
  assert_int_equal (listen (fd, 5), 0);
  get_in (ctx, fd);
}

/* A try takes connect_timeout_ms, and then there is another one.  */
static void
test_queue_full (void **state) {
  int listener = peer_listen (address ("s"), 0, NULL);
  assuan_context_t other;
  struct peer p;

  (void) state;
  other = kit_dial (address ("s"));
  kit_config.connect_timeout_ms = 10;
  {
    assuan_context_t ctx = wait_for (address ("s"));
    let_pass (50);
    peer_accept (&p, listener);
    assuan_release (other);
    peer_close (&p);
    get_in (ctx, listener);
  }
}

/* Servers that leave before they greet were about to end.  Calls wait for one that stays, and one
   that was in service is not dialled again.  */
static void
test_leaves (void **state) {
  static const char *const lasts[] = { "", "OK never en", "# a comment\n" };
  int listener = peer_listen (address ("s"), 5, NULL);
  assuan_context_t ctx = wait_for (address ("s"));
  struct peer p;

  (void) state;
  for (size_t i = 0; i < N_ELEMENTS (lasts); i++) {
    peer_accept (&p, listener);
    peer_say (&p, lasts[i]);
    peer_hears_nothing (&p);
    if (i)
      peer_close (&p);
    else
      peer_reset (&p);
    kit_settle ();
    kit_expect ("");
  }
  peer_accept (&p, listener);
  kit_exchange (&p, NULL, "OK\n", "ready\n");
  kit_exchange (&p, "NOP\n", "OK\n", "a.done 0\n");
  kit_call (ctx, "b", "NOP");
  peer_hears (&p, "NOP\n");
  peer_close (&p);
  kit_await ("b.done EOF\nclosed EPIPE\n");
  assuan_release (ctx);
  close (listener);
}

/* One that refuses has said so.  */
static void
test_refuses (void **state) {
  int listener = peer_listen (address ("s"), 5, NULL);
  assuan_context_t ctx = wait_for (address ("s"));
  struct peer p;

  (void) state;
  peer_accept (&p, listener);
  peer_say (&p, kit_format ("ERR %d no\n", GPG_ERR_USER_1));
  peer_close (&p);
  kit_await ("a.done USER_1\nclosed USER_1\n");
  assuan_release (ctx);
  close (listener);
}

/* Closed and released before the next try.  */
static void
test_end_after_leaving (void **state) {
  int listener = peer_listen (address ("s"), 5, NULL);
  assuan_context_t ctx;
  struct peer p;

  (void) state;
  for (int releases = 0; releases < 2; releases++) {
    ctx = wait_for (address ("s"));
    peer_accept (&p, listener);
    peer_close (&p);
    kit_settle ();
    if (!releases) eva_close (ctx);
    if (!releases) kit_await ("a.done CANCELED\nclosed CANCELED\n");
    assuan_release (ctx);
    if (releases) kit_expect ("a.done CANCELED\n");
  }
  close (listener);
}

/* --- They do not ------------------------------------------------------------------------------ */

static void
run_out (const char *where, const char *told) {
  assuan_context_t ctx;

  kit_config.flags |= EVA_CONNECT_LATE_ERRORS;
  kit_config.retry_ms = 30;
  ctx = kit_dial (where);
  kit_call (ctx, "a", "NOP");
  kit_await (told);
  assert_error (eva_call (ctx, "NOP", NULL, NULL, NULL), "EPIPE");
  assuan_release (ctx);
}

/* The last error counts.  */
static void
test_window_ends (void **state) {
  int listener;
  assuan_context_t other;

  (void) state;
  run_out (address ("s"), "a.done ASS_CONNECT_FAILED\nclosed ASS_CONNECT_FAILED\n");
  kit_config.connect_timeout_ms = 10;
  listener = peer_listen (address ("s"), 0, NULL);
  other = kit_dial (address ("s"));
  run_out (address ("s"), "a.done TIMEOUT\nclosed TIMEOUT\n");
  assuan_release (other);
  close (listener);
}

/* The last one to leave before it greets.  */
static void
test_window_ends_with_eof (void **state) {
  int listener = peer_listen (address ("s"), 5, NULL);
  unsigned int tries = 0;
  assuan_context_t ctx;

  (void) state;
  kit_config.retry_ms = 50;
  ctx = kit_dial (address ("s"));
  while (!kit_has_noted ("closed")) {
    int fd = accept (listener, NULL, NULL);
    if (fd >= 0) close (fd);
    kit_turn (&tries);
  }
  kit_expect ("closed EPIPE\n");
  assuan_release (ctx);
  close (listener);
}

/* What no server can mend ends it, at once or in between.  */
static void
test_other_errors (void **state) {
  assuan_context_t ctx = NULL;
  char name[120];
  int fd;

  (void) state;
  kit_config.retry_ms = LONG_MS;
  memset (name, 'x', sizeof name);
  name[0] = '/';
  name[sizeof name - 1] = 0;
  assert_error (eva_connect (kit_loop.loop, "fd:999", &kit_config, &ctx), "EBADF");
  assert_error (eva_connect (kit_loop.loop, "nonsense", &kit_config, &ctx), "INV_ARG");
  assert_error (eva_connect (kit_loop.loop, "exec:/none/x", &kit_config, &ctx), "ENOENT");
  assert_error (eva_connect (kit_loop.loop, name, &kit_config, &ctx), "ENAMETOOLONG");
  ctx = wait_for (address ("s"));
  fd = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  {
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    snprintf (addr.sun_path, sizeof addr.sun_path, "%s", tmpdir_path ("s"));
    assert_int_equal (bind (fd, (struct sockaddr *) &addr, sizeof addr), 0);
  }
  kit_await ("a.done ASS_CONNECT_FAILED\nclosed ASS_CONNECT_FAILED\n"); /* of another type */
  assuan_release (ctx);
  close (fd);
}

/* --- They are not wanted any more ------------------------------------------------------------- */

static void
test_release (void **state) {
  assuan_context_t ctx = wait_for (address ("s"));

  (void) state;
  assuan_release (ctx);
  kit_expect ("a.done CANCELED\n");
}

static void
test_close (void **state) {
  assuan_context_t ctx = wait_for (address ("s"));

  (void) state;
  eva_close (ctx);
  assert_error (eva_call (ctx, "NOP", NULL, NULL, NULL), "EPIPE");
  kit_await ("a.done CANCELED\nclosed CANCELED\n");
  assuan_release (ctx);
}

/* A call that is given up, or whose time is over, ends; the client goes on.  */
static void
test_calls_end (void **state) {
  assuan_context_t ctx = wait_for (address ("s"));
  struct rec like = { .name = "b", .cb.timeout_ms = 5 };
  struct rec *rec;

  (void) state;
  kit_call_like (ctx, &like, "SLOW");
  kit_await ("b.done TIMEOUT\n");
  rec = kit_call (ctx, "c", "UNWANTED");
  eva_call_cancel (rec->call);
  kit_expect ("c.done CANCELED\n");
  get_in (ctx, peer_listen (address ("s"), 5, NULL));
}

/* Released by the callback of a call whose time is over, between two tries.  */
static gpg_error_t
release_it (struct rec *rec, const char *what) {
  (void) what;
  assuan_release (rec->ctx);
  return 0;
}

static void
test_release_in_callback (void **state) {
  struct rec like = { .name = "b", .cb.timeout_ms = 5, .hook = release_it };
  assuan_context_t ctx;

  (void) state;
  kit_config.retry_ms = LONG_MS;
  ctx = kit_dial (address ("s"));
  kit_call_like (ctx, &like, "NOP");
  kit_await ("b.done TIMEOUT\n");
}

/* Many at a time, each as long as it likes.  */
static void
test_many (void **state) {
  assuan_context_t ctx[20];
  struct peer p[N_ELEMENTS (ctx)];
  int listener;

  (void) state;
  /* On a busy machine the short time may be over within eva_connect.  */
  kit_config.flags |= EVA_CONNECT_LATE_ERRORS;
  for (size_t i = 0; i < N_ELEMENTS (ctx); i++) {
    kit_config.retry_ms = i % 2 ? LONG_MS : 1;
    ctx[i] = kit_dial (address ("s"));
  }
  for (unsigned int tries = 0; !kit_has_noted ("closed");)
    kit_turn (&tries);
  kit_await_end ("closed ASS_CONNECT_FAILED\n");
  listener = peer_listen (address ("s"), 50, NULL);
  for (size_t i = 1; i < N_ELEMENTS (ctx); i += 2) {
    peer_accept (&p[i], listener);
    peer_say (&p[i], "OK\n");
  }
  kit_await_end ("ready\nready\n");
  for (size_t i = 0; i < N_ELEMENTS (ctx); i++)
    assuan_release (ctx[i]);
  for (size_t i = 1; i < N_ELEMENTS (ctx); i += 2)
    peer_close (&p[i]);
  close (listener);
}

static const struct CMUnitTest tests[] = {
  kit_test (test_no_socket_yet),
  kit_test (test_long_path),
  kit_test (test_long_path_started),
  kit_test (test_no_directory_yet),
  kit_test (test_abstract),
  kit_test (test_stale),
  kit_test (test_redirected),
  kit_test (test_port),
  kit_test (test_queue_full),
  kit_test (test_leaves),
  kit_test (test_window_ends),
  kit_test (test_other_errors),
  kit_test (test_release),
  kit_test (test_close),
  kit_test (test_calls_end),
  kit_test (test_release_in_callback),
  kit_test (test_many),
  kit_test (test_refuses),
  kit_test (test_end_after_leaving),
  kit_test (test_window_ends_with_eof),
};

const struct suite start_suite = { "start", tests, N_ELEMENTS (tests) };
