/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-activation.c - descriptors that the service manager passes, by hand and with its own tool.

   With "report" as first argument the program says what it was passed, and serves the client that
   woke it up.  */

#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "io/activation.h"
#include "io/listener.h"

#define START EVA__IO_ACTIVATION_START

/* --- By hand ---------------------------------------------------------------------------------- */

struct search {
  const char *pid; /* "" is this process; NULL: not set, as for the others */
  const char *n;
  const char *names;
  const char *name;
  int after;
  int result; /* a descriptor, or - errno */
};

/* 3, 4 and 5 are open, and 6 is not.  */
static const struct search searches[] = {
  { "", "3", NULL, NULL, START, 3 },
  { "", "3", NULL, NULL, -1, 3 },
  { "", "3", NULL, NULL, 3, 4 },
  { "", "3", NULL, NULL, 4, 5 },
  { "", "3", NULL, NULL, 5, -ENOENT },
  { "", "3", NULL, NULL, 2147483647 - 1, -ENOENT },
  { "", "4", NULL, NULL, 5, -EBADF },
  { "", "0", NULL, NULL, START, -ENOENT },
  { "", "1", NULL, "unknown", START, 3 },
  { "", "2", NULL, "unknown", 3, 4 },
  { "", "1", NULL, "main", START, -ENOENT },

  { "", "3", "main:extra:main", NULL, 3, 4 },
  { "", "3", "main:extra:main", "main", START, 3 },
  { "", "3", "main:extra:main", "main", 3, 5 },
  { "", "3", "main:extra:main", "main", 5, -ENOENT },
  { "", "3", "main:extra:main", "extra", START, 4 },
  { "", "3", "main:extra:main", "unknown", START, -ENOENT },
  { "", "3", "main:extra:main", "mai", START, -ENOENT },
  { "", "3", "main:extra:main", "main:", START, -ENOENT },
  { "", "3", "main:extra:main", "main:extra", START, -ENOENT },
  { "", "3", "main:extra:main", "MAIN", START, -ENOENT },
  { "", "3", "::main", "main", START, 5 },
  { "", "1", "", "main", START, -ENOENT },

  /* Names that do not fit the descriptors belong to none.  */
  { "", "3", "main:extra", "main", START, -ENOENT },
  { "", "3", "main:extra", NULL, START, 3 },
  { "", "1", "main:extra", "main", START, -ENOENT },
  { "", "1", "main:", "main", START, -ENOENT },

  /* For the process that started this one.  */
  { "1", "3", NULL, NULL, START, -ENOENT },
  { NULL, "3", NULL, NULL, START, -ENOENT },
  { "", NULL, NULL, NULL, START, -ENOENT },
  { NULL, NULL, "main", "main", START, -ENOENT },

  { "", "", NULL, NULL, START, -EINVAL },
  { "", "-1", NULL, NULL, START, -EINVAL },
  { "", "3x", NULL, NULL, START, -EINVAL },
  { "", " 3", NULL, NULL, START, -EINVAL },
  { "", "2147483647", NULL, NULL, START, -EINVAL },
  { "", "18446744073709551617", NULL, NULL, START, -EINVAL },
  { "0", "3", NULL, NULL, START, -EINVAL },
  { "-1", "3", NULL, NULL, START, -EINVAL },
  { "x", "3", NULL, NULL, START, -EINVAL },
  { "99999999999999999999", "3", NULL, NULL, START, -EINVAL },
};

static void
set (const char *variable, const char *value) {
  if (value)
    setenv (variable, value, 1);
  else
    unsetenv (variable);
}

static void
set_all (const char *pid, const char *n, const char *names) {
  char own[32];

  snprintf (own, sizeof own, "%d", (int) getpid ());
  set ("LISTEN_PID", pid && !*pid ? own : pid);
  set ("LISTEN_FDS", n);
  set ("LISTEN_FDNAMES", names);
}

/* Returns 0 if the search gives what it should, in a process made for it.  */
static int
run_search (const struct search *s) {
  int fd;

  for (int i = 3; i <= 5; i++)
    if (dup2 (0, i) != i) return 1;
  close (6);
  set_all (s->pid, s->n, s->names);
  errno = 0;
  fd = eva__io_activation_next (s->name, s->after);
  if (fd < 0) return errno == -s->result ? 0 : 2;
  if (fd != s->result || !is_cloexec (fd)) return 3;
  /* Other libraries find the variables as they were.  */
  return getenv ("LISTEN_PID") && !strcmp (getenv ("LISTEN_FDS"), s->n) ? 0 : 4;
}

