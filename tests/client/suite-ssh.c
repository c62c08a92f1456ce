/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite-ssh.c - sockets of other hosts, with a stand-in for ssh that listens as it does: how it is
   called, what becomes of its failures, and that nothing of it is left.  tests/peers has a real
   one.  */

#include "kit.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char program[PATH_MAX + 20], words_path[150];

/* The directory that the library made last: /tmp shows those of other programs, too.  */
static char made_path[100];

char *__real_mkdtemp (char *path);
char *__wrap_mkdtemp (char *path);

char *
__wrap_mkdtemp (char *path) {
  char *made = __real_mkdtemp (path);

  if (made && !strncmp (made, "/tmp/eva-ssh-", 13))
    snprintf (made_path, sizeof made_path, "%s", made);
  return made;
}

/* The client's ssh is the stand-in that behaves like HOW.  */
static void
use_ssh (const char *how) {
  static const char *argv[] = { program, "ssh", NULL, words_path, NULL };

  snprintf (program, sizeof program, "%s/client-child", kit_program_dir ());
  snprintf (words_path, sizeof words_path, "%s", tmpdir_path ("words"));
  argv[2] = how;
  kit_config.argv = argv;
}

/* Returns the words that it was called with, a blank behind each.  */
static const char *
words (void) {
  static char text[3000];
  FILE *fp = fopen (words_path, "r");
  size_t len;

  assert_non_null (fp);
  len = fread (text, 1, sizeof text - 1, fp);
  fclose (fp);
  text[len] = 0;
  for (char *c = text; *c; c++)
    if (*c == '\n') *c = ' ';
  return text;
}

/* Returns what stands between START and END in the words.  */
static const char *
word_between (const char *start, const char *end) {
  static char text[200];
  const char *from = strstr (words (), start), *to;

  assert_non_null (from);
  from += strlen (start);
  to = strstr (from, end);
  assert_non_null (to);
  snprintf (text, sizeof text, "%.*s", (int) (to - from), from);
  return text;
}

/* Nothing is left of the directory that was made for it, once it has started.  */
static void
expect_no_directory (void) {
  char dir[200];

  snprintf (dir, sizeof dir, "%s", word_between ("-L ", "/S:"));
  assert_memory_equal (dir, "/tmp/eva-ssh-", 13);
  assert_int_equal (access (dir, F_OK), -1);
}

static void
release (assuan_context_t ctx) {
  assuan_release (ctx);
  kit_await_reaping ();
  kit_expect ("");
  expect_no_directory ();
}

/* --- Connected -------------------------------------------------------------------------------- */

static void
test_talk (void **state) {
  struct rec rec = { .name = "x", .cb.has_fd = true };
  assuan_context_t ctx;

  (void) state;
  use_ssh ("serve");
  kit_config.flags = EVA_CONNECT_FDPASSING;
  ctx = kit_dial ("ssh:me@example.org:2222/run/user/1/S.x");
  assert_error (kit_try_call (ctx, &rec, "WRITE"), "NOT_SUPPORTED");
  kit_call (ctx, "a", "ECHO hello");
  kit_call (ctx, "b", "HOLDS");
  kit_await ("ready\na.data hello\na.done 0\nb.done 0 0 leads\n");
  assert_int_equal (assuan_get_pid (ctx), ASSUAN_INVALID_PID);
  expect_no_directory (); /* already */
  assert_memory_equal (words (), "-N -T -a -x ", 12);
  assert_non_null (strstr (words (), " -o BatchMode=yes -o ExitOnForwardFailure=yes "));
  assert_non_null (strstr (words (), " -o ClearAllForwardings=no "));
  assert_string_equal (word_between ("/S:", "-- "), "/run/user/1/S.x -l me -p 2222 ");
  assert_string_equal (word_between ("-- ", " "), "example.org");
  release (ctx);
}

/* Without a user and a port these are ssh's choice.  */
static void
test_plain_host (void **state) {
  assuan_context_t ctx;

  (void) state;
  use_ssh ("serve");
  ctx = kit_dial ("ssh:[::1]/s");
  kit_await ("ready\n");
  assert_string_equal (word_between ("/S:", "::1 "), "/s -- ");
  eva_close (ctx);
  kit_await ("closed CANCELED\n");
  release (ctx);
}

/* When it ends, the connection does.  */
static void
test_ends (void **state) {
  assuan_context_t ctx;

  (void) state;
  use_ssh ("serve");
  ctx = kit_dial ("ssh:host/s");
  kit_call (ctx, "a", "DROP");
  kit_await ("ready\na.done EOF\nclosed EPIPE\n");
  assert_string_equal (eva_get_reason (ctx), "Warning: first");
  release (ctx);
}

/* An ssh that does not hear SIGTERM, as ssh itself does not just before it waits, ends with its
   client, too.  */
