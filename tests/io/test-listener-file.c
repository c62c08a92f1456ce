/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-listener-file.c - the files of listening Unix sockets: whose they are, their mode, which
   ones are replaced, and who wins.  */

#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "io/listener.h"

static int
listen_at (const char *path, struct eva__io_listener *listener) {
  struct eva__io_endpoint ep;
  char text[400];

  snprintf (text, sizeof text, "unix:%s", path);
  if (eva__io_endpoint_parse (text, &ep) < 0) return -1;
  return eva__io_listener_open (&ep, false, listener);
}

/* --- Other servers ---------------------------------------------------------------------------- */

static struct sockaddr_un
make_address (const char *path) {
  struct sockaddr_un addr = { .sun_family = AF_UNIX };

  assert_true (strlen (path) < sizeof addr.sun_path);
  strcpy (addr.sun_path, path);
  return addr;
}

static int
bind_socket (const char *path, int type) {
  struct sockaddr_un addr = make_address (path);
  int fd = socket (AF_UNIX, type | SOCK_CLOEXEC, 0);

  assert_int_equal (bind (fd, (struct sockaddr *) &addr, sizeof addr), 0);
  return fd;
}

/* Returns a socket that listens at PATH.  */
static int
serve (const char *path, int backlog) {
  int fd = bind_socket (path, SOCK_STREAM);

  assert_int_equal (listen (fd, backlog), 0);
  return fd;
}

/* Leaves the file of a server that ended without a word at PATH.  */
static void
make_stale (const char *path) {
  close (serve (path, 5));
}

/* Returns a connection to PATH, or -1 with errno.  */
static int
connect_path (const char *path) {
  struct sockaddr_un addr = make_address (path);
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), error;

  if (!connect (fd, (struct sockaddr *) &addr, sizeof addr)) return fd;
  error = errno;
  close (fd);
  errno = error;
  return -1;
}

static void
assert_reachable (const char *path, const struct eva__io_listener *listener) {
  int client = connect_path (path), fd;

  assert_true (client >= 0);
  fd = eva__io_listener_accept (listener);
  assert_true (fd >= 0);
  close (fd);
  close (client);
}

static mode_t
mode_of (const char *path) {
  struct stat st;

  assert_int_equal (lstat (path, &st), 0);
  return st.st_mode;
}

static ino_t
inode_of (const char *path) {
  struct stat st;

  assert_int_equal (lstat (path, &st), 0);
  return st.st_ino;
}

/* Listening at PATH is refused with ERROR, and what is there stays.  */
static void
assert_refused (const char *path, int error) {
  struct eva__io_listener listener = EVA__IO_LISTENER_NONE;
  ino_t inode = inode_of (path);
  mode_t mode = mode_of (path);

  assert_fails (listen_at (path, &listener), error);
  assert_int_equal (listener.fd, -1);
  assert_int_equal (inode_of (path), inode);
  assert_int_equal (mode_of (path), mode);
}

/* --- Replacing -------------------------------------------------------------------------------- */

static void
test_stale (void **state) {
  const char *path = tmpdir_path ("s");
  struct eva__io_listener listener;
  int bound;

  (void) state;
  make_stale (path);
  assert_int_equal (listen_at (path, &listener), 0);
  assert_reachable (path, &listener);
  eva__io_listener_close (&listener);
  assert_fails (access (path, F_OK), ENOENT);

  /* Bound, but no process listens.  */
  bound = bind_socket (path, SOCK_STREAM);
  assert_int_equal (listen_at (path, &listener), 0);
  assert_reachable (path, &listener);
  eva__io_listener_close (&listener);
  close (bound);
}

static void
test_live (void **state) {
  const char *path = tmpdir_path ("s");
  int server = serve (path, 0), client[8], n = 0, fd;

  (void) state;
  assert_refused (path, EADDRINUSE);
  /* The look for life was a client, too.  */
  close (accept (server, NULL, NULL));
  while (n < 8 && (fd = connect_path (path)) >= 0)
    client[n++] = fd;
  assert_int_equal (errno, EAGAIN);
  assert_refused (path, EADDRINUSE);
  while (n)
    close (client[--n]);
  close (server);
}

static void
test_our_own (void **state) {
  const char *path = tmpdir_path ("s");
  struct eva__io_listener listener;

  (void) state;
  assert_int_equal (listen_at (path, &listener), 0);
  assert_refused (path, EADDRINUSE);
  eva__io_listener_close (&listener);
}

