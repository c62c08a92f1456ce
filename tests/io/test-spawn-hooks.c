/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-spawn-hooks.c - children that the spawn hook of a program starts: the ends that it gets,
   the environment that reaches the child whichever way the hook forks, and that every descriptor
   goes through the hooks.  */

#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/spawn.h"

extern char **environ;

/* How the hook starts the child.  */
enum way { BY_FORK, BY_VFORK, BY_DEFAULT, IN_PARENT, NOT_AT_ALL };

/* What the hooks did; their context points here.  */
struct record {
  enum way way;
  int fail_at; /* the pipe or socketpair that fails, counted from 1; 0: none */
  int n_made, n_closed;
  bool open[64]; /* made through a hook and not closed through one */
  int n_spawned;
  bool ours_inherited;   /* an end of the parent without close-on-exec */
  bool childs_inherited; /* all ends of the child without it */
  assuan_fd_t in_fd, out_fd, first_of_list;
  size_t list_len;
  bool has_list;
  unsigned int flags;
};

static struct record *
of (assuan_context_t ctx) {
  return (struct record *) (void *) ctx;
}

static int
made (struct record *r, const assuan_fd_t fd[2]) {
  assert_true (fd[0] < 64 && fd[1] < 64);
  r->open[fd[0]] = r->open[fd[1]] = true;
  return 0;
}

static int
hook_pipe (assuan_context_t ctx, assuan_fd_t fd[2], int inherit_idx) {
  struct record *r = of (ctx);

  assert_in_range (inherit_idx, 0, 1);
  if (++r->n_made == r->fail_at) {
    errno = EMFILE;
    return -1;
  }
  /* As a program may do it: both inheritable.  */
  assert_int_equal (pipe (fd), 0);
  return made (r, fd);
}

static int
hook_socketpair (assuan_context_t ctx, int domain, int style, int protocol, assuan_fd_t fd[2]) {
  struct record *r = of (ctx);

  assert_int_equal (domain, AF_UNIX);
  assert_int_equal (style, SOCK_STREAM);
  if (++r->n_made == r->fail_at) {
    errno = EMFILE;
    return -1;
  }
  assert_int_equal (socketpair (domain, style, protocol, fd), 0);
  return made (r, fd);
}

static int
hook_close (assuan_context_t ctx, assuan_fd_t fd) {
  struct record *r = of (ctx);

  assert_true (fd >= 0 && fd < 64 && r->open[fd]);
  r->open[fd] = false;
  r->n_closed++;
  return close (fd);
}

/* Notes what the hook was given.  */
static void
note (struct record *r, assuan_fd_t in_fd, assuan_fd_t out_fd, const assuan_fd_t *list) {
  r->in_fd = in_fd;
  r->out_fd = out_fd;
  r->has_list = list;
  r->childs_inherited = true;
  for (r->list_len = 0; list && list[r->list_len] != ASSUAN_INVALID_FD; r->list_len++)
    ;
  r->first_of_list = r->list_len ? list[0] : ASSUAN_INVALID_FD;
  for (int fd = 0; fd < 64; fd++) {
    bool childs = fd == in_fd || fd == out_fd || (in_fd < 0 && fd == r->first_of_list);
    if (!r->open[fd]) continue;
    if (childs && is_cloexec (fd)) r->childs_inherited = false;
    if (!childs && !is_cloexec (fd)) r->ours_inherited = true;
  }
}

/* What a simple hook does in the child.  */
static void
become (const char *name, const char **argv, assuan_fd_t in_fd, assuan_fd_t out_fd) {
  if (in_fd >= 0) dup2 (in_fd, 0);
  if (out_fd >= 0) dup2 (out_fd, 1);
  execv (name, (char *const *) (uintptr_t) argv);
  _exit (127);
}

static int
hook_spawn (assuan_context_t ctx, pid_t *r_pid, const char *name, const char **argv,
            assuan_fd_t fd_in, assuan_fd_t fd_out, assuan_fd_t *list,
            void (*atfork) (void *opaque, int reserved), void *value, unsigned int flags) {
  struct record *r = of (ctx);
  pid_t pid;

  r->n_spawned++;
  r->flags = flags;
  note (r, fd_in, fd_out, list);
  if (r->way == NOT_AT_ALL) {
    errno = EAGAIN;
    return -1;
  }
  if (r->way == BY_DEFAULT)
    return __assuan_spawn (ctx, r_pid, name, argv, fd_in, fd_out, list, atfork, value, flags);
  if (r->way == IN_PARENT) atfork (value, 0);
  if (list) list[0] = 12345; /* it may be changed */
  pid = r->way == BY_VFORK ? vfork () : fork ();
  if (!pid) {
    if (r->way != IN_PARENT) atfork (value, 0);
    if (!name) return 0;
    become (name, argv, fd_in, fd_out);
  }
  *r_pid = pid;
  return pid < 0 ? -1 : 0;
}

