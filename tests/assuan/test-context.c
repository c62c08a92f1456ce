/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Contexts: their life, their flags and pointer, the error source, and what functions say to a
 * context that is missing or not connected yet.  */

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "suite.h"

static void
release_takes_anything (void **state) {
  (void) state;
  assuan_release (NULL);
  assuan_release (new_context ());
}

static void
many_contexts_live_side_by_side (void **state) {
  assuan_context_t ctx[50];

  (void) state;
  for (int i = 0; i < 50; i++) {
    ctx[i] = new_context ();
    assuan_set_pointer (ctx[i], &ctx[i]);
  }
  for (int i = 0; i < 50; i++) {
    assert_ptr_equal (assuan_get_pointer (ctx[i]), &ctx[i]);
    assuan_release (ctx[i]);
  }
}

static void
pointer_is_kept (void **state) {
  assuan_context_t ctx = new_context ();
  int x;

  (void) state;
  assert_null (assuan_get_pointer (ctx));
  assuan_set_pointer (ctx, &x);
  assert_ptr_equal (assuan_get_pointer (ctx), &x);
  assuan_set_pointer (ctx, NULL);
  assert_null (assuan_get_pointer (ctx));
  assert_null (assuan_get_pointer (NULL));
  assuan_set_pointer (NULL, &x);
  assuan_release (ctx);
}

static void
default_error_source (void **state) {
  assuan_context_t ctx;

  (void) state;
  assert_int_equal (assuan_get_gpg_err_source (), SUITE_SOURCE);
  assuan_set_gpg_err_source (GPG_ERR_SOURCE_USER_4);
  assert_int_equal (assuan_get_gpg_err_source (), GPG_ERR_SOURCE_USER_4);
  ctx = new_context ();
  assuan_set_gpg_err_source (SUITE_SOURCE);
  /* The source is the one of the time of making.  */
  assert_err (assuan_process_done (ctx, 0),
              gpg_err_make (GPG_ERR_SOURCE_USER_4, GPG_ERR_ASS_GENERAL));
  assuan_release (ctx);
}

static void
error_source_of_its_own (void **state) {
  assuan_context_t ctx = NULL;

  (void) state;
  assert_err (assuan_new_ext (&ctx, GPG_ERR_SOURCE_GPGME, assuan_get_malloc_hooks (), NULL, NULL),
              0);
  assert_non_null (ctx);
  assert_err (assuan_process_done (ctx, 0),
              gpg_err_make (GPG_ERR_SOURCE_GPGME, GPG_ERR_ASS_GENERAL));
  assuan_release (ctx);
}

static void
version_is_compared (void **state) {
  (void) state;
  assert_string_equal (assuan_check_version (NULL), ASSUAN_VERSION);
  assert_string_equal (assuan_check_version (ASSUAN_VERSION), ASSUAN_VERSION);
  assert_string_equal (assuan_check_version (ASSUAN_VERSION "-beta1"), ASSUAN_VERSION);
  assert_string_equal (assuan_check_version ("2.0.99"), ASSUAN_VERSION);
  assert_string_equal (assuan_check_version ("1.99.99"), ASSUAN_VERSION);
  if (IS_GENERATION_3) {
    assert_string_equal (assuan_check_version ("2.99.99"), ASSUAN_VERSION);
    assert_string_equal (assuan_check_version ("3.0.0"), ASSUAN_VERSION);
    assert_null (assuan_check_version ("3.0.3"));
    assert_null (assuan_check_version ("3.1.0"));
    assert_null (assuan_check_version ("4.0.0"));
  } else {
    assert_null (assuan_check_version ("2.5.6"));
    assert_null (assuan_check_version ("2.6.0"));
    assert_null (assuan_check_version ("3.0.0"));
  }
  assert_null (assuan_check_version ("3"));
  assert_null (assuan_check_version ("3.0"));
  assert_null (assuan_check_version ("02.0.0"));
  assert_null (assuan_check_version (" 2.0.0"));
  assert_null (assuan_check_version ("foo"));
  assert_null (assuan_check_version (""));
}

