/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite-program.c - servers that are started by their client: they are spoken to through pipes or a
   socket, and reaped by the loop, whatever they do.  */

#include "kit.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *
child (const char *arguments) {
  return kit_format ("exec:%s/client-child %s", kit_program_dir (), arguments);
}

static void
release (assuan_context_t ctx) {
  assuan_release (ctx);
  kit_await_reaping ();
  kit_expect ("");
}

static assuan_context_t
start (const char *arguments, unsigned int flags) {
  assuan_context_t ctx;

  kit_config.flags = flags;
  ctx = kit_dial (child (arguments));
  kit_await ("ready\n");
  return ctx;
}

/* --- Talking ---------------------------------------------------------------------------------- */

static void
talk (assuan_context_t ctx) {
  kit_call (ctx, "a", "ECHO hello");
  kit_call (ctx, "b", "PARENT");
  kit_call (ctx, "c", "PID");
  kit_await (kit_format ("a.data hello\na.done 0\nb.done 0 %d\nc.done 0 %d\n", (int) getpid (),
                         (int) assuan_get_pid (ctx)));
}

static void
test_pipes (void **state) {
  assuan_context_t ctx = start ("serve", 0);
  struct rec rec = { .name = "x", .cb.has_fd = true };

  (void) state;
  assert_int_not_equal (eva_get_fd (ctx, EVA_READABLE), eva_get_fd (ctx, EVA_WRITABLE));
  talk (ctx);
  assert_error (kit_try_call (ctx, &rec, "WRITE"), "NOT_SUPPORTED");
  release (ctx);
}

static void
test_socket (void **state) {
  assuan_context_t ctx = start ("serve", EVA_CONNECT_FDPASSING);
  struct rec like = { .name = "d", .cb.has_fd = true };
  unsigned int tries = 0;
  char buf[10];
  int fd[2];

  (void) state;
  assert_int_equal (eva_get_fd (ctx, EVA_READABLE), eva_get_fd (ctx, EVA_WRITABLE));
  talk (ctx);
  assert_int_equal (pipe2 (fd, O_CLOEXEC | O_NONBLOCK), 0);
  like.cb.fd = fd[1];
  kit_call_like (ctx, &like, "WRITE");
  close (fd[1]);
  kit_await ("d.done 0\n");
  assert_int_equal (read (fd[0], buf, sizeof buf), 6);
  while (read (fd[0], buf, 1))
    kit_turn (&tries); /* the child has not closed it yet */
  close (fd[0]);
  release (ctx);
}

/* Signals that its client ignores are none of its business.  */
static void
test_signals (void **state) {
  void (*old_int) (int) = signal (SIGINT, SIG_IGN), (*old_pipe) (int) = signal (SIGPIPE, SIG_IGN);

  (void) state;
  for (unsigned int flags = 0; flags < 2; flags++) {
    assuan_context_t ctx = start ("serve", flags ? EVA_CONNECT_FDPASSING : 0);
    kit_call (ctx, "a", "IGNORED");
    kit_await ("a.done 0 0\n");
    release (ctx);
  }
  assert_true (signal (SIGINT, old_int) == SIG_IGN && signal (SIGPIPE, old_pipe) == SIG_IGN);
}

/* Words are separated by blanks, which quotes keep in them; nothing is expanded.  */
static void
test_words (void **state) {
  assuan_context_t ctx = start ("serve  one   'two  2' \"\" th\\ ree $HOME\t*", 0);

  (void) state;
  kit_call (ctx, "a", "WORDS");
  kit_await ("a.status one\na.status two  2\na.status\na.status th ree\na.status $HOME\na.status "
             "*\na.done 0\n");
  release (ctx);
}

