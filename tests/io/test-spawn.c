/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-spawn.c - children of the default spawn function.

   The program executes itself: with "report" as first argument it says what it was born with,
   line by line, and ends with OK.  What has to happen in a process of its own, like closing the
   standard descriptors, happens in a fork, and its exit code is asserted.  */

#include "fixture.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/spawn.h"

#define SELF "/proc/self/exe"

static struct eva__io_sys sys;

/* --- The child -------------------------------------------------------------------------------- */

/* Returns one letter for what descriptor FD is: - closed, n /dev/null, p pipe, s socket, f
   anything else.  */
static char
kind_of (int fd) {
  struct stat st;

  if (fstat (fd, &st) < 0) return '-';
  if (S_ISCHR (st.st_mode) && st.st_rdev == makedev (1, 3)) return 'n';
  if (S_ISFIFO (st.st_mode)) return 'p';
  return S_ISSOCK (st.st_mode) ? 's' : 'f';
}

static int
report (int argc, char **argv) {
  const char *connection = getenv ("_assuan_connection_fd");
  const char *parent = getenv ("_assuan_pipe_connect_pid"), *extra = getenv ("EVA_TEST_EXTRA");
  FILE *out = fdopen (connection ? atoi (connection) : 1, "w");
  DIR *dir;
  struct dirent *entry;

  if (!out) return 1;
  fprintf (out, "parent %s connection %s extra %s\n", parent ? parent : "-",
           connection ? connection : "-", extra ? extra : "-");
  fprintf (out, "std %c%c%c\n", kind_of (0), kind_of (1), kind_of (2));
  fputs ("fds", out);
  dir = opendir ("/proc/self/fd");
  while (dir && (entry = readdir (dir))) {
    int fd = atoi (entry->d_name);
    if (entry->d_name[0] != '.' && fd > 2 && fd != dirfd (dir)) fprintf (out, " %d", fd);
  }
  if (dir) closedir (dir);
  fputs ("\nargs", out);
  for (int i = 1; i < argc; i++)
    fprintf (out, " %s", argv[i]);
  fputs ("\nOK\n", out);
  return fclose (out) ? 1 : 0;
}

/* --- The parent ------------------------------------------------------------------------------- */

/* What came of a spawn.  */
struct result {
  assuan_fd_t in_fd, out_fd;
  pid_t pid;
  char text[4096]; /* all that the child said */
  int code;        /* its exit code */
};

static int
start (struct eva__io_spawn *how, struct result *r) {
  static const char *argv[] = { "test-spawn", "report", "an arg", NULL };

  eva__io_sys_init (&sys, NULL, NULL);
  if (!how->argv) how->argv = argv;
  if (!how->name) how->name = SELF;
  r->pid = -1;
  r->in_fd = r->out_fd = -1;
  return eva__io_spawn (&sys, how, &r->in_fd, &r->out_fd, &r->pid);
}

/* Lets the child say its say and end.  */
static void
finish (struct result *r) {
  read_rest (r->in_fd, r->text, sizeof r->text);
  close (r->in_fd);
  if (r->out_fd != r->in_fd) close (r->out_fd);
  r->code = child_exit_code (r->pid);
}

static void
run (struct eva__io_spawn *how, struct result *r) {
  assert_int_equal (start (how, r), 0);
  assert_true (r->pid > 0);
  assert_true (is_cloexec (r->in_fd) && is_cloexec (r->out_fd));
  assert_true (r->in_fd > 2 && r->out_fd > 2);
  finish (r);
}

/* Asserts that line LINE, without LF, is in the report.  */
__attribute__ ((format (printf, 2, 3))) static void
assert_line (const struct result *r, const char *format, ...) {
  char line[200];
  va_list ap;

  va_start (ap, format);
  line[0] = '\n';
  vsnprintf (line + 1, sizeof line - 2, format, ap);
  va_end (ap);
  strcat (line, "\n");
  if (!strncmp (r->text, line + 1, strlen (line + 1)) || strstr (r->text, line)) return;
  print_message ("# no line `%s' in:\n# %s\n", line + 1, r->text);
  fail ();
}

/* Runs TEST in a process of its own.  It returns 0 if all is well.  */
static void
in_a_fork (int (*test) (void)) {
  pid_t pid = fork ();

  if (!pid) _exit (test ());
  assert_int_equal (child_exit_code (pid), 0);
}

/* --- Environment ------------------------------------------------------------------------------ */