static void
test_no_stream_socket (void **state) {
  const char *dir = tmpdir_path ("dir"), *fifo = tmpdir_path ("fifo");
  const char *datagrams = tmpdir_path ("datagrams"), *packets = tmpdir_path ("packets");
  int fd;

  (void) state;
  assert_refused (fixture_file ("file", "text", 4), EADDRINUSE);
  assert_int_equal (mkdir (dir, 0700), 0);
  assert_refused (dir, EADDRINUSE);
  assert_int_equal (mkfifo (fifo, 0600), 0);
  assert_refused (fifo, EADDRINUSE);
  assert_refused ("/tmp", EADDRINUSE);
  fd = bind_socket (datagrams, SOCK_DGRAM);
  assert_refused (datagrams, EADDRINUSE);
  close (fd);
  fd = bind_socket (packets, SOCK_SEQPACKET);
  assert_int_equal (listen (fd, 5), 0);
  assert_refused (packets, EADDRINUSE);
  close (fd);
}

/* A user who may make a link must not decide what we remove, or where we listen.  */
static void
test_links (void **state) {
  const char *link = tmpdir_path ("link"), *target = tmpdir_path ("target");
  int server;

  (void) state;
  assert_int_equal (symlink (target, link), 0);
  assert_refused (link, EADDRINUSE);
  assert_fails (access (target, F_OK), ENOENT);
  make_stale (target);
  assert_refused (link, EADDRINUSE);
  assert_int_equal (access (target, F_OK), 0);
  unlink (target);
  server = serve (target, 5);
  assert_refused (link, EADDRINUSE);
  close (server);
  unlink (target);
  fixture_file ("target", "text", 4);
  assert_refused (link, EADDRINUSE);
}

/* --- Directories ------------------------------------------------------------------------------ */

static void
test_no_directory (void **state) {
  struct eva__io_listener listener = EVA__IO_LISTENER_NONE;

  (void) state;
  assert_fails (listen_at (tmpdir_path ("none/s"), &listener), ENOENT);
  assert_fails (listen_at ("/none-such-directory/s", &listener), ENOENT);
  fixture_file ("file", "text", 4);
  assert_fails (listen_at (tmpdir_path ("file/s"), &listener), ENOTDIR);
  assert_int_equal (listener.fd, -1);
}

static void
test_longest_path (void **state) {
  const char *dir = tmpdir_path ("");
  char name[200];
  struct eva__io_listener listener;

  (void) state;
  memset (name, 'x', sizeof name);
  name[107 - strlen (dir)] = 0;
  make_stale (tmpdir_path (name));
  assert_int_equal (listen_at (tmpdir_path (name), &listener), 0);
  assert_reachable (tmpdir_path (name), &listener);
  eva__io_listener_close (&listener);
  assert_fails (access (tmpdir_path (name), F_OK), ENOENT);
  strcat (name, "x");
  assert_fails (listen_at (tmpdir_path (name), &listener), ENAMETOOLONG);
}