/* Words that the caller has already are not split, whatever is in them.  */
static void
test_argv (void **state) {
  const char *program = child ("") + 5; /* behind "exec:" */
  char path[PATH_MAX];
  const char *argv[] = { path, "serve", "one two", "", "$HOME", NULL };
  assuan_context_t ctx;

  (void) state;
  snprintf (path, sizeof path, "%.*s", (int) strlen (program) - 1, program);
  kit_config.argv = argv;
  ctx = kit_dial ("exec:");
  kit_await ("ready\n");
  argv[2] = "other"; /* not used any more */
  kit_call (ctx, "a", "WORDS");
  kit_await ("a.status one two\na.status\na.status $HOME\na.done 0\n");
  release (ctx);
  kit_config.argv = argv;
  ctx = kit_dial (child ("serve these")); /* an address that tells a program is one */
  kit_await ("ready\n");
  kit_call (ctx, "a", "WORDS");
  kit_await ("a.status these\na.done 0\n");
  release (ctx);
}

static void
test_argv_fails (void **state) {
  static const char *const argvs[][2] = {
    { NULL }, { "", NULL }, { "no-such-program", NULL }, { "/tmp", NULL }
  };
  static const char *const errors[] = { "INV_ARG", "INV_ARG", "ENOENT", "EACCES" };
  assuan_context_t ctx;

  (void) state;
  for (size_t i = 0; i < N_ELEMENTS (argvs); i++) {
    kit_config.argv = argvs[i];
    assert_error (eva_connect (kit_loop.loop, "exec:", &kit_config, &ctx), errors[i]);
  }
  kit_config.argv = NULL;
  assert_error (eva_connect (kit_loop.loop, "exec:", &kit_config, &ctx), "INV_ARG");
}

/* A server that was started has its client's stderr only if the client wants that.  */
static void
test_stderr (void **state) {
  (void) state;
  for (unsigned int flags = 0; flags < 4; flags++) {
    int old = dup (2), fd[2];
    assuan_context_t ctx;
    char buf[20];
    assert_int_equal (pipe2 (fd, O_CLOEXEC | O_NONBLOCK), 0);
    dup2 (fd[1], 2);
    close (fd[1]);
    ctx = start ("serve", flags);
    dup2 (old, 2);
    close (old);
    kit_call (ctx, "a", "COMPLAIN");
    kit_await ("a.done 0\n");
    assert_int_equal (read (fd[0], buf, sizeof buf), flags & EVA_CONNECT_STDERR ? 10 : 0);
    close (fd[0]);
    release (ctx);
  }
}

/* A program may have an environment and a directory of its own.  */
static void
test_surroundings (void **state) {
  static const char *const environment[] = { "EVA_TEST=a b", "HOME", NULL };
  assuan_context_t ctx;

  (void) state;
  for (unsigned int flags = 0; flags < 2; flags++) {
    kit_config.environment = environment;
    kit_config.directory = "/usr";
    ctx = start ("serve", flags ? EVA_CONNECT_FDPASSING : 0);
    kit_call (ctx, "a", "GETENV EVA_TEST");
    kit_call (ctx, "b", "GETENV HOME");
    kit_call (ctx, "c", "WHERE");
    kit_await ("a.done 0 a b\nb.done 0 (unset)\nc.done 0 /usr\n");
    release (ctx);
  }
  kit_config.directory = "/nonexistent";
  assert_error (eva_connect (kit_loop.loop, child ("serve"), &kit_config, &ctx), "ENOENT");
  kit_config.environment = (const char *const[]) { "", NULL };
  assert_error (eva_connect (kit_loop.loop, child ("serve"), &kit_config, &ctx), "INV_ARG");
}

static void
test_path (void **state) {
  char *path = strdup (getenv ("PATH"));
  assuan_context_t ctx;

  (void) state;
  setenv ("PATH", kit_format ("/nonexistent:%s:/usr/bin", kit_program_dir ()), 1);
  ctx = kit_dial ("exec:client-child serve");
  kit_await ("ready\n");
  talk (ctx);
  release (ctx);
  setenv ("PATH", path, 1);
  free (path);
}

