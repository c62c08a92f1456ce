/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-listener-path.c - servers at a path that is too long for a socket, which come and go at the
   same time; and when the lock on a directory is taken.  */

#include "fixture.h"

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/listener.h"
#include "io/redirect.h"

static unsigned int n_locks;

int __real_flock (int fd, int operation);
int __wrap_flock (int fd, int operation);

int
__wrap_flock (int fd, int operation) {
  n_locks += !(operation & LOCK_UN);
  return __real_flock (fd, operation);
}

/* A path with more octets than the address of a socket has room for, in a directory of its own.  */
static const char *
long_path (void) {
  static char path[400];
  char name[130];

  memset (name, 'x', 120);
  name[120] = 0;
  mkdir (tmpdir_path (name), 0700);
  strcpy (name + 120, "/s");
  strcpy (path, tmpdir_path (name));
  return path;
}

static int
setup (void **state) {
  setenv ("XDG_RUNTIME_DIR", tmpdir_get (), 1);
  return fixture_setup (state);
}

/* A listener or a directory that is left behind fails the test: the directory of the test has to be
   empty by then.  */
static int
teardown (void **state) {
  char *dir = strdup (long_path ());

  *strrchr (dir, '/') = 0;
  assert_int_equal (rmdir (dir), 0);
  assert_int_equal (rmdir (tmpdir_get ()), 0);
  assert_int_equal (mkdir (tmpdir_get (), 0700), 0);
  free (dir);
  unsetenv ("XDG_RUNTIME_DIR");
  return fixture_teardown (state);
}

/* Returns true if clients of PATH reach a socket that listens.  */
static bool
is_reachable (const char *path) {
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), redirected = 0;
  struct sockaddr_un addr;
  socklen_t len;
  bool ok;

  ok = !eva__io_redirect_address (path, false, &addr, &len, &redirected) && redirected
       && !connect (fd, (struct sockaddr *) &addr, len);
  close (fd);
  return ok;
}

/* --- Servers that start at once --------------------------------------------------------------- */

#define N_RACERS 3
#define N_ROUNDS 150

/* What racers and referee share.  Each number is that of a round, stored once in it, by one of
   them.  */
struct race {
  atomic_int start, look; /* by the referee; start is -1 at the end */
  atomic_int done[N_RACERS], left[N_RACERS];
  int error[N_RACERS];
};

static void
wait_for (atomic_int *turn, int round) {
  for (int now; (now = atomic_load (turn)) != round && now >= 0;)
    sched_yield ();
}

static void
run_racer (struct race *race, int number, const char *path) {
  for (int round = 1;; round++) {
    struct eva__io_listener listener = EVA__IO_LISTENER_NONE;
    wait_for (&race->start, round);
    if (atomic_load (&race->start) < 0) _exit (0);
    race->error[number] = eva__io_listener_open_path (path, false, &listener) < 0 ? errno : 0;
    atomic_store (&race->done[number], round);
    wait_for (&race->look, round);
    eva__io_listener_close (&listener);
    atomic_store (&race->left[number], round);
  }
}

/* One round.  Returns true if exactly one won, at whose socket clients arrive.  */
static bool
run_round (struct race *race, int round, const char *path) {
  int n_won = 0, n_lost = 0;
  bool reached;

  atomic_store (&race->start, round);
  for (int i = 0; i < N_RACERS; i++) {
    wait_for (&race->done[i], round);
    n_won += !race->error[i];
    n_lost += race->error[i] == EADDRINUSE;
  }
  reached = is_reachable (path);
  atomic_store (&race->look, round);
  for (int i = 0; i < N_RACERS; i++)
    wait_for (&race->left[i], round);
  return n_won == 1 && n_lost == N_RACERS - 1 && reached && access (path, F_OK);
}

