/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-malloc-faults.c - whole sessions with memory that is short: each allocation fails once, and
   then each and all behind it.  There is an error then, or nothing at all; never a crash, a leak, a
   reply to the wrong command, or a peer that waits forever.  */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <pthread.h>
#include <unistd.h>

#include "kit.h"
#include "scenes.h"

/* --- Sessions --------------------------------------------------------------------------------- */

static void
check_shortage (const struct scene *scene, size_t at, bool for_ever,
                const struct outcome *reference) {
  struct outcome got;
  char what[200];

  snprintf (what, sizeof what, "%s, allocation %zu%s", scene->name, at,
            for_ever ? " and all behind it" : "");
  kit_memory_reset (at, for_ever);
  scene_play (scene, NULL, true, &got);
  outcome_check_clean (&got, reference, what);
  outcome_free (&got);
}

static void
test_scene (void **state) {
  const struct scene *scene = *state;
  struct outcome reference;
  size_t n_allocs;

  kit_memory_reset (0, false);
  scene_play (scene, NULL, true, &reference);
  n_allocs = kit_memory.n_allocs;
  assert_int_equal (reference.n_errors, 0);
  assert_true (n_allocs > 3);
  for (size_t at = 1; at <= n_allocs; at++) {
    check_shortage (scene, at, false, &reference);
    check_shortage (scene, at, true, &reference);
  }
  outcome_free (&reference);
}

/* --- Connecting ------------------------------------------------------------------------------- */

/* A server at a socket in a directory of its own that greets each client and hears it out.  */
struct listener {
  char dir[32];
  struct sockaddr_un address;
  int fd;
  pthread_t thread;
};

static void *
greet_all (void *arg) {
  struct listener *l = arg;
  struct text trace = { 0 };
  int fd;

  kit_init_peer ();
  while ((fd = accept (l->fd, NULL, NULL)) >= 0) {
    kit_say (fd, "OK hello\n");
    kit_read_all (fd, &trace);
    close (fd);
  }
  text_free (&trace);
  return NULL;
}

static void
listener_start (struct listener *l) {
  *l = (struct listener) { .dir = "/tmp/eva-XXXXXX", .address = { .sun_family = AF_UNIX } };
  assert_non_null (mkdtemp (l->dir));
  snprintf (l->address.sun_path, sizeof l->address.sun_path, "%s/s", l->dir);
  l->fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_equal (bind (l->fd, (struct sockaddr *) &l->address, sizeof l->address), 0);
  assert_int_equal (listen (l->fd, 5), 0);
  assert_int_equal (pthread_create (&l->thread, NULL, greet_all, l), 0);
}

static void
listener_stop (struct listener *l) {
  shutdown (l->fd, SHUT_RDWR);
  pthread_join (l->thread, NULL);
  close (l->fd);
  unlink (l->address.sun_path);
  rmdir (l->dir);
}

/* Something to do with a context of its own.  */
typedef gpg_error_t action_func (assuan_context_t ctx, void *arg);

/* Does ACTION with each allocation failing in turn: it works, or says that there is no memory.  */
static void
check_action (action_func *action, void *arg) {
  size_t n_fds = fds_count ();
  size_t at = 1;
  bool failed;

  do {
    gpg_error_t err = gpg_err_make (KIT_SOURCE, GPG_ERR_ENOMEM);
    assuan_context_t ctx;
    kit_memory_reset (at / 2, at % 2);
    ctx = kit_context ();
    if (ctx) err = action (ctx, arg);
    failed = kit_memory.failed;
    if (!failed) assert_int_equal (err, 0);
    if (err) assert_int_equal (gpg_err_code (err), GPG_ERR_ENOMEM);
    assuan_release (ctx);
    assert_int_equal (kit_memory.n_live, 0);
    at++;
  } while (failed || at <= 3);
  assert_true (at > 6);
  /* A listener's thread may still have the last connection open.  */
  if (!arg) assert_int_equal (fds_count (), n_fds);
}

static gpg_error_t
connect_socket (assuan_context_t ctx, void *arg) {
  const struct listener *l = arg;
  gpg_error_t err = assuan_socket_connect (ctx, l->address.sun_path, ASSUAN_INVALID_PID,
                                           ASSUAN_SOCKET_CONNECT_FDPASSING);

  if (!err) err = assuan_write_line (ctx, "# here");
  return err;
}

static void
test_socket_connect (void **state) {
  size_t n_fds = fds_count ();
  struct listener l;

  (void) state;
  listener_start (&l);
  check_action (connect_socket, &l);
  listener_stop (&l);
  assert_int_equal (fds_count (), n_fds);
}

static gpg_error_t
connect_pipe (assuan_context_t ctx, void *arg) {
  const char *argv[] = { "sh", "-c", "echo OK hello; while read line; do echo OK; done", NULL };
  gpg_error_t err;

  (void) arg;
  err = assuan_pipe_connect (ctx, "/bin/sh", argv, NULL, NULL, NULL, 0);
  if (!err) err = assuan_transact (ctx, "NOP", NULL, NULL, NULL, NULL, NULL, NULL);
  return err;
}

/* The server that was started is waited for, however it went.  */
static void
test_pipe_connect (void **state) {
  (void) state;
  check_action (connect_pipe, NULL);
  assert_int_equal (waitpid (-1, NULL, WNOHANG), -1);
  assert_int_equal (errno, ECHILD);
}

/* --- Properties ------------------------------------------------------------------------------- */

static gpg_error_t
noop (assuan_context_t ctx, char *line) {
  (void) ctx;
  (void) line;
  return 0;
}

/* Strings and tables, with many commands, of which one replaces a built-in one; what could not be
   set is as it was.  */
static gpg_error_t
set_all (assuan_context_t ctx, void *arg) {
  static char names[100][8];
  gpg_error_t err = assuan_set_hello_line (ctx, "one");

  (void) arg;
  if (!err) err = assuan_set_hello_line (ctx, "another");
  if (!err) err = assuan_set_okay_line (ctx, "one");
  if (!err) err = assuan_set_okay_line (ctx, "another");
  assuan_set_error (ctx, gpg_err_make (KIT_SOURCE, GPG_ERR_FALSE), "text");
  for (size_t i = 0; i < N_ELEMENTS (names) && !err; i++) {
    snprintf (names[i], sizeof names[i], "CMD%zu", i);
    err = assuan_register_command (ctx, names[i], noop, "help");
  }
  if (!err) err = assuan_init_socket_server (ctx, ASSUAN_INVALID_FD, 0);
  return err ? err : assuan_register_command (ctx, "NOP", noop, NULL);
}

static void
test_properties (void **state) {
  (void) state;
  check_action (set_all, NULL);
}

int
main (void) {
  static struct CMUnitTest tests[30];
  size_t n = 0;

  kit_init ();
  for (size_t i = 0; i < n_scenes; i++)
    tests[n++] = (struct CMUnitTest) { .name = scenes[i].name,
                                       .test_func = test_scene,
                                       .initial_state = (void *) (uintptr_t) &scenes[i] };
  tests[n++] = (struct CMUnitTest) cmocka_unit_test (test_socket_connect);
  tests[n++] = (struct CMUnitTest) cmocka_unit_test (test_pipe_connect);
  tests[n++] = (struct CMUnitTest) cmocka_unit_test (test_properties);
  return _cmocka_run_group_tests ("malloc-faults", tests, n, NULL, NULL);
}
