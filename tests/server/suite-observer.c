/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite-observer.c - what a server tells its observer, and the descriptors of its listeners.  */

#include "suite.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#define MAX_NOTICES 40

static struct {
  enum eva_server_event event;
  gpg_err_code_t code;
  uid_t uid;
  pid_t pid;
  char address[120];
  bool has_ctx;
} notices[MAX_NOTICES];
static size_t n_notices;
static void (*in_observer) (const struct eva_server_notice *notice);

static void
observe (eva_server *server, void *arg, const struct eva_server_notice *notice) {
  assert_ptr_equal (server, kit.server);
  assert_ptr_equal (arg, &n_notices);
  if (n_notices < MAX_NOTICES) {
    notices[n_notices].event = notice->event;
    notices[n_notices].code = gpg_err_code (notice->err);
    notices[n_notices].uid = notice->uid;
    notices[n_notices].pid = notice->pid;
    snprintf (notices[n_notices].address, sizeof notices->address, "%s",
              notice->address ? notice->address : "none");
    notices[n_notices].has_ctx = notice->ctx;
  }
  n_notices++;
  if (in_observer) in_observer (notice);
}

static void
begin (void) {
  n_notices = 0;
  in_observer = NULL;
  eva_server_set_observer (kit.server, observe, &n_notices);
}

/* Notice number I is EVENT with CODE, of this process if IS_OURS.  */
static void
expect_notice (size_t i, enum eva_server_event event, gpg_err_code_t code, bool is_ours) {
  assert_true (i < n_notices);
  assert_int_equal (notices[i].event, event);
  assert_int_equal (notices[i].code, code);
  assert_true (notices[i].uid == (is_ours ? geteuid () : EVA_ANY_UID));
  assert_int_equal (notices[i].pid, is_ours ? getpid () : ASSUAN_INVALID_PID);
  assert_int_equal (notices[i].has_ctx, event == EVA_SERVER_DROPPED);
}

static void
listen_at (const char *name, char address[static 100]) {
  snprintf (address, 100, "unix:%s", tmpdir_path (name));
  assert_int_equal (eva_server_listen (kit.server, address, 0), 0);
}

/* --- Refused clients -------------------------------------------------------------------------- */

static void
test_refused (void **state) {
  const struct eva_server_limits limits = { .max_connections = 1 };
  char address[100];
  gpg_error_t err;

  (void) state;
  begin ();
  listen_at ("s", address);
  kit_set_limits (&limits);
  peer_new ();
  assert_int_equal (n_notices, 0);
  peer_expect_err (peer_connect (0), GPG_ERR_LIMIT_REACHED, NULL);
  assert_int_equal (n_notices, 1);
  expect_notice (0, EVA_SERVER_REFUSED, GPG_ERR_LIMIT_REACHED, true);
  assert_string_equal (notices[0].address, address);
  assert_null (peer_adopt (0, &err));
  assert_int_equal (n_notices, 2);
  expect_notice (1, EVA_SERVER_REFUSED, GPG_ERR_LIMIT_REACHED, true);
  assert_string_equal (notices[1].address, "none");
  assert_int_equal (kit_stats ().n_refused, 2);
}

static gpg_error_t
refuse_all (assuan_context_t ctx) {
  (void) ctx;
  return ERR (GPG_ERR_FORBIDDEN);
}

static void
test_refused_by_service (void **state) {
  char address[100];

  (void) state;
  begin ();
  listen_at ("s", address);
  service.open = refuse_all;
  peer_expect_err (peer_connect (0), GPG_ERR_FORBIDDEN, NULL);
  assert_int_equal (n_notices, 1);
  expect_notice (0, EVA_SERVER_REFUSED, GPG_ERR_FORBIDDEN, true);
  eva_server_set_observer (kit.server, NULL, NULL);
  peer_expect_err (peer_connect (0), GPG_ERR_FORBIDDEN, NULL);
  assert_int_equal (n_notices, 1);
}

/* --- Dropped connections ---------------------------------------------------------------------- */

static gpg_error_t
send_much (assuan_context_t ctx, char *line) {
  static const char data[10000];

  (void) line;
  for (int i = 0; i < 1000; i++)
    if (assuan_send_data (ctx, data, sizeof data)) break;
  return 0;
}

static void
test_dropped (void **state) {
  const struct eva_limits limits = { .max_queued_len = 100000 };
  const struct eva_limits hasty = { .idle_timeout_ms = 20 };
  struct peer *p, *q, *gone;

  (void) state;
  begin ();
  kit_set_connection_limits (&limits);
  p = peer_new ();
  gone = peer_new ();
  service.run = send_much;
  peer_say (p, "RUN\n");
  kit_until (p->guest->n_closed);
  assert_int_equal (n_notices, 1);
  expect_notice (0, EVA_SERVER_DROPPED, GPG_ERR_TOO_LARGE, true);
  kit_set_connection_limits (&hasty);
  q = peer_new ();
  kit_until (q->guest->n_closed);
  assert_int_equal (n_notices, 2);
  expect_notice (1, EVA_SERVER_DROPPED, GPG_ERR_TIMEOUT, true);
  peer_close (gone); /* which is its own doing */
  kit_until (gone->guest->n_closed);
  assert_int_equal (n_notices, 2);
}

