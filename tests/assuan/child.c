/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The helpers of child.h.  */

#include <errno.h>
#include <limits.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"

static char child_path[PATH_MAX];

const char *
child_program (void) {
  ssize_t n = readlink ("/proc/self/exe", child_path, sizeof child_path - 20);

  child_path[n > 0 ? n : 0] = 0;
  strcpy (strrchr (child_path, '/') + 1, IS_GENERATION_3 ? "pipe-child-3" : "pipe-child-2");
  return child_path;
}

gpg_error_t
try_child (assuan_context_t ctx, unsigned int flags, const struct start *start) {
  const char *argv[3] = { "a child", start->mode, NULL };

  return assuan_pipe_connect (ctx, child_program (), argv, start->fds, start->atfork,
                              start->atfork_value, flags);
}

assuan_context_t
start_child (unsigned int flags, const struct start *start) {
  static const struct start plain;
  assuan_context_t ctx = new_context ();

  assert_err (try_child (ctx, flags, start ? start : &plain), 0);
  return ctx;
}

void
reap_for_oracle (unsigned int flags) {
  if (on_oracle () && flags & MODE_FDPASSING) assert_true (waitpid (-1, NULL, 0) > 0);
}

void
end_child (assuan_context_t ctx, unsigned int flags) {
  assuan_release (ctx);
  reap_for_oracle (flags);
  /* Released means waited for.  */
  assert_int_equal (waitpid (-1, NULL, WNOHANG), -1);
  assert_int_equal (errno, ECHILD);
}

struct answer {
  char text[2100];
  size_t len;
};

static gpg_error_t
on_data (void *arg, const void *buf, size_t len) {
  struct answer *answer = arg;

  if (answer->len + len >= sizeof answer->text) return GPG_ERR_TOO_LARGE;
  memcpy (answer->text + answer->len, buf, len);
  answer->len += len;
  answer->text[answer->len] = 0;
  return 0;
}

const char *
ask_child (assuan_context_t ctx, const char *command) {
  static struct answer answer;

  answer.len = 0;
  answer.text[0] = 0;
  assert_err (assuan_transact (ctx, command, on_data, &answer, NULL, NULL, NULL, NULL), 0);
  return answer.text;
}

gpg_error_t
tell_child (assuan_context_t ctx, const char *command) {
  return assuan_transact (ctx, command, NULL, NULL, NULL, NULL, NULL, NULL);
}
