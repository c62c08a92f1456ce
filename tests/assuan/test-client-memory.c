/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Memory of clients: everything comes back, failures are survived, and nothing secret is left in
 * what is given back.  */

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <unistd.h>

#include "child.h"
#include "client.h"

#define SECRET "correct horse battery staple"

static int n_mallocs, n_live, fail_at, n_secrets;

static void *
my_malloc (size_t size) {
  n_mallocs++;
  if (fail_at && !--fail_at) {
    errno = ENOMEM;
    return NULL;
  }
  n_live++;
  return calloc (1, size ? size : 1);
}

/* The block has just been given back: is the secret in it?  */
static void
my_free (void *ptr) {
  if (!ptr) return;
  if (memmem (ptr, malloc_usable_size (ptr), SECRET, strlen (SECRET))) n_secrets++;
  n_live--;
  free (ptr);
}

/* Always moves, so that the outgrown block is seen.  */
static void *
my_realloc (void *ptr, size_t size) {
  void *moved = my_malloc (size);
  size_t old_size = ptr ? malloc_usable_size (ptr) : 0;

  if (!moved) return NULL;
  if (ptr) memcpy (moved, ptr, old_size < size ? old_size : size);
  my_free (ptr);
  return moved;
}

static struct assuan_malloc_hooks hooks = { my_malloc, my_realloc, my_free };

static void
reset_counts (void) {
  n_mallocs = n_live = fail_at = n_secrets = 0;
}

static gpg_error_t
send_secret (void *arg, const char *text) {
  char filler[500];
  gpg_error_t rc;

  (void) text;
  memset (filler, '%', sizeof filler);
  rc = assuan_send_data (arg, SECRET, strlen (SECRET));
  for (int i = 0; i < 5 && !rc; i++)
    rc = assuan_send_data (arg, filler, sizeof filler);
  return rc;
}

static gpg_error_t
ignore_data (void *arg, const void *buf, size_t len) {
  (void) arg;
  (void) buf;
  (void) len;
  return 0;
}

static gpg_error_t
ignore_status (void *arg, const char *text) {
  (void) arg;
  (void) text;
  return 0;
}

/* What the server says, all at once; the secret comes several times, among much else.  In few
 * writes: a socket that holds many small ones is full soon.  */
static void
say_replies (int fd) {
  char filler[20 * 1000];

  memset (filler, 'f', sizeof filler);
  for (size_t i = 0; i < sizeof filler; i += 1000)
    memcpy (filler + i, "D ", 2);
  for (size_t i = 1000; i <= sizeof filler; i += 1000)
    filler[i - 1] = '\n';
  peer_say (fd, "OK hello\nS TOLD " SECRET "\nINQUIRE PASSPHRASE\nD " SECRET "\n");
  peer_send (fd, filler, sizeof filler);
  peer_say (fd, "D %63orrect horse battery staple\nOK\nERR 99 " SECRET "\n");
}

/* The whole life of a client; the error of its first failing step.  FD is taken or closed.  */
static gpg_error_t
live (assuan_context_t *ret_ctx, int fd, unsigned int flags) {
  gpg_error_t rc = assuan_new_ext (ret_ctx, SUITE_SOURCE, &hooks, NULL, NULL);

  if (rc) {
    close (fd);
    return rc;
  }
  rc = assuan_socket_connect_fd (*ret_ctx, fd, flags);
  if (!rc)
    rc = assuan_transact (*ret_ctx, "LOGIN " SECRET, ignore_data, NULL, send_secret, *ret_ctx,
                          ignore_status, NULL);
  if (!rc) rc = assuan_transact (*ret_ctx, "AGAIN", NULL, NULL, NULL, NULL, NULL, NULL);
  return rc;
}

/* What ends the life is the server's last line.  */
#define LAST_WORDS GPG_ERR_CANCELED

static void
test_life (void **state) {
  (void) state;
  for (unsigned int flags = 0; flags <= ASSUAN_SOCKET_CONNECT_FDPASSING; flags++) {
    assuan_context_t ctx = NULL;
    int fds[2];

    reset_counts ();
    fds_socketpair (fds, 0);
    say_replies (fds[1]);
    assert_err (live (&ctx, fds[0], flags), LAST_WORDS);
    assert_true (n_live > 0);
    assuan_release (ctx);
    assert_int_equal (n_live, 0);
    close (fds[1]);
    /* deviation: secrets left in line buffers and outgrown memory | wiped when consumed, on
       growth, on release */
    if (!on_oracle ()) assert_int_equal (n_secrets, 0);
  }
}

