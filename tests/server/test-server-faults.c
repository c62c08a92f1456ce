/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-server-faults.c - servers whose memory is short: each scene again with the first, the
   second, ... allocation of the library failing, alone or with all behind it.  Each command
   then has its answer, or ENOMEM, or the connection ends; no client waits forever, and nothing
   is left behind.  And servers who cannot send.  */

#include "suite.h"

#include "memory.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/socket.h>

/* --- Allocations that fail -------------------------------------------------------------------- */

static struct {
  bool is_on;
  bool for_ever;
  size_t fail_at; /* from 1 on; 0: none */
  size_t n;
  bool has_failed;
} memory;

bool
memory_is_short (void) {
  if (!memory.is_on || kit_is_own_alloc) return false;
  memory.n++;
  if (memory.n != memory.fail_at && !(memory.for_ever && memory.n > memory.fail_at)) return false;
  memory.has_failed = true;
  return true;
}

/* --- Answers ---------------------------------------------------------------------------------- */

/* Little enough to go out at once.  The connection may be over.  */
static void
say (struct peer *p, const char *text) {
  peer_push (p, text, strlen (text));
}

/* Takes the answer to one command, whose last line is to be EXPECTED, `OK` or the beginning of an
   ERR, or ENOMEM if memory was short.  Returns false if there is none, because the connection is
   over.  */
static bool
hear (struct peer *p, const char *expected) {
  for (;;) {
    const char *line;
    kit_until (peer_has_line (p));
    if (!p->len || !memchr (p->data + p->start, '\n', p->len)) break;
    line = peer_line (p);
    if (!strncmp (line, "ERR ", 4)) {
      gpg_error_t err = (gpg_error_t) strtoul (line + 4, NULL, 10);
      if (gpg_err_code (err) == GPG_ERR_ENOMEM && memory.has_failed) return true;
    }
    if (strncmp (line, "OK", 2) != 0 && strncmp (line, "ERR ", 4) != 0) continue;
    assert_memory_equal (line, expected, strlen (expected));
    return true;
  }
  assert_true (memory.has_failed);
  return false;
}

/* Says TEXT, one command after which EXPECTED comes.  */
static bool
ask (struct peer *p, const char *text, const char *expected) {
  say (p, text);
  return hear (p, expected);
}

/* A client that was let in, or NULL.  */
static struct peer *
enter (unsigned int flags) {
  gpg_error_t err;
  struct peer *p = peer_adopt (flags, &err);

  if (p) {
    if (!hear (p, "OK Pleased")) return NULL;
    return p;
  }
  assert_true (memory.has_failed);
  assert_code (err, GPG_ERR_ENOMEM);
  return NULL;
}

/* --- Scenes ----------------------------------------------------------------------------------- */

static void
play_requests (void) {
  struct peer *p = enter (0);

  if (!p) return;
  if (!ask (p, "NOP\n", "OK")) return;
  if (!ask (p, "ECHO a\n", "OK")) return;
  if (!ask (p, "TEXT fine\n", "OK")) return;
  if (!ask (p, "FAIL 58\n", "ERR")) return;
  if (!ask (p, "HELP\n", "OK")) return;
  if (!ask (p, "HELP FAIL\n", "OK")) return;
  if (!ask (p, "FAIL x\n", "ERR")) return;
  if (!ask (p, "PASSWD a\n", "OK")) return;
  if (!ask (p, "OPTION a=b\n", "OK")) return;
  if (ask (p, "BYE\n", "OK closing")) peer_expect_end (p);
}

static void
play_listening (void) {
  char address[100];
  struct peer *p;
  gpg_error_t err;

  snprintf (address, sizeof address, "unix:%s", tmpdir_path ("s"));
  err = eva_server_listen (kit.server, address, 0);
  if (err) assert_code (err, GPG_ERR_ENOMEM);
  if (!err) err = eva_server_allow_uid (kit.server, 4711);
  if (err) assert_code (err, GPG_ERR_ENOMEM);
  if (err) return;
  for (int i = 0; i < 3; i++) {
    p = peer_connect (0);
    if (!hear (p, "OK Pleased")) continue;
    if (ask (p, "NOP\n", "OK")) ask (p, "BYE\n", "OK");
  }
}

/* Where the path is too long for a socket.  */
static void
play_long_path (void) {
  char address[400];
  gpg_error_t err;

  setenv ("XDG_RUNTIME_DIR", tmpdir_get (), 1);
  snprintf (address, sizeof address, "unix:%s/%0120d", tmpdir_get (), 0);
  for (int i = 0; i < 3; i++) {
    err = eva_server_listen (kit.server, address, 0);
    if (err) assert_code (err, GPG_ERR_ENOMEM);
    if (!err) hear (peer_connect (0), "OK Pleased");
    eva_server_stop_listening (kit.server);
    assert_int_equal (access (address + 5, F_OK), -1);
  }
  unsetenv ("XDG_RUNTIME_DIR");
}