/* Through pipes that block, in both directions, with more than they hold.  */
static void
talk_much (unsigned int flags) {
  struct rec like = { .name = "a", .no_data = true };
  assuan_context_t ctx = start ("serve", flags);
  char *big = calloc (1, 1 << 20);
  struct rec *rec;

  assert_non_null (big);
  memset (big, 'x', 1 << 20);
  for (int i = 0; i < 3; i++) {
    rec = kit_call (ctx, "a", "INQUIRE");
    kit_await ("a.inquire DATA\n");
    assert_error (eva_answer_data (rec->call, big, 1 << 20), "0");
    assert_error (eva_answer_end (rec->call), "0");
    kit_await (kit_format ("a.done 0 %d\n", 1 << 20));
    kit_call_like (ctx, &like, "MUCH");
    kit_await ("a.done ASS_NO_DATA_CB\n");
  }
  free (big);
  talk (ctx);
  release (ctx);
}

static void
test_much (void **state) {
  (void) state;
  talk_much (0);
  talk_much (EVA_CONNECT_FDPASSING);
}

static void
test_many (void **state) {
  assuan_context_t ctx[20];
  struct rec *recs[N_ELEMENTS (ctx)];
  unsigned int tries = 0;

  (void) state;
  for (size_t i = 0; i < N_ELEMENTS (ctx); i++)
    ctx[i] = kit_dial (child ("serve"));
  for (size_t i = 0; i < N_ELEMENTS (ctx); i++)
    recs[i] = kit_call (ctx[i], "a", "ECHO x");
  for (size_t i = 0; i < N_ELEMENTS (ctx); i++)
    while (!recs[i]->n_done)
      kit_turn (&tries);
  kit_await_end ("a.done 0\n");
  for (size_t i = 0; i < N_ELEMENTS (ctx); i++)
    assuan_release (ctx[i]);
  kit_await_reaping ();
}

/* --- Programs that are none ------------------------------------------------------------------- */

static void
refuse (const char *address, const char *error) {
  assuan_context_t ctx = NULL;

  assert_error (eva_connect (kit_loop.loop, address, &kit_config, &ctx), error);
  assert_null (ctx);
  kit_await_reaping ();
}

/* A file with TEXT and MODE.  */
static const char *
make_file (const char *name, const char *text, mode_t mode) {
  int fd = open (tmpdir_path (name), O_CREAT | O_WRONLY | O_CLOEXEC, mode);

  assert_true (fd >= 0);
  assert_true (write (fd, text, strlen (text)) >= 0);
  assert_int_equal (fchmod (fd, mode), 0);
  close (fd);
  return kit_format ("exec:%s", tmpdir_path (name));
}

static void
test_no_program (void **state) {
  (void) state;
  for (unsigned int flags = 0; flags < 2; flags++) {
    kit_config.flags = flags;
    refuse ("exec:/nonexistent/program", "ENOENT");
    refuse ("exec:evassuan-no-such-program x", "ENOENT");
    refuse ("exec:/tmp", "EACCES");
    refuse ("exec:sh 'x", "SYNTAX");
    refuse ("exec:sh \\", "SYNTAX");
    refuse ("exec:'' x", "INV_ARG");
    refuse (make_file ("plain", "text", 0600), "EACCES");
    unlink (tmpdir_path ("plain"));
  }
}

/* What only the kernel notices is told by the child.  */
static void
test_no_executable (void **state) {
  (void) state;
  for (unsigned int flags = 0; flags < 2; flags++) {
    assuan_context_t ctx;
    kit_config.flags = flags;
    ctx = kit_dial (make_file ("odd", "\177ELF nonsense", 0700));
    kit_call (ctx, "a", "NOP");
    kit_await_end ("closed ASS_SERVER_START\n");
    assert_non_null (strstr (eva_get_reason (ctx), "/odd': "));
    release (ctx);
    unlink (tmpdir_path ("odd"));
  }
}

/* --- What they say on stderr ------------------------------------------------------------------ */

#define NO_WORDS "the program ended without a greeting"

/* A program of the shell's COMMANDS, which end it, leaves REASON, which may stand behind an
   address.  */
static void
leave_words (const char *commands, const char *reason) {
  const char *address = make_file ("words", kit_format ("#!/bin/sh\n%s\nexit 1\n", commands), 0700);
  assuan_context_t ctx = kit_dial (address);
  const char *found;

  kit_await_end ("closed EPIPE\n");
  found = eva_get_reason (ctx);
  assert_non_null (found);
  assert_string_equal (found + strlen (found) - strlen (reason), reason);
  release (ctx);
  unlink (tmpdir_path ("words"));
}