/* Replies that are not read to their end, and data that were not sent.  */
static void
test_unfinished (void **state) {
  assuan_context_t ctx;
  int fds[2];

  (void) state;
  reset_counts ();
  fds_socketpair (fds, 0);
  assert_err (assuan_new_ext (&ctx, SUITE_SOURCE, &hooks, NULL, NULL), 0);
  peer_say (fds[1], "OK\nOK one\nD " SECRET "\nD " SECRET);
  assert_err (assuan_socket_connect_fd (ctx, fds[0], 0), 0);
  assert_err (assuan_transact (ctx, "A", NULL, NULL, NULL, NULL, NULL, NULL), 0);
  assert_err (assuan_send_data (ctx, SECRET, strlen (SECRET)), 0);
  assuan_release (ctx);
  close (fds[1]);
  assert_int_equal (n_live, 0);
  if (!on_oracle ()) assert_int_equal (n_secrets, 0);
}

/* Let the first, second, ... allocation fail: an error, but no crash and no leak.  */
static void
check_failures (unsigned int flags) {
  bool failed = true;
  int i;

  for (i = 1; failed && i < 1000; i++) {
    assuan_context_t ctx = NULL;
    gpg_error_t rc;
    int fds[2];

    reset_counts ();
    fds_socketpair (fds, 0);
    say_replies (fds[1]);
    fail_at = i;
    rc = live (&ctx, fds[0], flags);
    failed = fail_at == 0;
    fail_at = 0;
    if (!failed) assert_err (rc, LAST_WORDS);
    assuan_release (ctx);
    /* It stayed ours if the context could not be made ready for it.  */
    fds_close_pair (fds);
    assert_int_equal (n_live, 0);
    assert_int_equal (n_secrets, 0);
  }
  assert_true (i > 2 && i < 1000);
}

static void
test_failures (void **state) {
  (void) state;
  /* The reference library crashes, or does not notice.  */
  if (on_oracle ()) skip ();
  check_failures (0);
  check_failures (ASSUAN_SOCKET_CONNECT_FDPASSING);
}

static void
check_child_failures (unsigned int flags) {
  static const struct start plain;
  bool failed = true;

  for (int i = 1; failed && i < 1000; i++) {
    assuan_context_t ctx = NULL;
    gpg_error_t rc;

    reset_counts ();
    fail_at = i;
    rc = assuan_new_ext (&ctx, SUITE_SOURCE, &hooks, NULL, NULL);
    if (!rc) rc = try_child (ctx, flags, &plain);
    if (!rc) rc = tell_child (ctx, "NOP");
    failed = fail_at == 0;
    fail_at = 0;
    if (!failed) assert_err (rc, 0);
    /* Released means waited for, whatever failed.  */
    end_child (ctx, flags);
    assert_int_equal (n_live, 0);
  }
  assert_false (failed);
}

static void
test_child_failures (void **state) {
  (void) state;
  if (on_oracle ()) skip ();
  check_child_failures (MODE_PIPES);
  check_child_failures (MODE_FDPASSING);
}

static void
test_name_failures (void **state) {
  static const char *const names[] = { "/nonexistent/socket", "file:///nonexistent/socket",
                                       "assuan://127.0.0.1:1", "assuan://[::1]:1", "@nobody" };

  (void) state;
  if (on_oracle ()) skip ();
  for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
    bool failed = true;

    for (int i = 1; failed && i < 1000; i++) {
      assuan_context_t ctx = NULL;
      gpg_error_t rc;

      reset_counts ();
      fail_at = i;
      rc = assuan_new_ext (&ctx, SUITE_SOURCE, &hooks, NULL, NULL);
      if (!rc) rc = assuan_socket_connect (ctx, names[n], ASSUAN_INVALID_PID, 0);
      failed = fail_at == 0;
      fail_at = 0;
      assert_int_not_equal (gpg_err_code (rc), 0);
      if (!failed) assert_err (rc, ERR (GPG_ERR_ASS_CONNECT_FAILED));
      assuan_release (ctx);
      assert_int_equal (n_live, 0);
    }
  }
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    suite_test (test_life),           suite_test (test_unfinished),    suite_test (test_failures),
    suite_test (test_child_failures), suite_test (test_name_failures),
  };

  return suite_run (tests);
}
