/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-program.c - servers that are started by their command line, and what becomes of children.

   The program executes itself: with "report" as first argument it says how it was called, and
   waits for its input to end.  */

#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/child.h"
#include "io/program.h"

#define SELF "/proc/self/exe"

/* --- Words ------------------------------------------------------------------------------------ */

/* Returns the words of PROGRAM, each in angle brackets.  */
static const char *
words_of (const struct eva__io_program *program) {
  static char text[1000];

  text[0] = 0;
  for (const char *const *word = program->argv; *word; word++)
    sprintf (text + strlen (text), "<%s>", *word);
  return text;
}

static void
test_words (void **state) {
  static const char *const commands[][2] = {
    { "/bin/sh", "</bin/sh>" },
    { "/bin/sh a b", "</bin/sh><a><b>" },
    { "  /bin/sh \t a\t\tb \t", "</bin/sh><a><b>" },
    { "/bin/sh 'a b' \"c\" \\ d $HOME *", "</bin/sh><a b><c>< d><$HOME><*>" },
    { "'/bin/sh' ''", "</bin/sh><>" },
    { "/bin/sh a\nb", "</bin/sh><a\nb>" },
  };

  (void) state;
  for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
    struct eva__io_program *program;
    assert_int_equal (eva__io_program_new (commands[i][0], &program), 0);
    assert_string_equal (program->path, "/bin/sh");
    assert_string_equal (words_of (program), commands[i][1]);
    free (program);
  }
}

static void
test_no_words (void **state) {
  struct eva__io_program *program = NULL;

  (void) state;
  assert_fails (eva__io_program_new ("", &program), EINVAL);
  assert_fails (eva__io_program_new (" \t ", &program), EINVAL);
  assert_fails (eva__io_program_new ("'' x", &program), EINVAL);
  assert_fails (eva__io_program_new ("/bin/sh 'x", &program), EBADMSG);
  assert_null (program);
}

/* --- PATH ------------------------------------------------------------------------------------- */

/* Makes an executable, or what only looks like one, and returns its path.  */
static const char *
make_file (const char *name, mode_t mode) {
  const char *path = fixture_file (name, "#!/bin/sh\n", 10);

  assert_int_equal (chmod (path, mode), 0);
  return path;
}

static const char *
make_dir (const char *name) {
  const char *path = tmpdir_path (name);

  assert_int_equal (mkdir (path, 0700), 0);
  return path;
}

/* Returns where COMMAND is found with PATH (NULL: unset), or NULL with errno.  */
static const char *
find_in (const char *path, const char *command) {
  static char found[PATH_MAX];
  char *old = getenv ("PATH") ? strdup (getenv ("PATH")) : NULL;
  struct eva__io_program *program;
  int rc, error;

  if (path)
    setenv ("PATH", path, 1);
  else
    unsetenv ("PATH");
  rc = eva__io_program_new (command, &program);
  error = errno;
  if (old)
    setenv ("PATH", old, 1);
  else
    unsetenv ("PATH");
  free (old);
  errno = error;
  if (rc < 0) return NULL;
  strcpy (found, program->path);
  free (program);
  return found;
}

#define assert_not_found(path, command, error)                                                     \
  do {                                                                                             \
    errno = 0;                                                                                     \
    assert_null (find_in ((path), (command)));                                                     \
    assert_int_equal (errno, (error));                                                             \
  } while (0)

static void
test_path (void **state) {
  const char *dir = tmpdir_path ("");
  char path[2000], there[400], inner[400];

  (void) state;
  snprintf (there, sizeof there, "%s", make_file ("prog", 0700));
  make_dir ("a");
  snprintf (inner, sizeof inner, "%s", make_file ("a/prog", 0700));

  snprintf (path, sizeof path, "/nonexistent:%sa:%s", dir, dir);
  assert_string_equal (find_in (path, "prog x"), inner);
  unlink (inner);
  snprintf (path, sizeof path, "/nonexistent:%.*s:%sa", (int) strlen (dir) - 1, dir, dir);
  assert_string_equal (find_in (path, "prog x"), there);
  /* The first word only, and only names without a slash.  */
  assert_not_found (path, "none prog", ENOENT);
  assert_not_found (path, "./none", ENOENT);
  assert_not_found ("/nonexistent", "prog", ENOENT);
  assert_not_found (there, "prog", ENOENT);
}