/* --- Pauses ----------------------------------------------------------------------------------- */

static void
test_pauses (void **state) {
  struct rlimit limit, none;
  char address[100];
  struct peer *p;

  (void) state;
  begin ();
  listen_at ("s", address);
  kit_idle (1);
  p = peer_connect (0);
  assert_int_equal (getrlimit (RLIMIT_NOFILE, &limit), 0);
  none = limit;
  none.rlim_cur = 3;
  assert_int_equal (setrlimit (RLIMIT_NOFILE, &none), 0);
  kit_until (n_notices >= 2); /* it pauses, and tries again */
  assert_int_equal (setrlimit (RLIMIT_NOFILE, &limit), 0);
  peer_expect_greeting (p);
  expect_notice (0, EVA_SERVER_PAUSED, GPG_ERR_EMFILE, false);
  expect_notice (1, EVA_SERVER_RESUMED, 0, false);
  assert_int_equal (n_notices, 2 * kit_stats ().n_accept_pauses);
}

/* --- Freeing within it ------------------------------------------------------------------------ */

static void
free_server (const struct eva_server_notice *notice) {
  (void) notice;
  kit_free_server ();
}

static void
release (const struct eva_server_notice *notice) {
  if (notice->ctx) assuan_release (notice->ctx);
}

static void
test_freed_when_refused (void **state) {
  char address[100];
  gpg_error_t err;

  (void) state;
  begin ();
  listen_at ("s", address);
  service.open = refuse_all;
  in_observer = free_server;
  peer_expect_err (peer_connect (0), GPG_ERR_FORBIDDEN, NULL);
  assert_null (kit.server);
  assert_int_equal (eva_server_new (kit.loop.loop, &service_offer, &kit, &kit.server), 0);
  eva_server_set_observer (kit.server, observe, &n_notices);
  assert_null (peer_adopt (0, &err));
  assert_code (err, GPG_ERR_FORBIDDEN);
  assert_null (kit.server);
}

static void
test_freed_when_dropped (void **state) {
  void (*const ends[]) (const struct eva_server_notice *) = { release, free_server };
  const struct eva_limits hasty = { .idle_timeout_ms = 20 };

  (void) state;
  for (size_t i = 0; i < N_ELEMENTS (ends); i++) {
    struct peer *p;
    begin ();
    in_observer = ends[i];
    kit_set_connection_limits (&hasty);
    p = peer_new ();
    kit_until (p->guest->n_closed);
    assert_int_equal (n_notices, 1);
  }
  assert_null (kit.server);
}

/* Frees the server at the event number free_at.  */
static size_t free_at;

static void
free_at_event (const struct eva_server_notice *notice) {
  (void) notice;
  if (n_notices == free_at) kit_free_server ();
}

static void
test_freed_in_pause (void **state) {
  struct rlimit limit, none;
  char address[100];

  (void) state;
  assert_int_equal (getrlimit (RLIMIT_NOFILE, &limit), 0);
  none = limit;
  none.rlim_cur = 3;
  for (free_at = 1; free_at <= 2; free_at++) {
    begin ();
    in_observer = free_at_event;
    listen_at ("s", address);
    kit_idle (1);
    peer_connect (0);
    assert_int_equal (setrlimit (RLIMIT_NOFILE, &none), 0);
    kit_until (!kit.server);
    assert_int_equal (setrlimit (RLIMIT_NOFILE, &limit), 0);
    assert_int_equal (eva_server_new (kit.loop.loop, &service_offer, &kit, &kit.server), 0);
  }
}

/* --- Descriptors ------------------------------------------------------------------------------ */

static void
test_fd (void **state) {
  struct sockaddr_un name;
  socklen_t len;
  char address[100];

  (void) state;
  assert_int_equal (eva_server_get_fd (kit.server, 0), ASSUAN_INVALID_FD);
  assert_int_equal (eva_server_get_fd (NULL, 0), ASSUAN_INVALID_FD);
  listen_at ("s", address);
  listen_at ("t", address);
  for (size_t i = 0; i < 2; i++) {
    len = sizeof name;
    assert_int_equal (
        getsockname (eva_server_get_fd (kit.server, i), (struct sockaddr *) &name, &len), 0);
    assert_string_equal (name.sun_path, tmpdir_path (i ? "t" : "s"));
  }
  assert_int_equal (eva_server_get_fd (kit.server, 2), ASSUAN_INVALID_FD);
}

static const struct CMUnitTest tests[] = {
  kit_test (test_refused),
  kit_test (test_refused_by_service),
  kit_test (test_dropped),
  kit_test (test_pauses),
  kit_test (test_freed_when_refused),
  kit_test (test_freed_when_dropped),
  kit_test (test_freed_in_pause),
  kit_test (test_fd),
};

SUITE (observer);