/* A pipe server must not take its parent's connection for its own.  */
static void
test_environment_of_pipes (void **state) {
  struct eva__io_spawn how = { .socketpair = false };
  struct result r;

  (void) state;
  setenv ("_assuan_connection_fd", "7", 1);
  setenv ("_assuan_pipe_connect_pid", "1", 1);
  run (&how, &r);
  assert_string_equal (getenv ("_assuan_connection_fd"), "7");
  assert_string_equal (getenv ("_assuan_pipe_connect_pid"), "1");
  unsetenv ("_assuan_connection_fd");
  unsetenv ("_assuan_pipe_connect_pid");
  assert_line (&r, "parent %d connection - extra -", (int) getpid ());
  assert_line (&r, "args report an arg");
  assert_line (&r, "OK");
  assert_int_equal (r.code, 0);
}

static void
test_environment_of_socketpair (void **state) {
  struct eva__io_spawn how = { .socketpair = true };
  struct result r;
  int connection = -1;

  (void) state;
  run (&how, &r);
  assert_null (getenv ("_assuan_connection_fd"));
  assert_null (getenv ("_assuan_pipe_connect_pid"));
  assert_int_equal (sscanf (r.text, "parent %*d connection %d", &connection), 1);
  assert_true (connection > 2);
  assert_line (&r, "parent %d connection %d extra -", (int) getpid (), connection);
  assert_line (&r, "std nnn");
  assert_line (&r, "fds %d", connection);
  assert_int_equal (r.in_fd, r.out_fd);
}

/* The callback's time is before everything else: it sees the parent's descriptors, and what it
   sets in the environment reaches the program.  */
static int atfork_pipe = -1;

static void
atfork (void *opaque, int reserved) {
  const char *text = opaque;

  if (reserved || write (atfork_pipe, text, strlen (text)) < 0) _exit (99);
  setenv ("EVA_TEST_EXTRA", "yes", 1);
  for (int i = 0; i < 100; i++) {
    char name[32];
    snprintf (name, sizeof name, "EVA_TEST_%d", i);
    setenv (name, "many", 1);
  }
}

static void
test_atfork (void **state) {
  struct eva__io_spawn how = { .atfork = atfork, .atfork_value = (char[]) { "called" } };
  struct result r;
  char buf[16];
  int fd[2];

  (void) state;
  for (int i = 0; i < 2; i++) {
    how.socketpair = i;
    fds_pipe (fd, 0);
    atfork_pipe = fd[1];
    run (&how, &r);
    close (fd[1]);
    assert_int_equal (read_rest (fd[0], buf, sizeof buf), 6);
    assert_string_equal (buf, "called");
    close (fd[0]);
    assert_non_null (strstr (r.text, " extra yes\n"));
    assert_null (getenv ("EVA_TEST_EXTRA"));
  }
}

/* --- Descriptors ------------------------------------------------------------------------------ */

static void
test_standard_descriptors (void **state) {
  const assuan_fd_t with_stderr[] = { 2, ASSUAN_INVALID_FD };
  struct eva__io_spawn how = { .socketpair = false };
  char expected[] = "std pp?";
  struct result r;

  (void) state;
  run (&how, &r);
  assert_line (&r, "std ppn");
  assert_line (&r, "fds");
  how.fd_list = with_stderr;
  run (&how, &r);
  expected[6] = kind_of (2);
  assert_line (&r, "%s", expected);
}

/* Those in the list are there, close-on-exec or not, in any order; all the rest is not.  */
static void
test_list (void **state) {
  assuan_fd_t list[5];
  struct eva__io_spawn how = { .fd_list = list };
  struct result r;
  int first = open ("/dev/null", O_RDONLY | O_CLOEXEC);
  int keep[4], leak[4];

  (void) state;
  for (int i = 0; i < 4; i++) {
    leak[i] = fcntl (first, F_DUPFD, 100 + 20 * i);
    keep[i] = fcntl (first, i & 1 ? F_DUPFD : F_DUPFD_CLOEXEC, 110 + 20 * i);
    assert_true (leak[i] == 100 + 20 * i && keep[i] == 110 + 20 * i);
  }
  list[0] = keep[3];
  list[1] = keep[0];
  list[2] = keep[2];
  list[3] = keep[1];
  list[4] = ASSUAN_INVALID_FD;
  run (&how, &r);
  assert_line (&r, "fds 110 130 150 170");
  assert_int_equal (list[0], keep[3]);
  assert_true (is_cloexec (keep[0]));
  assert_false (is_cloexec (keep[1]));
  for (int i = 0; i < 4; i++) {
    close (leak[i]);
    close (keep[i]);
  }
  close (first);
}

