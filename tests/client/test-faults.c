/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-faults.c - system calls fail while a client starts a program, reads its stderr and looks
   after it: each scene again and again, with the 1st, the 2nd, ... of a kind of call failing, alone
   or with all that follow.  Whatever comes of it, each call ends once, nothing hangs, no descriptor
   and no child is left behind.

   The calls are those of src/io/child.c, spawn.c, program.c and lock.c, and of src/client, in the
   parent: what goes wrong in the child is an ERR line, or an exit status.  */

#include "kit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- Calls ------------------------------------------------------------------------------------ */

enum call {
  CALL_PIPE2,
  CALL_SOCKETPAIR,
  CALL_FORK,
  CALL_FCNTL,
  CALL_OPEN,
  CALL_FLOCK,
  CALL_PIDFD_OPEN,
  CALL_TIMERFD_CREATE,
  CALL_WAITPID,
  CALL_EPOLL_CTL,
  CALL_READ
};

static struct {
  bool is_armed; /* else none fails, and none counts */
  enum call call;
  int error;
  size_t fail_at;
  bool for_ever;
  size_t n;
  bool has_failed;
  pid_t parent;
} fault;

/* Decides about CALL: returns true with errno set if it fails.  */
static bool
fails (enum call call) {
  if (!fault.is_armed || call != fault.call || getpid () != fault.parent) return false;
  fault.n++;
  if (fault.n != fault.fail_at && !(fault.for_ever && fault.n > fault.fail_at)) return false;
  fault.has_failed = true;
  errno = fault.error;
  return true;
}

int __real_pipe2 (int fd[2], int flags);
int __wrap_pipe2 (int fd[2], int flags);
int __real_socketpair (int domain, int type, int protocol, int fd[2]);
int __wrap_socketpair (int domain, int type, int protocol, int fd[2]);
pid_t __real_fork (void);
pid_t __wrap_fork (void);
int __real_fcntl64 (int fd, int op, ...);
int __wrap_fcntl64 (int fd, int op, ...);
int __real_open64 (const char *path, int flags, ...);
int __wrap_open64 (const char *path, int flags, ...);
int __real_flock (int fd, int op);
int __wrap_flock (int fd, int op);
long __real_syscall (long number, ...);
long __wrap_syscall (long number, ...);
int __real_timerfd_create (int clock, int flags);
int __wrap_timerfd_create (int clock, int flags);
pid_t __real_waitpid (pid_t pid, int *status, int options);
pid_t __wrap_waitpid (pid_t pid, int *status, int options);
int __real_epoll_ctl (int epfd, int op, int fd, struct epoll_event *event);
int __wrap_epoll_ctl (int epfd, int op, int fd, struct epoll_event *event);
ssize_t __real_read (int fd, void *buf, size_t len);
ssize_t __wrap_read (int fd, void *buf, size_t len);

int
__wrap_pipe2 (int fd[2], int flags) {
  return fails (CALL_PIPE2) ? -1 : __real_pipe2 (fd, flags);
}

int
__wrap_socketpair (int domain, int type, int protocol, int fd[2]) {
  return fails (CALL_SOCKETPAIR) ? -1 : __real_socketpair (domain, type, protocol, fd);
}

pid_t
__wrap_fork (void) {
  return fails (CALL_FORK) ? -1 : __real_fork ();
}

int
__wrap_fcntl64 (int fd, int op, ...) {
  va_list ap;
  long arg;

  va_start (ap, op);
  arg = va_arg (ap, long);
  va_end (ap);
  return fails (CALL_FCNTL) ? -1 : __real_fcntl64 (fd, op, arg);
}

int
__wrap_open64 (const char *path, int flags, ...) {
  unsigned int mode = 0;
  va_list ap;

  va_start (ap, flags);
  if (flags & O_CREAT) mode = va_arg (ap, unsigned int);
  va_end (ap);
  return fails (CALL_OPEN) ? -1 : __real_open64 (path, flags, mode);
}

int
__wrap_flock (int fd, int op) {
  return fails (CALL_FLOCK) ? -1 : __real_flock (fd, op);
}

long
__wrap_syscall (long number, ...) {
  long arg[6];
  va_list ap;

  va_start (ap, number);
  for (size_t i = 0; i < N_ELEMENTS (arg); i++)
    arg[i] = va_arg (ap, long);
  va_end (ap);
  if (number == SYS_pidfd_open && fails (CALL_PIDFD_OPEN)) return -1;
  return __real_syscall (number, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);
}