static void
play_inquiry (void) {
  static char line[900];
  struct peer *p = enter (0);

  if (!p) return;
  memset (line, 'x', sizeof line);
  memcpy (line, "D ", 2);
  line[sizeof line - 1] = '\n';
  say (p, "ASK\n");
  for (int i = 0; i < 10; i++)
    peer_push (p, line, sizeof line);
  say (p, "END\nNOP\n");
  if (!hear (p, "OK")) return;
  /* If the inquiry could not be made, what was to answer it is answered as requests.  */
  if (!memory.has_failed) hear (p, "OK");
}

static void
play_deferred (void) {
  struct peer *p = enter (0), *q = enter (0);
  struct job *job;

  if (q) say (q, "WAIT\n");
  kit_settle ();
  if (q) peer_close (q);
  kit_settle ();
  job = service.jobs;
  if (!p) return;
  say (p, "WAIT\nECHO a\n");
  kit_settle ();
  if (service.jobs != job && !service.jobs->n_cancelled) service_finish (0);
  if (hear (p, "OK")) hear (p, "OK");
}

/* Replies that are said outside of a turn, where no buffer is left of those before.  */
static void
play_finished_together (void) {
  struct peer *p = enter (0), *q = enter (0);

  if (p) say (p, "WAIT\n");
  if (q) say (q, "WAIT\n");
  kit_settle ();
  for (struct job *job = service.jobs; job; job = job->next)
    if (!job->n_cancelled) service_finish_job (job, 0);
  if (p) hear (p, "OK");
  if (q) hear (q, "OK");
}

static void
play_output (void) {
  struct peer *p = enter (0);

  if (!p) return;
  say (p, "DATA 300000\nSTATUS 100\n");
  kit_settle ();
  if (hear (p, "OK")) hear (p, "OK");
}

/* It is that of its own command, also where there was no memory for an earlier one.  */
static gpg_error_t
look_at_output (assuan_context_t ctx, char *line) {
  (void) line;
  assert_int_equal (fcntl (assuan_get_output_fd (ctx), F_GETFL) & O_ACCMODE, O_WRONLY);
  return 0;
}

static void
play_descriptors (void) {
  struct peer *p = enter (EVA_LISTEN_FDPASSING);
  int fds[2];

  service.output = look_at_output;
  if (!p) return;
  fds[0] = open ("/dev/null", O_RDONLY | O_CLOEXEC);
  fds[1] = open ("/dev/null", O_WRONLY | O_CLOEXEC);
  peer_send_fds (p, "INPUT FD\nOUTPUT FD\n", fds, 2);
  fds_close_pair (fds);
  if (hear (p, "OK") && hear (p, "OK")) ask (p, "RESET\n", "OK");
}

static gpg_error_t
register_own (assuan_context_t ctx, char *line) {
  (void) line;
  return assuan_register_command (ctx, "MINE", NULL, NULL);
}

static void
play_own_command (void) {
  struct peer *p = enter (0);

  service.run = register_own;
  if (!p) return;
  if (ask (p, "RUN\n", "OK")) ask (p, "MINE\n", "ERR");
}

static void
play_timeout (void) {
  const struct eva_limits limits = { .command_timeout_ms = 5, .line_timeout_ms = 5 };
  struct eva_server_limits all = { .connection = limits };
  struct peer *p;

  if (eva_server_set_limits (kit.server, &all)) {
    assert_true (memory.has_failed);
    return;
  }
  p = enter (0);
  if (!p) return;
  if (!ask (p, "WAIT\n", "ERR")) return;
  if (ask (p, "NO", "ERR")) peer_drop_all (p);
}

static unsigned int n_drained;

static void
on_drained (eva_server *server, void *arg) {
  (void) server;
  (void) arg;
  n_drained++;
}

static void
play_drain (void) {
  struct peer *p = enter (0), *q = enter (0);

  if (p) say (p, "WAIT\n");
  kit_settle ();
  n_drained = 0;
  assert_int_equal (eva_server_drain (kit.server, 5, on_drained, NULL), 0);
  kit_until (n_drained);
  if (q) peer_drop_all (q);
}