/* In socket pair mode the connection is not on 0 and 1, so these can be listed too.  */
static void
test_listed_standard_descriptors (void **state) {
  const assuan_fd_t list[] = { 0, ASSUAN_INVALID_FD };
  struct eva__io_spawn how = { .socketpair = true, .fd_list = list };
  char expected[] = "std ?nn";
  struct result r;
  int saved = dup (0), fd[2];

  (void) state;
  fds_pipe (fd, 0);
  dup2 (fd[0], 0);
  run (&how, &r);
  expected[4] = 'p';
  assert_line (&r, "%s", expected);
  dup2 (saved, 0);
  close (saved);
  fds_close_pair (fd);
}

/* --- No standard descriptors ------------------------------------------------------------------ */

/* Runs both modes with descriptors 0 to 2 closed as MASK says.  Nothing can be printed here.  */
static int
try_without (unsigned int mask) {
  for (int i = 0; i < 2; i++) {
    assuan_fd_t list[] = { 2, ASSUAN_INVALID_FD };
    struct eva__io_spawn how = { .socketpair = i, .fd_list = list };
    struct result r;
    int status;
    ssize_t n;
    size_t len = 0;
    for (int fd = 0; fd < 3; fd++)
      if (mask & 1u << fd) close (fd);
    if (start (&how, &r)) return 10;
    if (r.in_fd < 3 || r.out_fd < 3) return 11;
    for (int fd = 0; fd < 3; fd++)
      if ((mask & 1u << fd) && fds_is_open (fd)) return 12;
    while ((n = read (r.in_fd, r.text + len, sizeof r.text - 1 - len)) > 0)
      len += (size_t) n;
    r.text[len] = 0;
    close (r.in_fd);
    if (r.out_fd != r.in_fd) close (r.out_fd);
    if (waitpid (r.pid, &status, 0) != r.pid || status) return 13;
    if (!strstr (r.text, "\nOK\n")) return 14;
    if (!strstr (r.text, i ? "\nstd nn" : "\nstd pp")) return 15;
    if ((mask & 4) && !strstr (r.text, i ? "\nstd nnn\n" : "\nstd ppn\n")) return 16;
  }
  return 0;
}

static unsigned int closed_mask;

static int
without_standard (void) {
  return try_without (closed_mask);
}

static void
test_closed_standard_descriptors (void **state) {
  (void) state;
  for (closed_mask = 1; closed_mask < 8; closed_mask++)
    in_a_fork (without_standard);
}

/* The hook can be handed low numbers by others.  */
static int
low_ends (void) {
  const char *argv[] = { "test-spawn", "report", NULL };
  assuan_fd_t none[] = { 2, ASSUAN_INVALID_FD };
  int up[2], down[2], status;
  char text[2000] = "";
  size_t len = 0;
  ssize_t n;
  pid_t pid;

  if (pipe2 (up, O_CLOEXEC) || pipe2 (down, O_CLOEXEC)) return 20;
  /* Crosswise: the child's input on 1, its output on 2, which is listed as if it were the
     parent's.  */
  if (dup2 (down[0], 1) < 0 || dup2 (up[1], 2) < 0) return 21;
  close (down[0]);
  close (up[1]);
  if (__assuan_spawn (NULL, &pid, SELF, argv, 1, 2, none, NULL, NULL, 0)) return 22;
  close (1);
  close (2);
  while ((n = read (up[0], text + len, sizeof text - 1 - len)) > 0)
    len += (size_t) n;
  if (waitpid (pid, &status, 0) != pid || status) return 23;
  return strstr (text, "\nstd ppn\n") && strstr (text, "\nfds\n") ? 0 : 24;
}

static void
test_low_ends (void **state) {
  (void) state;
  in_a_fork (low_ends);
}

/* --- Old kernels ------------------------------------------------------------------------------ */