static void
fdopen_duplicates (void **state) {
  int fds[2];
  assuan_fd_t fd;

  (void) state;
  fds_pipe (fds, 0);
  fd = assuan_fdopen (fds[0]);
  assert_int_not_equal (fd, ASSUAN_INVALID_FD);
  assert_int_not_equal (fd, fds[0]);
  close (fds[0]);
  assert_int_equal (write (fds[1], "x", 1), 1);
  peer_expect (fd, "x");
  close (fd);
  close (fds[1]);
  errno = 0;
  assert_int_equal (assuan_fdopen (-1), ASSUAN_INVALID_FD);
  assert_int_equal (errno, EBADF);
}

static void
flags_of_a_fresh_context (void **state) {
  assuan_context_t ctx = new_context ();

  (void) state;
  for (assuan_flag_t flag = 0; flag < 10; flag++)
    assert_int_equal (assuan_get_flag (ctx, flag), 0);
  assert_int_equal (assuan_get_flag (NULL, ASSUAN_NO_WAITPID), 0);
  assuan_set_flag (NULL, ASSUAN_NO_WAITPID, 1);
  assuan_begin_confidential (NULL);
  /* deviation: libassuan 3 crashes.  */
  if (!IS_GENERATION_3 || !on_oracle ()) assuan_end_confidential (NULL);
  assuan_release (ctx);
}

static void
flags_can_be_read (void **state) {
  static const assuan_flag_t flags[] = { ASSUAN_NO_WAITPID, ASSUAN_CONFIDENTIAL,
                                         ASSUAN_NO_FIXSIGNALS, ASSUAN_CONVEY_COMMENTS,
                                         ASSUAN_NO_LOGGING };
  assuan_context_t ctx = new_context ();

  (void) state;
  for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
    assuan_set_flag (ctx, flags[i], 1);
    /* deviation: assuan_get_flag: the reference says 0 whatever was set */
    assert_int_equal (assuan_get_flag (ctx, flags[i]), on_oracle () ? 0 : 1);
    assuan_set_flag (ctx, flags[i], 0);
    assert_int_equal (assuan_get_flag (ctx, flags[i]), 0);
  }
  assuan_begin_confidential (ctx);
  assert_int_equal (assuan_get_flag (ctx, ASSUAN_CONFIDENTIAL), on_oracle () ? 0 : 1);
  assuan_end_confidential (ctx);
  assert_int_equal (assuan_get_flag (ctx, ASSUAN_CONFIDENTIAL), 0);
  assuan_release (ctx);
}

/* What is neither server nor client has nothing to tell.  */
static void
fresh_context_answers (void **state) {
  assuan_context_t ctx = new_context ();
  assuan_peercred_t cred;
  assuan_fd_t fds[2] = { -7, -7 };
  unsigned char *buf = NULL;
  size_t len = 0;

  (void) state;
  assert_int_equal ((int) assuan_accept (ctx), -1);
  assert_err (assuan_process_done (ctx, 0), ERR (GPG_ERR_ASS_GENERAL));
  assert_int_equal (assuan_get_active_fds (ctx, 0, fds, 2), 0);
  assert_int_equal (fds[0], -7);
  assert_int_equal (assuan_get_pid (ctx), ASSUAN_INVALID_PID);
  assert_err (assuan_get_peercred (ctx, &cred), ERR (GPG_ERR_ASS_GENERAL));
  assert_int_equal (assuan_get_input_fd (ctx), ASSUAN_INVALID_FD);
  assert_int_equal (assuan_get_output_fd (ctx), ASSUAN_INVALID_FD);
  assert_err (assuan_close_input_fd (ctx), ERR (GPG_ERR_ASS_INV_VALUE));
  assert_err (assuan_close_output_fd (ctx), ERR (GPG_ERR_ASS_INV_VALUE));
  assert_err (assuan_receivefd (ctx, fds), ERR (GPG_ERR_NOT_IMPLEMENTED));
  assert_err (assuan_sendfd (ctx, 0), ERR (GPG_ERR_NOT_IMPLEMENTED));
  assert_err (assuan_inquire (ctx, "KEY", &buf, &len, 0), ERR (GPG_ERR_ASS_NOT_A_SERVER));
  assert_int_equal (assuan_pending_line (ctx), 0);
  assert_null (assuan_get_command_name (ctx));
  assert_err (assuan_set_hello_line (ctx, "x"), 0);
  assert_err (assuan_set_okay_line (ctx, "x"), 0);
  assuan_set_io_monitor (ctx, NULL, NULL);
  assuan_set_sock_nonce (ctx, NULL);
  assuan_release (ctx);
}