static void
play_pipes (void) {
  int in[2], out[2];
  struct peer *p;

  fds_pipe (in, O_NONBLOCK);
  fds_pipe (out, O_NONBLOCK);
  p = peer_on (out[0], in[1]);
  if (eva_server_adopt_pipe (kit.server, in[0], out[1], NULL)) {
    assert_true (memory.has_failed);
    close (in[0]);
    close (out[1]);
    return;
  }
  if (hear (p, "OK Pleased") && ask (p, "DATA 100000\n", "OK")) ask (p, "BYE\n", "OK");
}

static void
expect_no_job (assuan_context_t ctx, gpg_error_t reason) {
  (void) reason;
  for (struct job *job = service.jobs; job; job = job->next)
    if (job->ctx == ctx) assert_true (job->n_finished || job->n_cancelled);
}

/* A pipe is watched only while it is waited for, so what fails may be to wait for room.  By the
   time that the service hears of the end the command was cancelled.  */
static void
play_full_pipe (void) {
  static const char much[200000];
  int in[2], out[2];
  struct peer *p;

  service.close = expect_no_job;
  fds_pipe (in, O_NONBLOCK);
  fds_pipe (out, O_NONBLOCK);
  p = peer_on (out[0], in[1]);
  if (eva_server_adopt_pipe (kit.server, in[0], out[1], NULL)) {
    assert_true (memory.has_failed);
    close (in[0]);
    close (out[1]);
    return;
  }
  if (!hear (p, "OK Pleased")) return;
  say (p, "WAIT\n");
  kit_settle ();
  if (service.jobs && !service.jobs->n_cancelled)
    assuan_send_data (service.jobs->ctx, much, sizeof much);
  kit_settle ();
  if (service.jobs && !service.jobs->n_cancelled) service_finish (0);
  hear (p, "OK");
}

static unsigned int n_lost;

static void
on_lost (eva_server *server, void *arg, const char *address, bool is_replaced) {
  (void) server;
  (void) arg;
  (void) address;
  assert_false (is_replaced);
  n_lost++;
}

static void
play_lost (void) {
  char address[100];
  gpg_error_t err;

  n_lost = 0;
  snprintf (address, sizeof address, "unix:%s", tmpdir_path ("s"));
  eva_server_set_lost (kit.server, on_lost, NULL);
  err = eva_server_listen (kit.server, address, EVA_LISTEN_TAKE_OVER);
  if (err) assert_code (err, GPG_ERR_ENOMEM);
  if (err) return;
  unlink (tmpdir_path ("s"));
  kit_until (n_lost);
  kit_settle ();
  assert_int_equal (n_lost, 1);
}

/* --- Each allocation of each scene ------------------------------------------------------------ */

/* Plays a scene with allocation AT failing.  Returns whether it was reached.  */
static bool
play (void (*scene) (void), size_t at, bool for_ever) {
  gpg_error_t err;

  kit_setup (NULL);
  kit_free_server ();
  memset (&memory, 0, sizeof memory);
  memory.fail_at = at;
  memory.for_ever = for_ever;
  memory.is_on = true;
  err = eva_server_new (kit.loop.loop, &service_offer, &kit, &kit.server);
  if (err) {
    assert_code (err, GPG_ERR_ENOMEM);
    assert_null (kit.server);
  } else {
    scene ();
  }
  memory.is_on = false;
  kit_teardown (NULL);
  return memory.has_failed;
}

static void
test_scene (void **state) {
  void (*scene) (void);
  size_t at = 1;

  memcpy (&scene, state, sizeof scene);
  while (play (scene, at, false))
    at++;
  assert_true (at > 5);
  for (at = 1; play (scene, at, true);)
    at++;
}

/* --- Octets that cannot be sent --------------------------------------------------------------- */

static struct {
  int fd; /* or -1 */
  int error;
} deaf = { -1, 0 };

ssize_t __real_send (int fd, const void *buf, size_t len, int flags);
ssize_t __wrap_send (int fd, const void *buf, size_t len, int flags);
ssize_t
__wrap_send (int fd, const void *buf, size_t len, int flags) {
  if (fd != deaf.fd) return __real_send (fd, buf, len, flags);
  errno = deaf.error;
  return -1;
}

/* A client that is gone is gone, whatever the system calls it; other errors are told as they
   are.  */