int
__wrap_timerfd_create (int clock, int flags) {
  return fails (CALL_TIMERFD_CREATE) ? -1 : __real_timerfd_create (clock, flags);
}

pid_t
__wrap_waitpid (pid_t pid, int *status, int options) {
  return fails (CALL_WAITPID) ? -1 : __real_waitpid (pid, status, options);
}

/* What takes a descriptor out does not fail.  */
int
__wrap_epoll_ctl (int epfd, int op, int fd, struct epoll_event *event) {
  return op == EPOLL_CTL_ADD && fails (CALL_EPOLL_CTL) ? -1
                                                       : __real_epoll_ctl (epfd, op, fd, event);
}

ssize_t
__wrap_read (int fd, void *buf, size_t len) {
  return fails (CALL_READ) ? -1 : __real_read (fd, buf, len);
}

/* --- The client ------------------------------------------------------------------------------- */

static struct test_loop loop;
static assuan_context_t ctx;
static unsigned int n_closed, n_done, n_lines;
static gpg_error_t done_err;

static void
on_closed (assuan_context_t c, void *arg, gpg_error_t err) {
  (void) arg;
  assert_ptr_equal (c, ctx);
  assert_true (err);
  n_closed++;
}

static void
on_stderr (assuan_context_t c, void *arg, const char *line) {
  (void) arg;
  assert_ptr_equal (c, ctx);
  assert_int_equal (n_closed, 0);
  assert_string_equal (line, "a line");
  n_lines++;
}

static void
on_done (void *arg, gpg_error_t err, const char *text) {
  (void) arg;
  (void) text;
  assert_int_equal (n_closed, 0);
  n_done++;
  done_err = err;
}

static void
turn (void) {
  fault.is_armed = true;
  test_loop_turn (&loop, false);
  fault.is_armed = false;
}

/* Turns until *COUNT is not 0.  */
static void
until (const unsigned int *count) {
  for (int i = 0; !*(const volatile unsigned int *) count; i++) {
    assert_true (i < 100000);
    turn ();
    if (i > 100) usleep (100);
  }
}

static bool
has_child (void) {
  siginfo_t info;

  return !waitid (P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT);
}

/* The loop reaps, unless it could not watch, or a reap failed: then the child is the process's.  */
static void
reap (void) {
  for (int i = 0; i < 1000 && has_child (); i++) {
    turn ();
    usleep (100);
  }
  if (has_child ()) assert_true (fault.has_failed);
  while (__real_waitpid (-1, NULL, 0) > 0) {}
}

/* --- Scenes ----------------------------------------------------------------------------------- */

/* Connects as CONFIG tells, and makes a call.  Returns false if that could not be done.  */
static bool
begin (const char *address, const struct eva_connect_config *config) {
  static const struct eva_callbacks callbacks = { .done = on_done };
  gpg_error_t err;

  fault.is_armed = true;
  err = eva_connect (loop.loop, address, config, &ctx);
  fault.is_armed = false;
  if (err) {
    assert_true (fault.has_failed);
    return false;
  }
  assert_int_equal (eva_call (ctx, "NOP", &callbacks, NULL, NULL), 0);
  until (&n_done);
  if (done_err) assert_true (fault.has_failed || config->start_argv);
  return true;
}

static void
end (void) {
  eva_close (ctx);
  until (&n_closed);
  fault.is_armed = true;
  assuan_release (ctx);
  fault.is_armed = false;
  assert_int_equal (n_done, 1);
  assert_int_equal (n_closed, 1);
}

static void
serve (unsigned int flags) {
  static const char *const argv[] = { "sh", "-c",
                                      "echo a line >&2; echo OK; while read x; do echo OK; done",
                                      NULL };
  static const char *const environment[] = { "A=B", NULL };
  struct eva_connect_config config = { .flags = flags,
                                       .closed = on_closed,
                                       .on_stderr = on_stderr,
                                       .argv = argv,
                                       .environment = environment,
                                       .directory = "/" };

  if (!begin ("exec:", &config)) return;
  end ();
  assert_true (n_lines == 1 || fault.has_failed);
}

static void
scene_pipes (void) {
  serve (EVA_CONNECT_LAST_STDERR);
}