/* Talking on an unconnected context ends the process with the reference.  */
static void
fresh_context_does_not_crash (void **state) {
  assuan_context_t ctx;
  char *line;
  size_t len;
  int done;

  (void) state;
  if (on_oracle ()) skip ();
  ctx = new_context ();
  assert_int_not_equal (assuan_process (ctx), 0);
  assert_int_not_equal (assuan_process_next (ctx, &done), 0);
  assert_int_not_equal (assuan_write_line (ctx, "x"), 0);
  assert_int_not_equal (assuan_write_status (ctx, "x", "y"), 0);
  assert_int_not_equal (assuan_read_line (ctx, &line, &len), 0);
  assuan_release (ctx);
}

static void
null_context_is_an_invalid_value (void **state) {
  const gpg_error_t bad = gpg_err_make (GPG_ERR_SOURCE_ASSUAN, GPG_ERR_ASS_INV_VALUE);
  assuan_peercred_t cred;
  assuan_fd_t fd;
  char *line;
  size_t len;

  (void) state;
  assert_err (assuan_register_pre_cmd_notify (NULL, NULL), bad);
  assert_err (assuan_register_post_cmd_notify (NULL, NULL), bad);
  assert_err (assuan_register_bye_notify (NULL, NULL), bad);
  assert_err (assuan_register_reset_notify (NULL, NULL), bad);
  assert_err (assuan_register_cancel_notify (NULL, NULL), bad);
  assert_err (assuan_register_input_notify (NULL, NULL), bad);
  assert_err (assuan_register_output_notify (NULL, NULL), bad);
  assert_err (assuan_register_option_handler (NULL, NULL), bad);
  assert_err (assuan_set_okay_line (NULL, "x"), bad);
  assert_err (assuan_set_hello_line (NULL, "x"), bad);
  assert_err (assuan_write_status (NULL, "x", "y"), bad);
  assert_err (assuan_write_line (NULL, "x"), bad);
  assert_err (assuan_read_line (NULL, &line, &len), bad);
  assert_err (assuan_send_data (NULL, "x", 1), bad);
  assert_err (assuan_accept (NULL), bad);
  assert_err (assuan_close_input_fd (NULL), bad);
  assert_err (assuan_close_output_fd (NULL), bad);
  assert_err (assuan_get_peercred (NULL, &cred), bad);
  assert_err (assuan_inquire (NULL, "x", NULL, NULL, 0), bad);
  assert_err (assuan_receivefd (NULL, &fd), bad);
  assert_err (assuan_sendfd (NULL, 0), bad);
}

static void
null_context_is_harmless (void **state) {
  assuan_fd_t fds[2];

  (void) state;
  assert_err (assuan_sendfd (NULL, ASSUAN_INVALID_FD), 0);
  assert_int_equal (assuan_get_active_fds (NULL, 0, fds, 2), -1);
  assert_int_equal (assuan_get_input_fd (NULL), ASSUAN_INVALID_FD);
  assert_int_equal (assuan_get_output_fd (NULL), ASSUAN_INVALID_FD);
  assert_int_equal (assuan_get_pid (NULL), ASSUAN_INVALID_PID);
  assert_int_equal (assuan_pending_line (NULL), 0);
  assert_null (assuan_get_command_name (NULL));
  assuan_set_io_monitor (NULL, NULL, NULL);
  assuan_set_log_stream (NULL, NULL);
  assuan_set_sock_nonce (NULL, NULL);
  assuan_free (NULL, NULL);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    suite_test (release_takes_anything),
    suite_test (many_contexts_live_side_by_side),
    suite_test (pointer_is_kept),
    suite_test (default_error_source),
    suite_test (error_source_of_its_own),
    suite_test (version_is_compared),
    suite_test (fdopen_duplicates),
    suite_test (flags_of_a_fresh_context),
    suite_test (flags_can_be_read),
    suite_test (fresh_context_answers),
    suite_test (fresh_context_does_not_crash),
    suite_test (null_context_is_an_invalid_value),
    suite_test (null_context_is_harmless),
  };

  return suite_run (tests);
}