static void
make_sys (struct eva__io_sys *sys, struct record *r, enum way way) {
  struct assuan_system_hooks hooks = *eva__io_sys_default ();

  memset (r, 0, sizeof *r);
  r->way = way;
  hooks.pipe = hook_pipe;
  hooks.socketpair = hook_socketpair;
  hooks.close = hook_close;
  hooks.spawn = hook_spawn;
  eva__io_sys_init (sys, (assuan_context_t) (void *) r, &hooks);
}

/* A child that says who it was told to be.  */
#define TELL "echo \"$_assuan_pipe_connect_pid ${_assuan_connection_fd-none} $EVA_TEST_EXTRA\""
static const char *tell_pipe[] = { "sh", "-c", TELL, NULL };
static const char *tell_socket[] = { "sh", "-c", TELL " >&\"$_assuan_connection_fd\"", NULL };

/* A child that says nothing.  */
static const char *silent[] = { "sh", "-c", ":", NULL };

static void
set_extra (void *opaque, int reserved) {
  (void) opaque;
  if (!reserved) setenv ("EVA_TEST_EXTRA", "extra", 1);
}

static void
test_environment (void **state) {
  static const enum way ways[] = { BY_FORK, BY_VFORK, BY_DEFAULT };
  struct eva__io_sys sys;
  struct record r;
  char expected[100], text[200];

  (void) state;
  for (size_t i = 0; i < 6; i++) {
    bool sockets = i & 1;
    enum way way = ways[i / 2];
    /* A callback that calls setenv would be the program's own mistake with vfork.  */
    struct eva__io_spawn how = { .name = "/bin/sh",
                                 .argv = sockets ? tell_socket : tell_pipe,
                                 .socketpair = sockets,
                                 .atfork = way == BY_VFORK ? NULL : set_extra };
    char **before = environ;
    assuan_fd_t in_fd, out_fd;
    pid_t pid;
    make_sys (&sys, &r, way);
    setenv ("_assuan_connection_fd", "99", 1);
    before = environ;
    assert_int_equal (eva__io_spawn (&sys, &how, &in_fd, &out_fd, &pid), 0);
    assert_ptr_equal (environ, before);
    assert_string_equal (getenv ("_assuan_connection_fd"), "99");
    unsetenv ("_assuan_connection_fd");
    assert_null (getenv ("EVA_TEST_EXTRA"));
    read_rest (in_fd, text, sizeof text);
    if (sockets)
      snprintf (expected, sizeof expected, "%d %d %s\n", (int) getpid (), r.first_of_list,
                way == BY_VFORK ? "" : "extra");
    else
      snprintf (expected, sizeof expected, "%d none %s\n", (int) getpid (),
                way == BY_VFORK ? "" : "extra");
    assert_string_equal (text, expected);
    assert_int_equal (child_exit_code (pid), 0);
    hook_close ((assuan_context_t) (void *) &r, in_fd);
    if (!sockets) hook_close ((assuan_context_t) (void *) &r, out_fd);
    for (int fd = 0; fd < 64; fd++)
      assert_false (r.open[fd]);
  }
}

/* The ends that the hook gets: pipes as arguments, a socket in front of the list.  Ours are
   close-on-exec, the child's are not, whichever function made them.  */
static void
test_ends (void **state) {
  const assuan_fd_t list[] = { 0, 2, ASSUAN_INVALID_FD };
  struct eva__io_sys sys;
  struct record r;

  (void) state;
  for (int i = 0; i < 8; i++) {
    bool sockets = i & 1, with_list = i & 2, own_pairs = i & 4;
    struct eva__io_spawn how = { .name = "/bin/sh",
                                 .argv = silent,
                                 .fd_list = with_list ? list : NULL,
                                 .flags = ASSUAN_SPAWN_DETACHED,
                                 .socketpair = sockets };
    assuan_fd_t in_fd, out_fd;
    pid_t pid;
    make_sys (&sys, &r, BY_FORK);
    if (own_pairs) {
      sys.hooks.pipe = __assuan_pipe;
      sys.hooks.socketpair = __assuan_socketpair;
      sys.hooks.close = __assuan_close;
    }
    assert_int_equal (eva__io_spawn (&sys, &how, &in_fd, &out_fd, &pid), 0);
    assert_int_equal (child_exit_code (pid), 0);
    assert_true (r.childs_inherited);
    assert_false (r.ours_inherited);
    assert_int_equal (r.flags, ASSUAN_SPAWN_DETACHED);
    assert_int_equal (r.has_list, sockets || with_list);
    assert_int_equal (r.list_len, (sockets ? 1u : 0u) + (with_list ? 2u : 0u));
    assert_int_equal (r.in_fd >= 0, !sockets);
    assert_int_equal (r.out_fd >= 0, !sockets);
    assert_true (is_cloexec (in_fd) && is_cloexec (out_fd));
    assert_int_equal (list[0], 0);
    sys.hooks.close (sys.ctx, in_fd);
    if (!sockets) sys.hooks.close (sys.ctx, out_fd);
  }
}