static void
test_searches (void **state) {
  (void) state;
  for (size_t i = 0; i < sizeof searches / sizeof *searches; i++) {
    pid_t pid = fork ();
    int code;
    if (!pid) _exit (run_search (&searches[i]));
    code = child_exit_code (pid);
    if (code) fail_msg ("search %zu: %d", i, code);
  }
}

/* --- The child -------------------------------------------------------------------------------- */

/* Says on standard output which descriptors have which of the N names, and greets a client at
   each.  */
static int
report (char **names, int n) {
  for (int i = 0; i < n; i++) {
    const char *name = strcmp (names[i], "-") ? names[i] : NULL;
    for (int fd = START; (fd = eva__io_activation_next (name, fd)) >= 0;) {
      struct eva__io_listener listener;
      int client;
      printf ("%s=%d ", names[i], fd);
      if (eva__io_listener_take (fd, &listener)) return 1;
      client = eva__io_listener_accept (&listener);
      if (client >= 0 && write (client, "hello\n", 6) != 6) return 2;
      if (client >= 0) close (client);
      eva__io_listener_close (&listener);
    }
    if (errno != ENOENT) return 3;
  }
  puts ("end");
  return 0;
}

/* Returns a connection to PATH once a process listens there.  */
static int
connect_path (const char *path) {
  struct sockaddr_un addr = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  strcpy (addr.sun_path, path);
  for (int i = 0; connect (fd, (struct sockaddr *) &addr, sizeof addr); i++) {
    assert_true (errno == ENOENT || errno == ECONNREFUSED);
    assert_true (i < 60000);
    usleep (1000);
  }
  return fd;
}

/* The child that was passed sockets at which a client waits, at FD, says EXPECTED on OUT and greets
   the client.  */
static void
assert_activated (pid_t pid, int out, int fd, const char *expected) {
  char text[400];

  read_rest (out, text, sizeof text);
  assert_string_equal (text, expected);
  assert_int_equal (child_exit_code (pid), 0);
  read_rest (fd, text, sizeof text);
  assert_string_equal (text, "hello\n");
}

/* A service with two sockets, started as the manager does it.  */
static void
test_started (void **state) {
  const char *path = tmpdir_path ("s");
  int sockets[2] = { fds_listen_at (path), fds_listen_at (tmpdir_path ("t")) }, out[2], client;
  pid_t pid;

  (void) state;
  fds_pipe (out, 0);
  client = connect_path (path);
  pid = fork ();
  if (!pid) {
    int low[2] = { fcntl (sockets[0], F_DUPFD_CLOEXEC, 20),
                   fcntl (sockets[1], F_DUPFD_CLOEXEC, 20) };
    if (dup2 (out[1], 1) < 0 || dup2 (low[0], 3) < 0 || dup2 (low[1], 4) < 0) _exit (20);
    set_all ("", "2", "main:extra");
    execl ("/proc/self/exe", "test-activation", "report", "main", "extra", "-", NULL);
    _exit (21);
  }
  close (out[1]);
  assert_activated (pid, out[0], client, "main=3 extra=4 -=3 -=4 end\n");
  assert_int_equal (access (path, F_OK), 0); /* the manager's, not ours */
  close (out[0]);
  close (client);
  fds_close_pair (sockets);
}

/* The same with systemd's own tool, which starts the service when a client comes.  */
static void
test_systemd (void **state) {
  const char *tool = "/usr/bin/systemd-socket-activate", *path = tmpdir_path ("s");
  int out[2], client;
  char self[400];
  ssize_t len;
  pid_t pid;

  (void) state;
  if (access (tool, X_OK)) skip ();
  len = readlink ("/proc/self/exe", self, sizeof self - 1);
  assert_true (len > 0);
  self[len] = 0;
  fds_pipe (out, 0);
  pid = fork ();
  if (!pid) {
    int null = open ("/dev/null", O_WRONLY | O_CLOEXEC);
    if (dup2 (out[1], 1) < 0 || dup2 (null, 2) < 0) _exit (20);
    execl (tool, tool, "-l", path, "-l", tmpdir_path ("t"), "--fdname=main:extra", self, "report",
           "extra", "main", "-", NULL);
    _exit (21);
  }
  close (out[1]);
  client = connect_path (path);
  assert_activated (pid, out[0], client, "extra=4 main=3 -=3 -=4 end\n");
  close (out[0]);
  close (client);
}

int
main (int argc, char **argv) {
  const struct CMUnitTest tests[] = {
    fixture_test (test_searches),
    fixture_test (test_started),
    fixture_test (test_systemd),
  };

  if (argc > 2 && !strcmp (argv[1], "report")) return report (argv + 2, argc - 2);
  return cmocka_run_group_tests_name ("activation", tests, NULL, NULL);
}