/* The shell reads its commands from a socket that it does not know: it just leaves.  */
static void
scene_socket (void) {
  static const char *const argv[] = { "sh", "-c", "echo a line >&2", NULL };
  struct eva_connect_config config = { .flags = EVA_CONNECT_FDPASSING | EVA_CONNECT_LAST_STDERR,
                                       .closed = on_closed,
                                       .on_stderr = on_stderr,
                                       .argv = argv };
  static const struct eva_callbacks callbacks = { .done = on_done };
  gpg_error_t err;

  fault.is_armed = true;
  err = eva_connect (loop.loop, "exec:", &config, &ctx);
  fault.is_armed = false;
  assert_true (!err || fault.has_failed);
  if (err) return;
  assert_int_equal (eva_call (ctx, "NOP", &callbacks, NULL, NULL), 0);
  until (&n_closed);
  if (!fault.has_failed) assert_string_equal (eva_get_reason (ctx), "a line");
  end ();
}

/* Released at once.  */
static void
scene_release (void) {
  static const char *const argv[] = { "cat", NULL };
  struct eva_connect_config config = { .closed = on_closed, .on_stderr = on_stderr, .argv = argv };
  gpg_error_t err;

  fault.is_armed = true;
  err = eva_connect (loop.loop, "exec:", &config, &ctx);
  if (!err) assuan_release (ctx);
  fault.is_armed = false;
  assert_true (!err || fault.has_failed);
}

/* A command that starts no server.  */
static void
scene_launch (void) {
  static const char *const argv[] = { "sh", "-c", "exit 3", NULL };
  struct eva_connect_config config = {
    .closed = on_closed, .start_argv = argv, .retry_ms = 200, .directory = "/"
  };
  const char *reason;

  if (!begin (kit_format ("unix:%s", tmpdir_path ("s")), &config)) return;
  until (&n_closed);
  reason = eva_get_reason (ctx);
  if (!fault.has_failed) assert_string_equal (reason, "sh failed with exit status 3");
  end ();
  /* One that could not be locked may be another client's, and stays.  */
  if (fault.call != CALL_FLOCK) assert_int_equal (access (tmpdir_path ("s.start-lock"), F_OK), -1);
}

/* --- Playing them ----------------------------------------------------------------------------- */

static void
play_once (void (*scene) (void)) {
  unsigned int n_fds = fds_count ();

  ctx = NULL;
  n_closed = n_done = n_lines = 0;
  test_loop_init (&loop);
  fault.n = 0;
  fault.has_failed = false;
  scene ();
  reap ();
  test_loop_deinit (&loop);
  assert_int_equal (fds_count (), n_fds);
}

/* What may fail, and how.  A read that is always interrupted would keep the loop busy forever, as
   it would any program.  */
static const struct {
  enum call call;
  int error;
  bool not_for_ever;
} kinds[] = {
  { CALL_PIPE2, EMFILE, false },      { CALL_SOCKETPAIR, ENFILE, false },
  { CALL_FORK, EAGAIN, false },       { CALL_FCNTL, EMFILE, false },
  { CALL_OPEN, EMFILE, false },       { CALL_FLOCK, EWOULDBLOCK, false },
  { CALL_FLOCK, ENOLCK, false },      { CALL_PIDFD_OPEN, ENOSYS, false },
  { CALL_PIDFD_OPEN, EMFILE, false }, { CALL_TIMERFD_CREATE, EMFILE, false },
  { CALL_WAITPID, ECHILD, false },    { CALL_EPOLL_CTL, ENOSPC, false },
  { CALL_EPOLL_CTL, ENOMEM, false },  { CALL_READ, EINTR, true },
  { CALL_READ, EAGAIN, true },        { CALL_READ, EIO, false },
};

static void
play (void (*scene) (void)) {
  fault.parent = getpid ();
  for (size_t i = 0; i < N_ELEMENTS (kinds); i++)
    for (int for_ever = 0; for_ever <= !kinds[i].not_for_ever; for_ever++) {
      fault.call = kinds[i].call;
      fault.error = kinds[i].error;
      fault.for_ever = for_ever;
      fault.fail_at = 0;
      do {
        fault.fail_at++;
        play_once (scene);
        assert_true (fault.fail_at < 1000);
      } while (fault.has_failed);
    }
  tmpdir_remove ();
}

#define scene_test(name)                                                                           \
  static void test_##name (void **state) {                                                         \
    (void) state;                                                                                  \
    play (scene_##name);                                                                           \
  }

scene_test (pipes) scene_test (socket) scene_test (release) scene_test (launch)

    int main (void) {
  const struct CMUnitTest tests[] = { cmocka_unit_test (test_pipes), cmocka_unit_test (test_socket),
                                      cmocka_unit_test (test_release),
                                      cmocka_unit_test (test_launch) };

  signal (SIGPIPE, SIG_DFL);
  alarm (1500);
  return cmocka_run_group_tests_name ("faults", tests, NULL, NULL);
}