/* On a path at which nothing stands, or what a server left that crashed.  */
static void
test_race (void **state) {
  const char *path = long_path ();
  struct race *race =
      mmap (NULL, sizeof *race, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  pid_t pid[N_RACERS];
  int n_bad = 0;

  (void) state;
  for (int i = 0; i < N_RACERS; i++) {
    pid[i] = fork ();
    if (!pid[i]) run_racer (race, i, path);
  }
  for (int round = 1; round <= N_ROUNDS; round++) {
    if (round % 2) assert_int_equal (eva__io_redirect_write (path, tmpdir_path ("none/s")), 0);
    n_bad += !run_round (race, round, path);
    unlink (path);
  }
  atomic_store (&race->start, -1);
  for (int i = 0; i < N_RACERS; i++)
    assert_int_equal (child_exit_code (pid[i]), 0);
  munmap (race, sizeof *race);
  assert_int_equal (n_bad, 0);
}

/* --- Servers that come while others leave ----------------------------------------------------- */

/* Comes and goes.  Returns false if it listened and no client could reach it, or if it could not
   listen for another reason than that another one does.  */
static bool
come_and_go (const char *path, bool takes_over) {
  for (int i = 0; i < 300; i++) {
    struct eva__io_listener listener;
    bool ok;
    if (eva__io_listener_open_path (path, takes_over, &listener)) {
      if (errno != EADDRINUSE) return false;
      continue;
    }
    ok = is_reachable (path);
    eva__io_listener_close (&listener);
    if (!ok) return false;
  }
  return true;
}

/* Of servers that take each other's place only the last one is reached, so those are alone in
   looking.  */
static void
test_coming_and_going (void **state) {
  const char *path = long_path ();
  pid_t pid[N_RACERS];

  (void) state;
  for (int i = 0; i < N_RACERS; i++) {
    pid[i] = fork ();
    if (!pid[i]) _exit (come_and_go (path, false) ? 0 : 1);
  }
  for (int i = 0; i < N_RACERS; i++)
    assert_int_equal (child_exit_code (pid[i]), 0);
}

/* The old one leaves at the moment in which the new one takes its place.  */
static void
test_successors (void **state) {
  const char *path = long_path ();

  (void) state;
  for (int i = 0; i < 100; i++) {
    struct eva__io_listener old, new;
    pid_t pid;
    assert_int_equal (eva__io_listener_open_path (path, false, &old), 0);
    pid = fork ();
    if (!pid) _exit (eva__io_listener_open_path (path, true, &new) || !is_reachable (path));
    for (int spin = 0; spin < i % 10; spin++)
      sched_yield ();
    eva__io_listener_close (&old);
    assert_int_equal (child_exit_code (pid), 0);
    /* It has crashed then.  */
    assert_int_equal (eva__io_listener_open_path (path, false, &new), 0);
    assert_true (is_reachable (path));
    eva__io_listener_close (&new);
  }
}

/* --- Locks ------------------------------------------------------------------------------------ */

/* A file that is there is removed under the lock; where none is, nothing waits for one.  */
static void
test_locks (void **state) {
  const char *const paths[] = { tmpdir_path ("s"), long_path () };
  struct eva__io_listener listener, successor;

  (void) state;
  for (size_t i = 0; i < 2; i++) {
    assert_int_equal (eva__io_listener_open_path (paths[i], false, &listener), 0);
    n_locks = 0;
    eva__io_listener_close (&listener);
    assert_int_equal (n_locks, 1 + i);
    assert_int_equal (eva__io_listener_open_path (paths[i], false, &listener), 0);
    unlink (listener.file.path);
    unlink (paths[i]);
    n_locks = 0;
    eva__io_listener_close (&listener);
    assert_int_equal (n_locks, 0);
  }
  assert_int_equal (eva__io_listener_open_path (paths[0], false, &listener), 0);
  assert_int_equal (eva__io_listener_open_path (paths[0], true, &successor), 0);
  n_locks = 0;
  eva__io_listener_close (&listener);
  assert_int_equal (n_locks, 0);
  eva__io_listener_close (&successor);
}

/* A child that goes on alone removes all of it.  */
static void
test_child (void **state) {
  const char *path = long_path ();
  struct eva__io_listener listener;
  pid_t pid;
  int fd[2];

  (void) state;
  assert_int_equal (eva__io_listener_open_path (path, false, &listener), 0);
  fds_pipe (fd, 0);
  pid = fork ();
  if (!pid) {
    close (fd[1]);
    (void) !read (fd[0], &pid, 1);
    eva__io_listener_close (&listener);
    _exit (0);
  }
  eva__io_listener_drop (&listener);
  assert_true (is_reachable (path));
  fds_close_pair (fd);
  assert_int_equal (child_exit_code (pid), 0);
  assert_int_equal (access (path, F_OK), -1);
}

#define path_test(name) cmocka_unit_test_setup_teardown (name, setup, teardown)

int
main (void) {
  const struct CMUnitTest tests[] = {
    path_test (test_race),       path_test (test_coming_and_going),
    path_test (test_successors), path_test (test_locks),
    path_test (test_child),
  };

  return cmocka_run_group_tests_name ("listener-path", tests, NULL, NULL);
}
