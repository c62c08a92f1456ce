/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ways.c - blocking contexts with each kind of system hooks, and servers played by hand.  */

#include "ways.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "fds.h"
#include "leftovers.h"
#include "text.h"

const struct eva_timeouts all_short = { SHORT_MS, SHORT_MS, SHORT_MS };
const struct eva_timeouts calls_short = { .call_timeout_ms = SHORT_MS };

/* --- The ways to wait ------------------------------------------------------------------------- */

static int n_pre, n_post, n_read, n_write, n_sleep;

static void
pre (void) {
  n_pre++;
}

static void
post (void) {
  n_post++;
  errno = ELOOP;
}

static ssize_t
hooked_read (assuan_context_t ctx, assuan_fd_t fd, void *buf, size_t len) {
  n_read++;
  return __assuan_read (ctx, fd, buf, len);
}

static ssize_t
hooked_write (assuan_context_t ctx, assuan_fd_t fd, const void *buf, size_t len) {
  n_write++;
  return __assuan_write (ctx, fd, buf, len);
}

static void
hooked_usleep (assuan_context_t ctx, unsigned int usec) {
  n_sleep++;
  __assuan_usleep (ctx, usec);
}

static const struct way ways[] = {
  { "the default functions", false, false, false },
  { "a clamp", false, false, true },
  { "hooks", true, false, false },
  { "hooks that sleep", true, true, false },
  { "hooks that sleep, and a clamp", true, true, true },
};

const struct way *way = ways;

static void
set_clamp (bool on) {
  gpgrt_set_syscall_clamp (on ? pre : NULL, on ? post : NULL);
  assuan_control (ASSUAN_CONTROL_REINIT_SYSCALL_CLAMP, NULL);
  n_pre = n_post = n_read = n_write = n_sleep = 0;
}

assuan_context_t
new_context (const struct eva_timeouts *timeouts) {
  struct assuan_system_hooks hooks = {
    .version = ASSUAN_SYSTEM_HOOKS_VERSION,
    .usleep = way->sleeps ? hooked_usleep : __assuan_usleep,
    .read = hooked_read,
    .write = hooked_write,
  };
  assuan_context_t ctx;

  assert_code (assuan_new (&ctx), 0);
  if (way->hooks) assuan_ctx_set_system_hooks (ctx, &hooks);
  if (timeouts) assert_code (eva_set_timeouts (ctx, timeouts), 0);
  return ctx;
}

void
expect_way (void) {
  assert_int_equal (n_pre > 0, way->clamp);
  assert_int_equal (n_sleep > 0, way->sleeps && !way->clamp);
  if (way->hooks) assert_true (n_read + n_write > 0);
}

void
each_way (void (*wait) (void)) {
  for (size_t i = 0; i < N_ELEMENTS (ways); i++) {
    way = &ways[i];
    print_message ("# with %s\n", way->name);
    set_clamp (way->clamp);
    wait ();
    assert_int_equal (n_pre, n_post);
    if (!way->clamp) assert_int_equal (n_pre, 0);
    set_clamp (false);
  }
}

/* --- Servers, played by hand ------------------------------------------------------------------ */

void
say (int fd, const char *text) {
  assert_int_equal (write (fd, text, strlen (text)), strlen (text));
}

void
expect_last (int fd, const char *text) {
  struct text heard = { 0 };
  char buf[4096];
  ssize_t n;

  while ((n = read (fd, buf, sizeof buf)) > 0)
    text_add (&heard, buf, (size_t) n);
  assert_int_equal (n, 0);
  assert_string_equal (text_get (&heard), text);
  text_free (&heard);
}

gpg_error_t
ask (assuan_context_t ctx) {
  return assuan_transact (ctx, "NOP", NULL, NULL, NULL, NULL, NULL, NULL);
}

assuan_context_t
open_client (const struct eva_timeouts *timeouts, unsigned int flags, int *ret_peer) {
  assuan_context_t ctx = new_context (timeouts);
  int fds[2];

  fds_socketpair (fds, 0);
  say (fds[1], "OK\n");
  assert_code (assuan_socket_connect_fd (ctx, fds[0], flags), 0);
  *ret_peer = fds[1];
  return ctx;
}

void
expect_over (assuan_context_t ctx) {
  assuan_fd_t fd;
  char *line;
  size_t len;
  int int_len;

  assert_code (ask (ctx), GPG_ERR_EPIPE);
  assert_code (assuan_read_line (ctx, &line, &len), GPG_ERR_EPIPE);
  assert_code (assuan_client_read_response (ctx, &line, &int_len), GPG_ERR_EPIPE);
  assert_code (assuan_write_line (ctx, "x"), GPG_ERR_EPIPE);
  assert_code (assuan_send_data (ctx, "x", 1), GPG_ERR_EPIPE);
  assert_int_equal (assuan_get_active_fds (ctx, 0, &fd, 2), 0);
  assert_int_not_equal (eva_set_nonblocking (ctx), 0);
}

/* --- Tests ------------------------------------------------------------------------------------ */

int
ways_setup (void **state) {
  (void) state;
  leftovers_begin ();
  way = ways;
  return 0;
}

int
ways_teardown (void **state) {
  (void) state;
  leftovers_check ();
  return 0;
}