static void
test_deaf (void **state) {
  assuan_context_t ctx;

  (void) state;
  use_ssh ("deaf");
  ctx = kit_dial ("ssh:host/s");
  kit_await ("ready\n");
  release (ctx);
}

/* --- Not connected ---------------------------------------------------------------------------- */

static void
fail_to_connect (const char *how, const char *told) {
  assuan_context_t ctx;

  use_ssh (how);
  kit_on_closed = kit_note_reason;
  ctx = kit_dial ("ssh:host/s");
  kit_call (ctx, "a", "NOP");
  kit_await (told);
  release (ctx);
}

static void
test_fails (void **state) {
  (void) state;
  fail_to_connect ("fail", "a.done ASS_CONNECT_FAILED\nclosed ASS_CONNECT_FAILED\n"
                           "reason me@host: Permission denied (publickey).\n");
  fail_to_connect ("leave",
                   "a.done EOF\nclosed EPIPE\nreason channel 2: open failed: connect failed\n");
  fail_to_connect ("drop",
                   "a.done EOF\nclosed EPIPE\nreason channel 2: open failed: connect failed\n");
}

static void
test_takes_too_long (void **state) {
  (void) state;
  kit_config.connect_timeout_ms = 300;
  kit_config.retry_ms = 3600000; /* has no effect */
  fail_to_connect ("hang", "a.done TIMEOUT\nclosed TIMEOUT\nreason Warning: first\n");
}

static void
test_lines (void **state) {
  (void) state;
  use_ssh ("fail");
  kit_config.on_stderr = NULL;
  kit_config.flags = EVA_CONNECT_LAST_STDERR;
  fail_to_connect ("fail", "a.done ASS_CONNECT_FAILED\nclosed ASS_CONNECT_FAILED\n"
                           "reason me@host: Permission denied (publickey).\n");
}

static void
expect_made_and_gone (void) {
  assert_string_not_equal (made_path, "");
  assert_int_equal (access (made_path, F_OK), -1);
  *made_path = 0;
}

/* What is wrong at once is told at once, and leaves nothing.  */
static void
test_refused (void **state) {
  static const char *const none[] = { NULL }, *const missing[] = { "/nonexistent/ssh", NULL };
  static const char *const hostile[] = {
    "ssh:-oProxyCommand=x/s", "ssh:a b/s",   "ssh:-x@host/s",
    "ssh:host/a:b",           "ssh:h\nst/s", "ssh:host",
  };
  assuan_context_t ctx;

  (void) state;
  *made_path = 0;
  for (size_t i = 0; i < N_ELEMENTS (hostile); i++)
    assert_error (eva_connect (kit_loop.loop, hostile[i], &kit_config, &ctx), "INV_ARG");
  kit_config.argv = none;
  assert_error (eva_connect (kit_loop.loop, "ssh:host/s", &kit_config, &ctx), "INV_ARG");
  kit_config.argv = missing;
  assert_error (eva_connect (kit_loop.loop, "ssh:host/s", &kit_config, &ctx), "ENOENT");
  expect_made_and_gone ();
  kit_config.start_argv = missing;
  assert_error (eva_connect (kit_loop.loop, "ssh:host/s", &kit_config, &ctx), "INV_ARG");
  kit_config.start_argv = NULL;
  use_ssh ("serve");
  kit_config.directory = "/nonexistent";
  assert_error (eva_connect (kit_loop.loop, "ssh:host/s", &kit_config, &ctx), "ENOENT");
  expect_made_and_gone ();
}

/* --- Not wanted any more ---------------------------------------------------------------------- */

static void
await_start (void) {
  for (unsigned int tries = 0; access (words_path, F_OK) || !*words ();)
    kit_turn (&tries);
}

static void
test_release (void **state) {
  assuan_context_t ctx;

  (void) state;
  use_ssh ("hang");
  ctx = kit_dial ("ssh:host/s");
  kit_call (ctx, "a", "NOP");
  await_start ();
  assuan_release (ctx);
  kit_expect ("a.done CANCELED\n");
  kit_await_reaping ();
  ctx = kit_dial ("ssh:host/s");
  assuan_release (ctx); /* before anything has happened */
  kit_await_reaping ();
}

static void
test_close (void **state) {
  assuan_context_t ctx;

  (void) state;
  use_ssh ("hang");
  ctx = kit_dial ("ssh:host/s");
  await_start ();
  eva_close (ctx);
  kit_await ("closed CANCELED\n");
  release (ctx);
}

static const struct CMUnitTest tests[] = {
  kit_test (test_talk),           kit_test (test_plain_host), kit_test (test_ends),
  kit_test (test_deaf),           kit_test (test_fails),      kit_test (test_lines),
  kit_test (test_takes_too_long), kit_test (test_refused),    kit_test (test_release),
  kit_test (test_close),
};

const struct suite ssh_suite = { "ssh", tests, N_ELEMENTS (tests) };