/* A sandbox that refuses close_range.  */
static int
without_close_range (void) {
  struct sock_filter code[] = {
    BPF_STMT (BPF_LD | BPF_W | BPF_ABS, 0), /* the number of the call */
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, 436, 0, 1),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = { .len = 4, .filter = code };
  assuan_fd_t list[] = { 110, ASSUAN_INVALID_FD };
  struct eva__io_spawn how = { .fd_list = list };
  struct result r;
  size_t len = 0;
  ssize_t n;
  int status;

  if (prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) return 0; /* nothing to test with */
  if (prctl (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) return 0;
  if (dup2 (0, 100) < 0 || dup2 (0, 110) < 0 || dup2 (0, 120) < 0) return 30;
  if (start (&how, &r)) return 31;
  while ((n = read (r.in_fd, r.text + len, sizeof r.text - 1 - len)) > 0)
    len += (size_t) n;
  r.text[len] = 0;
  if (waitpid (r.pid, &status, 0) != r.pid || status) return 32;
  return strstr (r.text, "\nfds 110\n") ? 0 : 33;
}

static void
test_no_close_range (void **state) {
  (void) state;
  in_a_fork (without_close_range);
}

/* --- Failing ---------------------------------------------------------------------------------- */

/* The parent reads an ERR line where it waits for a greeting.  */
static void
test_no_program (void **state) {
  struct eva__io_spawn how = { .name = "/nonexistent/server" };
  struct result r;
  char expected[200];

  (void) state;
  snprintf (expected, sizeof expected,
            "ERR %u can't exec '/nonexistent/server': No such file or directory\n",
            gpg_err_make (GPG_ERR_SOURCE_ASSUAN, GPG_ERR_ASS_SERVER_START));
  for (int i = 0; i < 2; i++) {
    how.socketpair = i;
    run (&how, &r);
    assert_string_equal (r.text, expected);
    assert_int_equal (r.code, 4);
  }
}

/* It is one line that fits into a line, whatever the name.  */
static void
test_odd_names (void **state) {
  struct eva__io_spawn how = { .name = "/nonexistent\nOK" };
  char name[3000];
  struct result r;

  (void) state;
  run (&how, &r);
  assert_non_null (strstr (r.text, "'/nonexistent?OK'"));
  assert_ptr_equal (strchr (r.text, '\n'), r.text + strlen (r.text) - 1);
  memset (name, 'x', sizeof name - 1);
  name[sizeof name - 1] = 0;
  how.name = name;
  run (&how, &r);
  assert_true (strlen (r.text) <= 1000);
  assert_ptr_equal (strchr (r.text, '\n'), r.text + strlen (r.text) - 1);
  assert_int_equal (r.code, 4);
}

static void
test_bad_arguments (void **state) {
  const char *argv[] = { "x", NULL };
  struct eva__io_spawn how = { .argv = argv };
  struct result r;

  (void) state;
  eva__io_sys_init (&sys, NULL, NULL);
  /* A fork without exec has nothing to read from standard input. */
  assert_fails (eva__io_spawn (&sys, &how, &r.in_fd, &r.out_fd, &r.pid), EINVAL);
  assert_string_equal (argv[0], "x");
  how.argv = NULL;
  how.name = SELF;
  assert_fails (eva__io_spawn (&sys, &how, &r.in_fd, &r.out_fd, &r.pid), EINVAL);
}

/* --- Fork only -------------------------------------------------------------------------------- */

static void
test_fork_only (void **state) {
  const char *argv[] = { "x", NULL };
  assuan_fd_t list[] = { dup (0), ASSUAN_INVALID_FD };
  struct eva__io_spawn how = { .argv = argv, .socketpair = true, .fd_list = list };
  int leak = dup (0), rc;
  char name[] = "x", *report_argv[] = { name, name, NULL };
  char expected[100];
  struct result r;
  pid_t parent = getpid ();

  (void) state;
  eva__io_sys_init (&sys, NULL, NULL);
  r.pid = 77;
  rc = eva__io_spawn (&sys, &how, &r.in_fd, &r.out_fd, &r.pid);
  if (getpid () != parent) {
    report_argv[1] = (char *) (uintptr_t) argv[0];
    if (rc != 1 || r.pid != 77) _exit (90);
    _exit (report (2, report_argv));
  }
  assert_int_equal (rc, 0);
  assert_string_equal (argv[0], "client");
  finish (&r);
  assert_int_equal (r.code, 0);
  assert_line (&r, "args server");
  assert_line (&r, "std nnn");
  assert_non_null (strstr (r.text, "OK\n"));
  snprintf (expected, sizeof expected, "parent %d connection ", (int) parent);
  assert_non_null (strstr (r.text, expected));
  snprintf (expected, sizeof expected, "\nfds %d ", list[0]);
  assert_non_null (strstr (r.text, expected));
  snprintf (expected, sizeof expected, " %d\n", leak);
  assert_null (strstr (r.text, expected));
  assert_null (getenv ("_assuan_connection_fd"));
  close (leak);
  close (list[0]);
}

int
main (int argc, char **argv) {
  const struct CMUnitTest tests[] = {
    fixture_test (test_environment_of_pipes),
    fixture_test (test_environment_of_socketpair),
    fixture_test (test_atfork),
    fixture_test (test_standard_descriptors),
    fixture_test (test_list),
    fixture_test (test_listed_standard_descriptors),
    fixture_test (test_closed_standard_descriptors),
    fixture_test (test_low_ends),
    fixture_test (test_no_close_range),
    fixture_test (test_no_program),
    fixture_test (test_odd_names),
    fixture_test (test_bad_arguments),
    fixture_test (test_fork_only),
  };

  if (argc > 1 && !strcmp (argv[1], "report")) return report (argc, argv);
  return cmocka_run_group_tests_name ("spawn", tests, NULL, NULL);
}