static void
test_last_stderr (void **state) {
  (void) state;
  for (unsigned int passes = 0; passes < 2; passes++) {
    kit_config.flags = EVA_CONNECT_LAST_STDERR | (passes ? EVA_CONNECT_FDPASSING : 0);
    leave_words (":", NO_WORDS);
    leave_words ("echo first >&2; echo cannot read my files >&2", "cannot read my files");
    leave_words ("echo one >&2; echo >&2", "one");
    leave_words ("printf 'no line end' >&2", "no line end");
    leave_words ("printf 'two\\r\\n\\r\\n' >&2", "two");
    /* More than a pipe holds.  */
    leave_words ("head -c 300000 /dev/zero >&2; echo >&2; echo last >&2", "last");
  }
  kit_config.flags = 0;
  leave_words ("echo first >&2", NO_WORDS);
}

/* Of a long line the beginning is kept.  */
static void
test_long_stderr (void **state) {
  char line[1001];

  (void) state;
  memset (line, 'x', 1000);
  line[1000] = 0;
  kit_config.flags = EVA_CONNECT_LAST_STDERR;
  leave_words (kit_format ("echo %sy >&2", line), line);
}

/* What the server says itself counts more; the loop does not go on for the pipe.  */
static void
test_refusal_and_stderr (void **state) {
  assuan_context_t ctx;

  (void) state;
  kit_config.flags = EVA_CONNECT_LAST_STDERR;
  ctx = kit_dial (make_file (
      "words", "#!/bin/sh\necho stderr >&2\necho ERR 536871936 refused\nread line\n", 0700));
  kit_await ("closed USER_1\n");
  assert_string_equal (eva_get_reason (ctx), "refused");
  release (ctx);
  unlink (tmpdir_path ("words"));
}

/* Released while it talks.  */
static void
test_release_talker (void **state) {
  assuan_context_t ctx;

  (void) state;
  kit_config.flags = EVA_CONNECT_LAST_STDERR;
  ctx = kit_dial (make_file ("words", "#!/bin/sh\necho OK\necho a >&2\nread line\n", 0700));
  kit_await ("ready\n");
  release (ctx);
  unlink (tmpdir_path ("words"));
}

/* --- Lines of stderr -------------------------------------------------------------------------- */

static void (*on_line) (assuan_context_t ctx);

static void
note_line (assuan_context_t ctx, void *arg, const char *line) {
  assert_ptr_equal (arg, &kit_config);
  if (strlen (line) > 100)
    kit_note ("line of %zu", strlen (line));
  else
    kit_note ("line %s", line);
  if (on_line) on_line (ctx);
}

/* A program of the shell's COMMANDS is started, and TOLD of it.  */
static void
hear_lines (const char *commands, const char *told) {
  const char *address = make_file ("words", kit_format ("#!/bin/sh\n%s\n", commands), 0700);
  assuan_context_t ctx;

  kit_config.on_stderr = note_line;
  ctx = kit_dial (address);
  kit_await (told);
  release (ctx);
  unlink (tmpdir_path ("words"));
}

static void
test_lines (void **state) {
  (void) state;
  on_line = NULL;
  for (unsigned int flags = 0; flags < 2; flags++) {
    kit_config.flags = flags ? EVA_CONNECT_FDPASSING : 0;
    hear_lines (":", "closed EPIPE\n");
    hear_lines ("echo one >&2; echo >&2; printf 'two\\r\\nthree' >&2",
                "line one\nline \nline two\nline three\nclosed EPIPE\n");
    hear_lines ("printf 'a\\0b\\n' >&2", "line a?b\nclosed EPIPE\n");
    hear_lines ("head -c 1000 /dev/zero | tr '\\0' x >&2; echo >&2; "
                "head -c 300000 /dev/zero >&2; echo >&2; echo z >&2",
                "line of 1000\nline of 1000\nline z\nclosed EPIPE\n");
  }
}