/* A user who can read the directory can lock it, and must not keep us from starting so.  */
static void
test_lock_taken (void **state) {
  const char *path = tmpdir_path ("s");
  int lock = open (tmpdir_path (""), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  struct eva__io_listener listener;

  (void) state;
  assert_int_equal (flock (lock, LOCK_EX), 0);
  make_stale (path);
  assert_int_equal (listen_at (path, &listener), 0);
  assert_reachable (path, &listener);
  eva__io_listener_close (&listener);
  close (lock);
}

/* The lock goes with the call, not with the listener.  */
static void
test_lock_given_back (void **state) {
  int lock = open (tmpdir_path (""), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  struct eva__io_listener listener, second;

  (void) state;
  assert_int_equal (listen_at (tmpdir_path ("s"), &listener), 0);
  assert_fails (listen_at (tmpdir_path ("s"), &second), EADDRINUSE);
  assert_int_equal (flock (lock, LOCK_EX | LOCK_NB), 0);
  eva__io_listener_close (&listener);
  close (lock);
}

/* A directory that may be written, but not read, cannot be locked.  Root can read them all.  */
static void
test_unreadable_directory (void **state) {
  const char *dir = tmpdir_path ("dir"), *path = tmpdir_path ("dir/s");
  pid_t pid;

  (void) state;
  assert_int_equal (mkdir (dir, 0700), 0);
  assert_int_equal (chmod (tmpdir_path (""), 0711), 0);
  if (!geteuid ()) assert_int_equal (chown (dir, 65534, 65534), 0);
  assert_int_equal (chmod (dir, 0300), 0);
  pid = fork ();
  if (!pid) {
    struct eva__io_listener listener;
    if (!geteuid () && (setgid (65534) || setuid (65534))) _exit (1);
    if (open (dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) >= 0) _exit (2);
    make_stale (path);
    if (listen_at (path, &listener) < 0) _exit (3);
    assert_reachable (path, &listener);
    eva__io_listener_close (&listener);
    _exit (access (path, F_OK) ? 0 : 4);
  }
  assert_int_equal (child_exit_code (pid), 0);
  assert_int_equal (chmod (dir, 0700), 0);
}

/* --- Closing ---------------------------------------------------------------------------------- */

static void
test_close_replaced (void **state) {
  const char *path = tmpdir_path ("s");
  struct eva__io_listener listener;
  int server;

  (void) state;
  assert_int_equal (listen_at (path, &listener), 0);
  assert_int_equal (unlink (path), 0);
  server = serve (path, 5);
  eva__io_listener_close (&listener);
  assert_true (S_ISSOCK (mode_of (path)));
  close (server);
  unlink (path);

  assert_int_equal (listen_at (path, &listener), 0);
  assert_int_equal (unlink (path), 0);
  fixture_file ("s", "text", 4);
  eva__io_listener_close (&listener);
  assert_true (S_ISREG (mode_of (path)));
}

/* Another name for our socket is no file that we made.  */
static void
test_close_moved (void **state) {
  const char *path = tmpdir_path ("s"), *other = tmpdir_path ("other");
  struct eva__io_listener listener;

  (void) state;
  assert_int_equal (listen_at (path, &listener), 0);
  assert_int_equal (rename (path, other), 0);
  assert_int_equal (symlink (other, path), 0);
  eva__io_listener_close (&listener);
  assert_true (S_ISLNK (mode_of (path)));
  assert_true (S_ISSOCK (mode_of (other)));
}

/* In a child the file is removed by the last one that listens; that is the parent here, and then
   the child.  */
static int
close_in_child (struct eva__io_listener *listener, bool drop) {
  pid_t pid = fork ();

  assert_true (pid >= 0);
  if (!pid) {
    if (drop)
      eva__io_listener_drop (listener);
    else
      eva__io_listener_close (listener);
    _exit (0);
  }
  return child_exit_code (pid);
}

static void
test_close_in_child (void **state) {
  const char *path = tmpdir_path ("s");
  struct eva__io_listener listener;
  struct stat st;
  int go[2];
  char octet;
  pid_t pid;

  (void) state;
  assert_int_equal (listen_at (path, &listener), 0);
  assert_int_equal (close_in_child (&listener, true), 0);
  assert_int_equal (close_in_child (&listener, false), 0);
  assert_int_equal (lstat (path, &st), 0);
  fds_pipe (go, 0);
  pid = fork ();
  assert_true (pid >= 0);
  if (!pid) {
    close (go[1]);
    if (read (go[0], &octet, 1)) _exit (1);
    eva__io_listener_close (&listener);
    _exit (0);
  }
  eva__io_listener_drop (&listener);
  close (go[0]);
  assert_int_equal (lstat (path, &st), 0);
  close (go[1]);
  assert_int_equal (child_exit_code (pid), 0);
  assert_int_equal (lstat (path, &st), -1);
}

/* Nor is another server's in its place.  */
static void
test_close_replaced_in_child (void **state) {
  const char *path = tmpdir_path ("s");
  struct eva__io_listener listener;
  struct stat st;
  int fd;

  (void) state;
  assert_int_equal (listen_at (path, &listener), 0);
  assert_int_equal (unlink (path), 0);
  fd = serve (path, 5);
  assert_int_equal (close_in_child (&listener, false), 0);
  assert_int_equal (lstat (path, &st), 0);
  eva__io_listener_close (&listener);
  assert_int_equal (lstat (path, &st), 0);
  close (fd);
  unlink (path);
}

static void
test_close_twice (void **state) {
  const char *path = tmpdir_path ("s");
  struct eva__io_listener listener, none = EVA__IO_LISTENER_NONE, second;

  (void) state;
  assert_int_equal (listen_at (path, &listener), 0);
  assert_int_equal (unlink (path), 0);
  errno = ERANGE;
  eva__io_listener_close (&listener);
  assert_int_equal (errno, ERANGE);
  assert_int_equal (listen_at (path, &second), 0);
  eva__io_listener_close (&listener);
  eva__io_listener_close (&none);
  assert_reachable (path, &second);
  eva__io_listener_close (&second);
}

/* --- Modes ------------------------------------------------------------------------------------ */

static void
test_mode (void **state) {
  static const mode_t masks[] = { 0, 022, 027, 077, 0177, 0200, 0600, 0700, 0777 };
  const char *path = tmpdir_path ("s");
  struct eva__io_listener listener;
  mode_t old = umask (0);

  (void) state;
  for (size_t i = 0; i < sizeof masks / sizeof *masks; i++) {
    umask (masks[i]);
    assert_int_equal (listen_at (path, &listener), 0);
    assert_int_equal (mode_of (path), S_IFSOCK | 0600);
    assert_reachable (path, &listener);
    eva__io_listener_close (&listener);
    assert_int_equal (umask (masks[i]), masks[i]);
  }
  umask (old);
}

/* Looks at PATH until STOP, and returns 1 if it was ever there for others.  */
static int
watch_mode (const char *path, const atomic_bool *stop) {
  struct stat st;

  while (!atomic_load (stop))
    if (!lstat (path, &st) && st.st_mode & 077) return 1;
  return 0;
}

/* Not even for a moment.  */
static void
test_mode_from_birth (void **state) {
  const char *path = tmpdir_path ("s");
  atomic_bool *stop =
      mmap (NULL, sizeof *stop, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  struct eva__io_listener listener;
  mode_t old;
  pid_t pid;

  (void) state;
  pid = fork ();
  if (!pid) _exit (watch_mode (path, stop));
  old = umask (0);
  for (int i = 0; i < 2000; i++) {
    assert_int_equal (listen_at (path, &listener), 0);
    eva__io_listener_close (&listener);
  }
  umask (old);
  atomic_store (stop, true);
  assert_int_equal (child_exit_code (pid), 0);
  munmap (stop, sizeof *stop);
}

/* --- The race --------------------------------------------------------------------------------- */

#define N_RACERS 2
#define N_ROUNDS 400

/* What racers and referee share.  A turn is the number of a round; each of these is stored once a
   round, by one of them.  */
struct race {
  atomic_int start;          /* the round that may begin, -1: no more */
  atomic_int look;           /* the round whose result the referee has seen */
  atomic_int done[N_RACERS]; /* the round that the racer has tried in */
  atomic_int left[N_RACERS]; /* and that it has closed in */
  int error[N_RACERS];
};

static void
wait_for (atomic_int *turn, int round) {
  int now;

  /* Without this a third process on two processors would get nothing done.  */
  for (int i = 0; (now = atomic_load (turn)) != round && now >= 0; i++)
    if (i > 1000) sched_yield ();
}

/* A server that is started in every round; it says its number to the one client that comes.  */
static void
run_racer (struct race *race, int number, const char *path) {
  for (int round = 1;; round++) {
    struct eva__io_listener listener = EVA__IO_LISTENER_NONE;
    wait_for (&race->start, round);
    if (atomic_load (&race->start) < 0) _exit (0);
    race->error[number] = listen_at (path, &listener) < 0 ? errno : 0;
    atomic_store (&race->done[number], round);
    wait_for (&race->look, round);
    eva__io_listener_close (&listener);
    atomic_store (&race->left[number], round);
  }
}

/* One round.  Returns true if exactly one won, whose socket is the one at PATH.  */
static bool
run_round (struct race *race, int round, const char *path) {
  int n_won = 0, n_lost = 0, client;

  make_stale (path);
  atomic_store (&race->start, round);
  for (int i = 0; i < N_RACERS; i++) {
    wait_for (&race->done[i], round);
    n_won += !race->error[i];
    n_lost += race->error[i] == EADDRINUSE;
  }
  client = connect_path (path);
  if (client >= 0) close (client);
  atomic_store (&race->look, round);
  for (int i = 0; i < N_RACERS; i++)
    wait_for (&race->left[i], round);
  return n_won == 1 && n_lost == N_RACERS - 1 && client >= 0 && access (path, F_OK);
}

/* Servers that are started at the same moment, on the path of one that crashed.  */
static void
test_race (void **state) {
  const char *path = tmpdir_path ("s");
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
    n_bad += !run_round (race, round, path);
    unlink (path);
  }
  atomic_store (&race->start, -1);
  for (int i = 0; i < N_RACERS; i++)
    assert_int_equal (child_exit_code (pid[i]), 0);
  munmap (race, sizeof *race);
  assert_int_equal (n_bad, 0);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    fixture_test (test_stale),           fixture_test (test_live),
    fixture_test (test_our_own),         fixture_test (test_no_stream_socket),
    fixture_test (test_links),           fixture_test (test_no_directory),
    fixture_test (test_longest_path),    fixture_test (test_lock_taken),
    fixture_test (test_lock_given_back), fixture_test (test_unreadable_directory),
    fixture_test (test_close_replaced),  fixture_test (test_close_moved),
    fixture_test (test_close_in_child),  fixture_test (test_close_replaced_in_child),
    fixture_test (test_close_twice),     fixture_test (test_mode),
    fixture_test (test_mode_from_birth), fixture_test (test_race),
  };

  return cmocka_run_group_tests_name ("listener-file", tests, NULL, NULL);
}