/* A file may be younger than a time_t of 32 bits can tell.  */
static void
test_young (void **state) {
  const struct timespec times[2] = { { .tv_sec = 2208988800 }, { .tv_sec = 2208988800 } };
  char there[400];

  (void) state;
  snprintf (there, sizeof there, "%s", make_file ("prog", 0700));
  assert_int_equal (utimensat (AT_FDCWD, there, times, 0), 0);
  assert_string_equal (find_in ("/nonexistent", there), there);
}

static void
test_default_path (void **state) {
  (void) state;
  assert_string_equal (find_in (NULL, "sh"), "/bin/sh");
  assert_not_found (NULL, "no-such-program", ENOENT);
}

/* An empty element is the current directory, at every place.  */
static void
test_current_directory (void **state) {
  static const char *const paths[] = { "", ":", "/nonexistent:", ":/nonexistent", "/a::/b" };
  int old = open (".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

  (void) state;
  make_file ("prog", 0700);
  assert_not_found ("/nonexistent", "prog", ENOENT);
  assert_int_equal (chdir (tmpdir_path ("")), 0);
  for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
    assert_string_equal (find_in (paths[i], "prog"), "prog");
  assert_not_found ("/nonexistent", "prog", ENOENT);
  assert_string_equal (find_in ("/nonexistent", "./prog"), "./prog");
  assert_int_equal (fchdir (old), 0);
  close (old);
}

/* What cannot be executed is passed over, and remembered if there is nothing else.  */
static void
test_not_executable (void **state) {
  char path[1000], good[400], dir[300];

  (void) state;
  snprintf (dir, sizeof dir, "%s", tmpdir_path (""));
  make_dir ("a");
  make_dir ("b");
  make_dir ("a/prog");
  make_file ("b/prog", 0600);
  snprintf (path, sizeof path, "%sa:%sb:/nonexistent", dir, dir);
  assert_not_found (path, "prog", EACCES);
  assert_not_found (path, tmpdir_path ("a/prog"), EACCES);
  assert_not_found (path, tmpdir_path ("b/prog"), EACCES);
  assert_not_found (path, tmpdir_path ("b/prog/x"), ENOTDIR);
  make_dir ("c");
  snprintf (good, sizeof good, "%s", make_file ("c/prog", 0700));
  snprintf (path, sizeof path, "%sa:%sb:%sc", dir, dir, dir);
  assert_string_equal (find_in (path, "prog"), good);
  rmdir (tmpdir_path ("a/prog"));
  unlink (tmpdir_path ("b/prog"));
  unlink (good);
}

/* No length is too long for us.  */
static void
test_long (void **state) {
  static char path[20000], command[20000];

  (void) state;
  memset (path, 'p', sizeof path - 1);
  memcpy (path, "/", 1);
  memcpy (path + sizeof path - 6, ":/bin", 6);
  memset (command, 'c', sizeof command - 1);
  memcpy (command, "sh ", 3);
  assert_string_equal (find_in (path, command), "/bin/sh");
  command[2] = 'x';
  assert_not_found (path, command, ENOENT);
  command[2] = '/';
  assert_not_found (path, command, ENAMETOOLONG);
}

/* --- Starting --------------------------------------------------------------------------------- */

static int
report (int argc, char **argv) {
  const char *connection = getenv ("_assuan_connection_fd");
  const char *parent = getenv ("_assuan_pipe_connect_pid");
  int in = connection ? atoi (connection) : 0, out = connection ? in : 1;
  sigset_t blocked;
  char octet;

  sigprocmask (SIG_SETMASK, NULL, &blocked);
  for (int sig = 1; sig < NSIG; sig++) {
    struct sigaction action;
    if (sigismember (&blocked, sig) > 0) dprintf (out, "%d blocked ", sig);
    if (!sigaction (sig, NULL, &action) && action.sa_handler == SIG_IGN)
      dprintf (out, "%d ignored ", sig);
  }
  dprintf (out, "%s parent %s:", connection ? "socket" : "pipes", parent ? parent : "-");
  for (int i = 0; i < argc; i++)
    dprintf (out, " <%s>", argv[i]);
  dprintf (out, "\n");
  while (read (in, &octet, 1) > 0)
    ;
  return 7;
}

/* Reads a line from FD.  */
static const char *
read_line (int fd) {
  static char text[500];
  size_t len = 0;

  do
    read_all (fd, text + len, 1);
  while (text[len++] != '\n');
  text[len - 1] = 0;
  return text;
}

static int
start (const char *command, bool socketpair, int *ret_in_fd, int *ret_out_fd, pid_t *ret_pid) {
  struct eva__io_program_start how = { .command = command, .socketpair = socketpair };

  return eva__io_program_start (&how, ret_in_fd, ret_out_fd, ret_pid);
}

static void
try_start (bool socketpair) {
  int in_fd = -1, out_fd = -1;
  char expected[200];
  pid_t pid = -1;

  assert_int_equal (start (SELF " report  a", socketpair, &in_fd, &out_fd, &pid), 0);
  assert_true (is_cloexec (in_fd) && is_cloexec (out_fd));
  assert_int_equal (in_fd == out_fd, socketpair);
  snprintf (expected, sizeof expected, "%s parent %d: <%s> <report> <a>",
            socketpair ? "socket" : "pipes", (int) getpid (), SELF);
  assert_string_equal (read_line (in_fd), expected);
  close (out_fd);
  if (in_fd != out_fd) close (in_fd);
  assert_int_equal (child_exit_code (pid), 7);
}

static void
test_start (void **state) {
  (void) state;
  try_start (false);
  try_start (true);
}

/* A program that takes signals from a descriptor blocks them; the child hears them.  */
static void
test_start_while_signals_are_blocked (void **state) {
  sigset_t set, old;

  (void) state;
  sigemptyset (&set);
  sigaddset (&set, SIGTERM);
  sigprocmask (SIG_BLOCK, &set, &old);
  try_start (false);
  sigprocmask (SIG_SETMASK, &old, NULL);
}

/* A program that ignores signals, or handles them, does so for itself.  */
static void
handle (int sig) {
  (void) sig;
}

static void
test_start_while_signals_are_ignored (void **state) {
  static const int sigs[] = { SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGTERM, SIGTSTP, SIGUSR1 };
  struct sigaction old[sizeof sigs / sizeof *sigs], now;

  (void) state;
  for (size_t i = 0; i < sizeof sigs / sizeof *sigs; i++) {
    struct sigaction action = { .sa_handler = sigs[i] == SIGUSR1 ? handle : SIG_IGN };
    assert_int_equal (sigaction (sigs[i], &action, &old[i]), 0);
  }
  try_start (false);
  try_start (true);
  for (size_t i = 0; i < sizeof sigs / sizeof *sigs; i++) {
    assert_int_equal (sigaction (sigs[i], &old[i], &now), 0);
    assert_true (now.sa_handler == (sigs[i] == SIGUSR1 ? handle : SIG_IGN));
  }
}

/* What is wrong before there is a child leaves none.  */
static void
test_start_fails (void **state) {
  int in_fd = 77, out_fd = 78;
  pid_t pid = 79;

  (void) state;
  assert_fails (start ("/nonexistent/x", true, &in_fd, &out_fd, &pid), ENOENT);
  assert_fails (start ("no-such-program", false, &in_fd, &out_fd, &pid), ENOENT);
  assert_fails (start ("/tmp x", false, &in_fd, &out_fd, &pid), EACCES);
  assert_fails (start (" ", false, &in_fd, &out_fd, &pid), EINVAL);
  assert_true (in_fd == 77 && out_fd == 78 && pid == 79);
}

/* Starts HOW's command, and returns what it says.  */
static const char *
hear (struct eva__io_program_start *how) {
  static char text[1000];
  int in_fd = -1, out_fd = -1;
  pid_t pid = -1;

  assert_int_equal (eva__io_program_start (how, &in_fd, &out_fd, &pid), 0);
  close (out_fd);
  read_rest (in_fd, text, sizeof text);
  close (in_fd);
  assert_int_equal (child_exit_code (pid), 0);
  return text;
}

/* Settings change what they name, the last one of several counts, and the rest stays.  */
static void
test_environment (void **state) {
  static const char *const settings[] = {
    "A=1", "B", "C=", "D=a=b c", "A", "A=two", "EVA_OTHER=1", "E", "_assuan_connection_fd=9", NULL
  };
  struct eva__io_program_start how = {
    .command = "sh -c 'echo \"$A|${B-unset}|${C-unset}|$D|${E-unset}|$EVA_KEPT|"
               "${_assuan_connection_fd-unset}\"'",
    .environment = settings,
  };

  (void) state;
  setenv ("B", "ours", 1);
  setenv ("EVA_KEPT", "kept", 1);
  assert_string_equal (hear (&how), "two|unset||a=b c|unset|kept|unset\n");
  assert_string_equal (getenv ("B"), "ours");
  unsetenv ("B");
  unsetenv ("EVA_KEPT");
  assert_true (eva__io_program_can_set (settings));
  assert_true (eva__io_program_can_set (NULL));
  assert_false (eva__io_program_can_set ((const char *const[]) { "A", "", NULL }));
  assert_false (eva__io_program_can_set ((const char *const[]) { "=A", NULL }));
}

/* A relative path of a program is one from here, whatever its directory is.  */
static void
test_directory (void **state) {
  struct eva__io_program_start how = { .command = "sh -c pwd", .directory = "/usr" };
  char *here = getcwd (NULL, 0);
  int in_fd, out_fd;
  pid_t pid;

  (void) state;
  assert_string_equal (hear (&how), "/usr\n");
  assert_int_equal (chdir ("/"), 0);
  how.command = "bin/sh -c pwd";
  assert_string_equal (hear (&how), "/usr\n");
  assert_int_equal (chdir (tmpdir_get ()), 0);
  how.command = "/bin/sh -c pwd";
  how.directory = make_dir ("sub");
  how.directory = "sub";
  assert_non_null (strstr (hear (&how), "/sub\n"));
  assert_int_equal (chdir (here), 0);
  free (here);
  how.directory = "/nonexistent";
  assert_fails (eva__io_program_start (&how, &in_fd, &out_fd, &pid), ENOENT);
  how.directory = "/bin/sh";
  assert_fails (eva__io_program_start (&how, &in_fd, &out_fd, &pid), ENOTDIR);
}

/* A daemon has nothing of ours, and its status tells how it went.  */
static void
test_launch (void **state) {
  char file[200], command[500], text[100];
  struct eva__io_program_start how = { .command = command };
  int status = -1, fd;
  pid_t pid;

  (void) state;
  snprintf (file, sizeof file, "%s", tmpdir_path ("said"));
  snprintf (command, sizeof command,
            "sh -c 'fds=$(readlink /proc/$$/fd/0 /proc/$$/fd/1 /proc/$$/fd/2); "
            "{ echo \"$fds\"; cut -d\" \" -f6 /proc/$$/stat; } >%s; exit 3'",
            file);
  assert_int_equal (eva__io_program_launch (&how, &pid), 0);
  while (!eva__io_child_reap_status (pid, &status))
    usleep (1000);
  assert_true (WIFEXITED (status) && WEXITSTATUS (status) == 3);
  fd = open (file, O_RDONLY | O_CLOEXEC);
  assert_true (fd >= 0);
  read_rest (fd, text, sizeof text);
  close (fd);
  snprintf (command, sizeof command, "/dev/null\n/dev/null\n/dev/null\n%d\n", (int) pid);
  assert_memory_equal (text, command, strlen (command));
  /* That it is gone is known, its status is not.  */
  status = -1;
  assert_true (eva__io_child_reap_status (pid, &status));
  assert_int_equal (status, 0);
  how.command = "/nonexistent/x";
  assert_fails (eva__io_program_launch (&how, &pid), ENOENT);
}

/* --- Children that end ------------------------------------------------------------------------ */

/* Starts a child that lives until FD's other end, stored at RET_FD, is closed.  */
static pid_t
start_child (int *ret_fd) {
  int fd[2];
  pid_t pid;

  fds_pipe (fd, 0);
  pid = fork ();
  if (!pid) {
    char octet;
    close (fd[1]);
    _exit (read (fd[0], &octet, 1) ? 1 : 0);
  }
  close (fd[0]);
  *ret_fd = fd[1];
  return pid;
}

static int
poll_in (int fd, int timeout_ms) {
  struct pollfd p = { .fd = fd, .events = POLLIN };

  return poll (&p, 1, timeout_ms);
}

static void
test_reap (void **state) {
  int life, watch;
  pid_t pid = start_child (&life);

  (void) state;
  watch = eva__io_child_watch (pid);
  assert_true (watch >= 0);
  assert_true (is_cloexec (watch));
  assert_false (eva__io_child_reap (pid));
  assert_int_equal (poll_in (watch, 0), 0);
  close (life);
  do
    assert_int_equal (poll_in (watch, 60000), 1);
  while (!eva__io_child_reap (pid));
  close (watch);
  assert_true (eva__io_child_reap (pid));
  assert_fails (waitpid (pid, NULL, 0), ECHILD);
}

/* One that has ended already is told of.  */
static void
test_watch_late (void **state) {
  siginfo_t info;
  int life, watch;
  pid_t pid = start_child (&life);

  (void) state;
  close (life);
  assert_int_equal (waitid (P_PID, (id_t) pid, &info, WEXITED | WNOWAIT), 0);
  watch = eva__io_child_watch (pid);
  assert_true (watch >= 0);
  assert_int_equal (poll_in (watch, 60000), 1);
  close (watch);
  assert_true (eva__io_child_reap (pid));
}

/* A number that is no pid must not reap other children.  */
static void
test_reap_nobody (void **state) {
  siginfo_t info;
  int life;
  pid_t pid = start_child (&life);

  (void) state;
  close (life);
  assert_int_equal (waitid (P_PID, (id_t) pid, &info, WEXITED | WNOWAIT), 0);
  assert_true (eva__io_child_reap (-1));
  assert_true (eva__io_child_reap (0));
  assert_true (eva__io_child_reap (1));
  assert_int_equal (child_exit_code (pid), 0);
  assert_fails (eva__io_child_watch (-1), EINVAL);
}

/* A kernel, or a sandbox, without it: there is something that says when to look.  */
static int
watch_without_kernel (void) {
  int watch = eva__io_child_watch (getpid ());
  uint64_t ticks;

  for (int i = 0; i < 3; i++)
    if (poll_in (watch, 60000) != 1 || read (watch, &ticks, sizeof ticks) != sizeof ticks) return 1;
  return 0;
}

static void
test_no_watch (void **state) {
  struct sock_filter code[] = {
    BPF_STMT (BPF_LD | BPF_W | BPF_ABS, offsetof (struct seccomp_data, nr)),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, 434, 0, 1), /* pidfd_open */
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = { .len = 4, .filter = code };
  pid_t pid = fork ();

  (void) state;
  if (!pid) {
    if (prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) _exit (0); /* nothing to test with */
    if (prctl (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) _exit (0);
    _exit (watch_without_kernel ());
  }
  assert_int_equal (child_exit_code (pid), 0);
}

int
main (int argc, char **argv) {
  const struct CMUnitTest tests[] = {
    fixture_test (test_words),
    fixture_test (test_no_words),
    fixture_test (test_path),
    fixture_test (test_young),
    fixture_test (test_default_path),
    fixture_test (test_current_directory),
    fixture_test (test_not_executable),
    fixture_test (test_long),
    fixture_test (test_start),
    fixture_test (test_start_while_signals_are_blocked),
    fixture_test (test_start_while_signals_are_ignored),
    fixture_test (test_start_fails),
    fixture_test (test_environment),
    fixture_test (test_directory),
    fixture_test (test_launch),
    fixture_test (test_reap),
    fixture_test (test_watch_late),
    fixture_test (test_reap_nobody),
    fixture_test (test_no_watch),
  };

  if (argc > 1 && !strcmp (argv[1], "report")) return report (argc, argv);
  /* Ours may have directories that we cannot search, which is EACCES.  */
  setenv ("PATH", "/bin:/usr/bin", 1);
  return cmocka_run_group_tests_name ("program", tests, NULL, NULL);
}