static void
test_send_fails (void **state) {
  static const struct {
    int error;
    gpg_err_code_t reason;
  } cases[] = { { EPIPE, GPG_ERR_EPIPE }, { ECONNRESET, GPG_ERR_EPIPE }, { EIO, GPG_ERR_EIO } };

  (void) state;
  for (size_t i = 0; i < N_ELEMENTS (cases); i++) {
    struct peer *p;
    kit_setup (NULL);
    p = peer_new ();
    deaf.fd = eva_get_fd (p->guest->ctx, EVA_WRITABLE);
    deaf.error = cases[i].error;
    peer_say (p, "NOP\n");
    kit_until (p->guest->n_closed);
    deaf.fd = -1;
    assert_int_equal (p->guest->reason, cases[i].reason);
    kit_teardown (NULL);
  }
}

/* --- Clients that cannot be accepted ---------------------------------------------------------- */

/* So many calls fail.  */
static unsigned int n_bad_accepts, n_bad_changes;

int __real_accept4 (int fd, struct sockaddr *addr, socklen_t *len, int flags);
int __wrap_accept4 (int fd, struct sockaddr *addr, socklen_t *len, int flags);
int
__wrap_accept4 (int fd, struct sockaddr *addr, socklen_t *len, int flags) {
  if (!n_bad_accepts) return __real_accept4 (fd, addr, len, flags);
  n_bad_accepts--;
  errno = EMFILE;
  return -1;
}

int __real_eva_source_set_events (eva_source *source, unsigned int events);
int __wrap_eva_source_set_events (eva_source *source, unsigned int events);
int
__wrap_eva_source_set_events (eva_source *source, unsigned int events) {
  if (!events || !n_bad_changes) return __real_eva_source_set_events (source, events);
  n_bad_changes--;
  errno = ENOMEM;
  return -1;
}

/* Accepting pauses, and the loop cannot watch the socket again when the pause is over.  */
static void
test_accept_fails (void **state) {
  char address[100];
  struct peer *p;

  (void) state;
  kit_setup (NULL);
  snprintf (address, sizeof address, "unix:%s", tmpdir_path ("s"));
  assert_int_equal (eva_server_listen (kit.server, address, 0), 0);
  n_bad_accepts = 1;
  n_bad_changes = 2;
  p = peer_connect (0);
  assert_true (hear (p, "OK Pleased"));
  assert_int_equal (n_bad_changes, 0);
  kit_teardown (NULL);
}

/* --- Files that cannot be watched ------------------------------------------------------------- */

/* These fail.  */
static bool has_no_watches, has_no_room;

int __real_inotify_init1 (int flags);
int __wrap_inotify_init1 (int flags);
int
__wrap_inotify_init1 (int flags) {
  if (!has_no_watches) return __real_inotify_init1 (flags);
  errno = EMFILE;
  return -1;
}

int __real_inotify_add_watch (int fd, const char *path, uint32_t mask);
int __wrap_inotify_add_watch (int fd, const char *path, uint32_t mask);
int
__wrap_inotify_add_watch (int fd, const char *path, uint32_t mask) {
  if (!has_no_room) return __real_inotify_add_watch (fd, path, mask);
  errno = ENOSPC;
  return -1;
}

/* The server looks at times, and has no work in between.  */
static void
test_no_watches (void **state) {
  (void) state;
  for (int i = 0; i < 2; i++) {
    char address[100];
    kit_setup (NULL);
    has_no_watches = i == 0;
    has_no_room = i == 1;
    n_lost = 0;
    snprintf (address, sizeof address, "unix:%s", tmpdir_path ("s"));
    assert_int_equal (eva_server_listen (kit.server, address, 0), 0);
    eva_server_set_lost (kit.server, on_lost, NULL);
    assert_in_range (kit_idle (50), 0, 20);
    unlink (tmpdir_path ("s"));
    kit_until (n_lost);
    kit_idle (10);
    assert_int_equal (n_lost, 1);
    has_no_watches = has_no_room = false;
    kit_teardown (NULL);
  }
}

#define scene_test(name) { "test_" #name, test_scene, NULL, NULL, (void *) (uintptr_t) play_##name }

int
main (void) {
  const struct CMUnitTest tests[] = {
    scene_test (requests),
    scene_test (listening),
    scene_test (long_path),
    scene_test (inquiry),
    scene_test (deferred),
    scene_test (finished_together),
    scene_test (output),
    scene_test (descriptors),
    scene_test (own_command),
    scene_test (timeout),
    scene_test (drain),
    scene_test (lost),
    scene_test (pipes),
    scene_test (full_pipe),
    cmocka_unit_test (test_send_fails),
    cmocka_unit_test (test_accept_fails),
    cmocka_unit_test (test_no_watches),
  };

  signal (SIGPIPE, SIG_DFL);
  assuan_set_gpg_err_source (KIT_SOURCE);
  return _cmocka_run_group_tests (test_loop_name, tests, N_ELEMENTS (tests), NULL, NULL);
}