/* The lines are told while the server is in service.  */
static void
test_lines_in_service (void **state) {
  assuan_context_t ctx;

  (void) state;
  on_line = NULL;
  kit_config.on_stderr = note_line;
  ctx = start ("serve", 0);
  kit_call (ctx, "a", "COMPLAIN");
  kit_call (ctx, "b", "COMPLAIN");
  for (unsigned int tries = 0; !kit_has_noted ("b.done") || !kit_has_noted ("line complaint");)
    kit_turn (&tries);
  kit_await_end ("\n"); /* whichever came last */
  release (ctx);
}

/* With the last line as the reason.  */
static void
test_lines_and_reason (void **state) {
  assuan_context_t ctx;

  (void) state;
  on_line = NULL;
  kit_config.on_stderr = note_line;
  kit_config.flags = EVA_CONNECT_LAST_STDERR;
  ctx = kit_dial (make_file ("words", "#!/bin/sh\necho one >&2; echo two >&2\n", 0700));
  kit_await ("line one\nline two\nclosed EPIPE\n");
  assert_string_equal (eva_get_reason (ctx), "two");
  release (ctx);
  unlink (tmpdir_path ("words"));
  kit_config.flags = 0;
  ctx = kit_dial (make_file ("words", "#!/bin/sh\necho one >&2\n", 0700));
  kit_await ("line one\nclosed EPIPE\n");
  assert_non_null (strstr (eva_get_reason (ctx), NO_WORDS));
  release (ctx);
  unlink (tmpdir_path ("words"));
}

/* A callback ends the connection, or releases its context; no more lines come then.  */
static void
close_it (assuan_context_t ctx) {
  eva_close (ctx);
  on_line = NULL;
}

static void
release_it (assuan_context_t ctx) {
  assuan_release (ctx);
}

static void
test_end_in_line (void **state) {
  const char *stays, *leaves;

  (void) state;
  kit_config.on_stderr = note_line;
  stays = make_file ("stays", "#!/bin/sh\nprintf 'a\\nb\\n' >&2; echo OK; read x\n", 0700);
  leaves = make_file ("leaves", "#!/bin/sh\nprintf 'a\\nb\\n' >&2\n", 0700);
  for (int i = 0; i < 20; i++) {
    assuan_context_t ctx;
    on_line = release_it;
    ctx = kit_dial (i % 2 ? stays : leaves);
    kit_call (ctx, "a", "NOP");
    for (unsigned int tries = 0; !kit_has_noted ("line");)
      kit_turn (&tries);
    kit_await_end ("a.done CANCELED\n");
    kit_await_reaping ();
    kit_expect ("");
    on_line = close_it;
    ctx = kit_dial (stays);
    for (unsigned int tries = 0; !kit_has_noted ("closed");)
      kit_turn (&tries);
    kit_await_end ("closed CANCELED\n");
    release (ctx);
  }
  unlink (tmpdir_path ("stays"));
  unlink (tmpdir_path ("leaves"));
}

/* One that never ends its talking does not hold anything up, and ends with its client.  */
static void
test_endless_lines (void **state) {
  assuan_context_t ctx;

  (void) state;
  on_line = NULL;
  kit_config.on_stderr = note_line;
  ctx = kit_dial (make_file ("words",
                             "#!/bin/sh\nyes >&2 & echo OK; while read x; do echo OK; done\n"
                             "kill $!\n",
                             0700));
  for (unsigned int tries = 0; !kit_has_noted ("ready");)
    kit_turn (&tries);
  kit_call (ctx, "a", "NOP");
  for (unsigned int tries = 0; !kit_has_noted ("a.done 0");)
    kit_turn (&tries);
  eva_close (ctx);
  for (unsigned int tries = 0; !kit_has_noted ("closed");)
    kit_turn (&tries);
  kit_await_end ("closed CANCELED\n");
  kit_settle ();
  release (ctx);
  unlink (tmpdir_path ("words"));
}