/* A hook that calls back in the parent, against the rules: the parent's environment stays.  */
static void
test_callback_in_parent (void **state) {
  struct eva__io_spawn how = { .name = "/bin/sh", .argv = silent };
  struct eva__io_sys sys;
  struct record r;
  char **before = environ;
  assuan_fd_t in_fd, out_fd;
  pid_t pid;

  (void) state;
  make_sys (&sys, &r, IN_PARENT);
  assert_int_equal (eva__io_spawn (&sys, &how, &in_fd, &out_fd, &pid), 0);
  assert_ptr_equal (environ, before);
  assert_null (getenv ("_assuan_pipe_connect_pid"));
  assert_int_equal (child_exit_code (pid), 0);
  close (in_fd);
  close (out_fd);
}

static void
test_fork_only (void **state) {
  static const enum way ways[] = { BY_FORK, BY_DEFAULT };
  struct eva__io_sys sys;
  struct record r;
  char text[100], expected[100];

  (void) state;
  for (size_t i = 0; i < 2; i++) {
    const char *argv[] = { "x", NULL };
    struct eva__io_spawn how = { .argv = argv, .socketpair = true };
    assuan_fd_t in_fd, out_fd;
    pid_t pid, parent = getpid ();
    int rc;
    make_sys (&sys, &r, ways[i]);
    rc = eva__io_spawn (&sys, &how, &in_fd, &out_fd, &pid);
    if (getpid () != parent) {
      const char *fd = getenv ("_assuan_connection_fd");
      if (rc != 1 || !fd) _exit (90);
      dprintf (atoi (fd), "%s of %s", argv[0], getenv ("_assuan_pipe_connect_pid"));
      _exit (0);
    }
    assert_int_equal (rc, 0);
    assert_string_equal (argv[0], "client");
    read_rest (in_fd, text, sizeof text);
    snprintf (expected, sizeof expected, "server of %d", (int) parent);
    assert_string_equal (text, expected);
    assert_int_equal (child_exit_code (pid), 0);
    assert_null (getenv ("_assuan_connection_fd"));
    close (in_fd);
  }
}

/* Nothing stays open when a step fails, and the result is untouched.  */
static void
test_failures (void **state) {
  struct eva__io_sys sys;
  struct record r;

  (void) state;
  for (int i = 0; i < 5; i++) {
    bool sockets = i >= 3;
    int fail_at = i == 0 || i == 3 ? 1 : i == 1 ? 2 : 0;
    struct eva__io_spawn how = { .name = "/bin/sh", .argv = tell_pipe, .socketpair = sockets };
    assuan_fd_t in_fd = 77, out_fd = 78;
    pid_t pid = 79;
    make_sys (&sys, &r, NOT_AT_ALL);
    r.fail_at = fail_at;
    assert_fails (eva__io_spawn (&sys, &how, &in_fd, &out_fd, &pid), fail_at ? EMFILE : EAGAIN);
    assert_int_equal (r.n_spawned, !fail_at);
    for (int fd = 0; fd < 64; fd++)
      assert_false (r.open[fd]);
    assert_int_equal (in_fd, 77);
    assert_int_equal (out_fd, 78);
    assert_int_equal (pid, 79);
  }
}

/* A wrapper around the default function: its child finds the connection to say on that the exec
   failed.  */
static void
test_no_program (void **state) {
  struct eva__io_sys sys;
  struct record r;
  char text[200];

  (void) state;
  for (int i = 0; i < 2; i++) {
    struct eva__io_spawn how = { .name = "/nonexistent", .argv = tell_pipe, .socketpair = i };
    assuan_fd_t in_fd, out_fd;
    pid_t pid;
    make_sys (&sys, &r, BY_DEFAULT);
    assert_int_equal (eva__io_spawn (&sys, &how, &in_fd, &out_fd, &pid), 0);
    read_rest (in_fd, text, sizeof text);
    assert_memory_equal (text, "ERR ", 4);
    assert_int_equal (child_exit_code (pid), 4);
    close (in_fd);
    if (!i) close (out_fd);
  }
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    fixture_test (test_environment),        fixture_test (test_ends),
    fixture_test (test_callback_in_parent), fixture_test (test_fork_only),
    fixture_test (test_failures),           fixture_test (test_no_program),
  };

  return cmocka_run_group_tests_name ("spawn-hooks", tests, NULL, NULL);
}
