/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* assuan_pipe_connect: programs that do not run, or are no server.  */

#include <stdlib.h>
#include <sys/wait.h>

#include "child.h"

/* The ERR line of a child that could not run its program.  */
static unsigned int
note_err (assuan_context_t ctx, void *hook, int inout, const char *line, size_t len) {
  (void) ctx;
  if (inout == ASSUAN_IO_FROM_PEER) snprintf (hook, 200, "%.*s", (int) len, line);
  return 0;
}

static void
check_exec_fails (unsigned int flags, const char *name) {
  const char *argv[] = { "name", NULL };
  assuan_context_t ctx = new_context ();
  static const struct start plain;
  char seen[200] = "";
  gpg_error_t rc;

  assuan_set_io_monitor (ctx, note_err, seen);
  rc = assuan_pipe_connect (ctx, name, argv, NULL, NULL, NULL, flags);
  reap_for_oracle (flags);
  if (flags & MODE_FDPASSING) {
    /* On the reference library the line gets lost: the child writes it to its standard
       output, which is /dev/null.  */
    if (on_oracle () || gpg_err_code (rc) != GPG_ERR_ASS_CONNECT_FAILED)
      assert_err (rc, ERR (GPG_ERR_EOF));
  } else {
    assert_err (rc, ERR (GPG_ERR_ASS_CONNECT_FAILED));
    assert_memory_equal (seen, "ERR ", 4);
    assert_int_equal (gpg_err_code ((gpg_error_t) strtoul (seen + 4, NULL, 10)),
                      GPG_ERR_ASS_SERVER_START);
    assert_non_null (strstr (seen, name));
  }
  assert_int_equal (assuan_get_pid (ctx), -1);
  /* Nothing is left of it, so the context can be used for another attempt.  */
  assert_int_equal (waitpid (-1, NULL, WNOHANG), -1);
  if (on_oracle () && gpg_err_code (rc) == GPG_ERR_EOF) {
    /* It remembers the end of file.  */
    assert_err (try_child (ctx, flags, &plain), ERR (GPG_ERR_EOF));
    reap_for_oracle (flags);
    flags = MODE_PIPES;
  } else {
    assert_err (try_child (ctx, flags, &plain), 0);
  }
  end_child (ctx, flags);
}

static void
check_exec_fails_all (unsigned int flags) {
  check_exec_fails (flags, "/nonexistent/program");
  check_exec_fails (flags, "/etc/passwd");
  check_exec_fails (flags, "/tmp");
  check_exec_fails (flags, "");
  /* The path is not searched.  */
  check_exec_fails (flags, "true");
}

static void
test_exec_fails (void **state) {
  (void) state;
  check_exec_fails_all (MODE_PIPES);
  check_exec_fails_all (MODE_FDPASSING);
}

static void
check_bad_server (unsigned int flags, const char *mode, gpg_error_t expected) {
  struct start start = { .mode = mode };
  assuan_context_t ctx = new_context ();

  assert_err (try_child (ctx, flags, &start), expected);
  reap_for_oracle (flags);
  assert_int_equal (waitpid (-1, NULL, WNOHANG), -1);
  end_child (ctx, MODE_PIPES);
}

static void
test_bad_servers (void **state) {
  (void) state;
  check_bad_server (MODE_PIPES, "mute", ERR (GPG_ERR_EOF));
  check_bad_server (MODE_PIPES, "garbage", ERR (GPG_ERR_ASS_INV_RESPONSE));
  check_bad_server (MODE_PIPES, "refuse", ERR (GPG_ERR_ASS_CONNECT_FAILED));
  check_bad_server (MODE_FDPASSING, "mute", ERR (GPG_ERR_EOF));
  /* There the standard output is no connection.  */
  check_bad_server (MODE_FDPASSING, "garbage", ERR (GPG_ERR_EOF));
}

static void
test_invalid (void **state) {
  assuan_context_t ctx = new_context ();
  const char *argv[] = { NULL };

  (void) state;
  assert_err (assuan_pipe_connect (ctx, child_program (), NULL, NULL, NULL, NULL, 0),
              ERR (GPG_ERR_ASS_INV_VALUE));
  assert_err (assuan_pipe_connect (ctx, child_program (), argv, NULL, NULL, NULL, 0),
              ERR (GPG_ERR_ASS_INV_VALUE));
  assert_err (assuan_pipe_connect (ctx, NULL, NULL, NULL, NULL, NULL, 0),
              ERR (GPG_ERR_ASS_INV_VALUE));
  assert_err (assuan_pipe_connect (ctx, NULL, NULL, NULL, NULL, NULL, MODE_FDPASSING),
              ERR (GPG_ERR_ASS_INV_VALUE));
  /* A fork without a program has no standard descriptors to talk through.  */
  assert_err (assuan_pipe_connect (ctx, NULL, argv, NULL, NULL, NULL, 0),
              ERR (GPG_ERR_ASS_INV_VALUE));
  assuan_release (ctx);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    suite_test (test_exec_fails),
    suite_test (test_bad_servers),
    suite_test (test_invalid),
  };

  return suite_run (tests);
}