/* Why a program is not there comes to closed, if all errors do.  */
static void
test_late_reason (void **state) {
  static const char *const cases[][3] = {
    { "exec:/nonexistent/x y", "ENOENT",
      "cannot connect to exec:/nonexistent/x y: there is no directory /nonexistent" },
    { "exec:sh 'x", "SYNTAX", "cannot connect to exec:sh 'x: a quote does not end" },
  };

  (void) state;
  kit_config.flags = EVA_CONNECT_LATE_ERRORS;
  kit_on_closed = kit_note_reason;
  for (size_t i = 0; i < N_ELEMENTS (cases); i++) {
    assuan_context_t ctx = kit_dial (cases[i][0]);
    kit_await (kit_format ("closed %s\nreason %s\n", cases[i][1], cases[i][2]));
    release (ctx);
  }
}

/* --- Programs that behave badly --------------------------------------------------------------- */

static void
misbehave (const char *mode, const char *told) {
  for (unsigned int flags = 0; flags < 2; flags++) {
    assuan_context_t ctx;
    kit_config.flags = flags;
    kit_config.greeting_timeout_ms = strcmp (mode, "mute") ? 0 : 20;
    ctx = kit_dial (child (mode));
    kit_call (ctx, "a", "NOP");
    kit_await (told);
    release (ctx);
  }
}

static void
test_bad_beginnings (void **state) {
  (void) state;
  misbehave ("exit", "a.done EOF\nclosed EPIPE\n");
  misbehave ("half", "a.done EOF\nclosed EPIPE\n");
  misbehave ("refuse", "a.done USER_1\nclosed USER_1\n");
  misbehave ("mute", "a.done TIMEOUT\nclosed TIMEOUT\n");
}

/* One that reads no more, but stays, is no reason to be busy.  */
static void
note_time (void *arg) {
  *(bool *) arg = true;
}

static void
test_deaf (void **state) {
  char *big = calloc (1, 1 << 20);
  assuan_context_t ctx = start ("deaf", 0);
  struct rec *rec = kit_call (ctx, "a", "INQUIRE");
  unsigned int n_turns = 0;
  bool is_time = false;
  eva_source *timer;

  (void) state;
  assert_non_null (big);
  kit_await ("a.inquire DATA\n");
  assert_error (eva_answer_data (rec->call, big, 1 << 20), "0"); /* it has to be waited for room */
  assert_error (eva_answer_end (rec->call), "0");
  free (big);
  kit_await ("a.status DEAF\n");
  timer = eva_loop_add_timer (kit_loop.loop, 100, note_time, &is_time);
  while (!is_time) {
    test_loop_turn (&kit_loop, true);
    n_turns++;
  }
  eva_source_free (timer);
  assert_true (n_turns < 50);
  kill (assuan_get_pid (ctx), SIGKILL);
  kit_await ("a.done EOF\nclosed EPIPE\n");
  release (ctx);
}

/* Killed while much is on its way: there is no SIGPIPE.  */
static void
test_killed (void **state) {
  char *big = calloc (1, 1 << 20);

  (void) state;
  assert_non_null (big);
  for (unsigned int flags = 0; flags < 2; flags++) {
    assuan_context_t ctx = start ("serve", flags);
    struct rec *rec = kit_call (ctx, "a", "INQUIRE");
    kit_await ("a.inquire DATA\n");
    kill (assuan_get_pid (ctx), SIGKILL);
    eva_answer_data (rec->call, big, 1 << 20);
    kit_await ("a.done EOF\nclosed EPIPE\n");
    release (ctx);
  }
  free (big);
}

/* --- Programs that stay ----------------------------------------------------------------------- */

/* Returns the writing end of what keeps the child, and the child at RET_CTX.  */
static int
start_lingering (assuan_context_t *ret_ctx) {
  int fd;

  assert_int_equal (mkfifo (tmpdir_path ("fifo"), 0600), 0);
  fd = open (tmpdir_path ("fifo"), O_RDWR | O_CLOEXEC);
  assert_true (fd >= 0);
  *ret_ctx = start (kit_format ("linger %s", tmpdir_path ("fifo")), 0);
  return fd;
}

/* No call waits for it; the loop reaps it when it has ended.  */
static void
test_linger (void **state) {
  assuan_context_t ctx;
  int fd = start_lingering (&ctx);

  (void) state;
  assuan_release (ctx);
  kit_settle ();
  assert_true (kit_has_child ());
  close (fd);
  kit_await_reaping ();
}

static bool
lives (pid_t pid) {
  siginfo_t info = { .si_pid = 0 };

  return !waitid (P_PID, (id_t) pid, &info, WEXITED | WNOHANG | WNOWAIT) && !info.si_pid;
}

/* Starts a process that keeps what is written to FD from ending, for a while.  */
static pid_t
start_keeper (void) {
  pid_t pid = fork ();

  assert_true (pid >= 0);
  if (pid) return pid;
  sleep (20);
  _exit (0);
}

/* The loop does not go on for it alone.  */
static void
test_linger_alone (void **state) {
  assuan_context_t ctx;
  int fd = start_lingering (&ctx);
  pid_t pid = assuan_get_pid (ctx), keeper = start_keeper ();

  (void) state;
  close (fd);
  assuan_release (ctx);
  if (test_loop_run_out (&kit_loop)) assert_true (lives (pid));
  kill (keeper, SIGKILL);
  assert_int_equal (waitpid (keeper, NULL, 0), keeper);
  kit_await_reaping ();
}

/* Likewise one that was started with assuan.h, if its client is in a loop when it is released.  */
static void
test_linger_attached (void **state) {
  char program[PATH_MAX + 20];
  const char *argv[] = { "client-child", "linger", NULL, NULL };
  assuan_context_t ctx;
  int fd;

  (void) state;
  snprintf (program, sizeof program, "%s/client-child", kit_program_dir ());
  argv[2] = tmpdir_path ("fifo");
  assert_int_equal (mkfifo (argv[2], 0600), 0);
  fd = open (argv[2], O_RDWR | O_CLOEXEC);
  assert_true (fd >= 0);
  assert_int_equal (assuan_new (&ctx), 0);
  assert_error (assuan_pipe_connect (ctx, program, argv, NULL, NULL, NULL, 0), "0");
  assert_error (eva_attach (ctx, kit_loop.loop, NULL, NULL), "0");
  assuan_release (ctx);
  kit_settle ();
  assert_true (kit_has_child ());
  close (fd);
  kit_await_reaping ();
}

/* The loop goes first: then it is left to the process.  */
static void
test_linger_behind_loop (void **state) {
  assuan_context_t ctx;
  int fd = start_lingering (&ctx);

  (void) state;
  assuan_release (ctx);
  kit_settle ();
  kit_free_loop ();
  assert_true (kit_has_child ());
  close (fd);
  assert_true (waitpid (-1, NULL, 0) > 0);
}

static void
test_close (void **state) {
  assuan_context_t ctx = start ("serve", 0);

  (void) state;
  eva_close (ctx);
  kit_await ("closed CANCELED\n");
  release (ctx);
}

static const struct CMUnitTest tests[] = {
  kit_test (test_pipes),
  kit_test (test_socket),
  kit_test (test_signals),
  kit_test (test_words),
  kit_test (test_path),
  kit_test (test_much),
  kit_test (test_many),
  kit_test (test_no_program),
  kit_test (test_no_executable),
  kit_test (test_last_stderr),
  kit_test (test_long_stderr),
  kit_test (test_refusal_and_stderr),
  kit_test (test_release_talker),
  kit_test (test_bad_beginnings),
  kit_test (test_deaf),
  kit_test (test_killed),
  kit_test (test_linger),
  kit_test (test_linger_attached),
  kit_test (test_linger_alone),
  kit_test (test_linger_behind_loop),
  kit_test (test_close),
  kit_test (test_argv),
  kit_test (test_argv_fails),
  kit_test (test_stderr),
  kit_test (test_surroundings),
  kit_test (test_lines),
  kit_test (test_lines_in_service),
  kit_test (test_lines_and_reason),
  kit_test (test_end_in_line),
  kit_test (test_endless_lines),
  kit_test (test_late_reason),
};

const struct suite program_suite = { "program", tests, N_ELEMENTS (tests) };
