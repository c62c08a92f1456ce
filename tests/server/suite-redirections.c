/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite-redirections.c - files that name the socket at which a server listens, and those that it
   writes where a path is too long for a socket.  */

#include "suite.h"

#include <errno.h>
#include <sys/stat.h>

#include "children.h"

/* A directory whose sockets have names that are too long.  */
static const char *
long_path (void) {
  static char path[400];
  char name[121];

  memset (name, 'x', 120);
  name[120] = 0;
  snprintf (path, sizeof path, "%s/s", tmpdir_path (name));
  *strrchr (path, '/') = 0;
  mkdir (path, 0700);
  strcat (path, "/s");
  return path;
}

static gpg_error_t
listen_at (const char *path) {
  char address[500];

  snprintf (address, sizeof address, "unix:%s", path);
  return eva_server_listen (kit.server, address, 0);
}

static void
write_file (const char *path, const char *text) {
  FILE *file = fopen (path, "we");

  assert_non_null (file);
  fputs (text, file);
  assert_int_equal (fclose (file), 0);
  assert_int_equal (chmod (path, 0600), 0);
}

static void
write_redirection (const char *path, const char *target) {
  char text[800];

  snprintf (text, sizeof text, "%%Assuan%%\nsocket=%s\n", target);
  write_file (path, text);
}

static void
check_clients (void) {
  struct peer *p = peer_connect (0);

  peer_expect_greeting (p);
  peer_ask (p, "ECHO a\n", "D a\nOK\n");
}

static bool is_ready;

static void
on_ready (assuan_context_t ctx, void *arg) {
  (void) ctx;
  (void) arg;
  is_ready = true;
}

/* eva_connect finds the server at PATH.  */
static void
check_connect (const char *path) {
  const struct eva_connect_config config = { .ready = on_ready };
  char address[500];
  assuan_context_t ctx;

  is_ready = false;
  snprintf (address, sizeof address, "unix:%s", path);
  assert_int_equal (eva_connect (kit.loop.loop, address, &config, &ctx), 0);
  kit_until (is_ready);
  assuan_release (ctx);
}

/* Its file, its own directory, and none of it afterwards.  */
static void
test_long_path (void **state) {
  const char *path = long_path ();
  const char *address;
  char target[200];
  struct stat st;

  (void) state;
  setenv ("XDG_RUNTIME_DIR", tmpdir_get (), 1);
  assert_int_equal (listen_at (path), 0);
  address = eva_server_get_address (kit.server, 0);
  snprintf (target, sizeof target, "%s", address + 5);
  assert_memory_equal (target, tmpdir_get (), strlen (tmpdir_get ()));
  assert_int_equal (lstat (path, &st), 0);
  assert_true (S_ISREG (st.st_mode));
  assert_int_equal (st.st_mode & 0777, 0600);
  check_clients ();
  check_connect (path);
  assert_code (listen_at (path), GPG_ERR_EADDRINUSE);
  kit_free_server ();
  assert_int_equal (lstat (path, &st), -1);
  *strrchr (target, '/') = 0;
  assert_int_equal (lstat (target, &st), -1);
  unsetenv ("XDG_RUNTIME_DIR");
}

/* One that a server has left, with its directory or without.  */
static void
test_stale (void **state) {
  const char *path = long_path ();

  (void) state;
  setenv ("XDG_RUNTIME_DIR", tmpdir_get (), 1);
  write_redirection (path, tmpdir_path ("none/s"));
  assert_int_equal (listen_at (path), 0);
  check_connect (path);
  eva_server_stop_listening (kit.server);
  write_redirection (path, tmpdir_path ("t"));
  assert_int_equal (listen_at (path), 0);
  assert_int_equal (access (tmpdir_path ("t"), F_OK), 0);
  check_connect (path);
  unlink (path);
  unsetenv ("XDG_RUNTIME_DIR");
}

static void
test_long_path_in_use (void **state) {
  const char *path = long_path ();

  (void) state;
  setenv ("XDG_RUNTIME_DIR", tmpdir_get (), 1);
  write_file (path, "something else\n");
  assert_code (listen_at (path), GPG_ERR_EADDRINUSE);
  unlink (path);
  setenv ("XDG_RUNTIME_DIR", tmpdir_path ("none"), 1);
  assert_code (listen_at (path), GPG_ERR_ENOENT);
  assert_int_equal (access (path, F_OK), -1);
  unsetenv ("XDG_RUNTIME_DIR");
}

/* --- Servers that follow one another at a long path ------------------------------------------- */

/* Where the socket of the server is; RET has room for that.  */
static void
find_socket (char ret[200]) {
  snprintf (ret, 200, "%s", eva_server_get_address (kit.server, 0) + 5);
}

static bool
is_there (const char *path) {
  struct stat st;

  return !lstat (path, &st);
}

/* Nothing of the socket at TARGET is left, nor of the file that led there.  */
static void
check_nothing_left (const char *path, char target[200]) {
  assert_false (is_there (path));
  assert_false (is_there (target));
  *strrchr (target, '/') = 0;
  assert_false (is_there (target));
}

/* What a server made that has left, its successor removes.  */
static void
test_long_takeover (void **state) {
  const char *path = long_path ();
  char address[500], target[200];
  eva_server *next;

  (void) state;
  setenv ("XDG_RUNTIME_DIR", tmpdir_get (), 1);
  snprintf (address, sizeof address, "unix:%s", path);
  assert_int_equal (listen_at (path), 0);
  find_socket (target);
  assert_int_equal (eva_server_new (kit.loop.loop, &service_offer, &kit, &next), 0);
  assert_int_equal (eva_server_listen (next, address, EVA_LISTEN_TAKE_OVER), 0);
  kit_free_server ();
  assert_true (is_there (path));
  kit.server = next;
  check_connect (path);
  kit_free_server ();
  check_nothing_left (path, target);
  unsetenv ("XDG_RUNTIME_DIR");
}

/* The server was killed.  */
static void
test_long_crash (void **state) {
  const char *path = long_path ();
  char target[200];
  pid_t pid;

  (void) state;
  setenv ("XDG_RUNTIME_DIR", tmpdir_get (), 1);
  pid = fork ();
  if (!pid) _exit (listen_at (path) ? 1 : 0);
  assert_int_equal (child_exit_code (pid), 0);
  assert_true (is_there (path));
  assert_int_equal (listen_at (path), 0);
  find_socket (target);
  check_connect (path);
  kit_free_server ();
  check_nothing_left (path, target);
  unsetenv ("XDG_RUNTIME_DIR");
}

/* The file is another one's when it says so, although it is the same file.  */
static void
test_long_rewritten (void **state) {
  const char *path = long_path ();

  (void) state;
  setenv ("XDG_RUNTIME_DIR", tmpdir_get (), 1);
  assert_int_equal (listen_at (path), 0);
  write_redirection (path, tmpdir_path ("other"));
  kit_free_server ();
  assert_true (is_there (path));
  unlink (path);
  unsetenv ("XDG_RUNTIME_DIR");
}

static unsigned int n_lost;

static void
on_lost (eva_server *server, void *arg, const char *address, bool is_replaced) {
  (void) server;
  (void) arg;
  (void) address;
  assert_false (is_replaced);
  n_lost++;
}

static void
test_lost (void **state) {
  const char *path = long_path ();

  (void) state;
  n_lost = 0;
  setenv ("XDG_RUNTIME_DIR", tmpdir_get (), 1);
  assert_int_equal (listen_at (path), 0);
  eva_server_set_lost (kit.server, on_lost, NULL);
  kit_idle (20);
  assert_int_equal (n_lost, 0);
  unlink (path);
  kit_until (n_lost == 1);
  unsetenv ("XDG_RUNTIME_DIR");
}

/* The file of the user says where; it stays.  */
static void
test_redirected (void **state) {
  (void) state;
  setenv ("EVA_TEST_DIR", tmpdir_get (), 1);
  write_redirection (tmpdir_path ("s"), "${EVA_TEST_DIR}/target");
  assert_int_equal (listen_at (tmpdir_path ("s")), 0);
  assert_string_equal (eva_server_get_address (kit.server, 0) + 5, tmpdir_path ("target"));
  check_clients ();
  check_connect (tmpdir_path ("s"));
  kit_free_server ();
  assert_int_equal (access (tmpdir_path ("target"), F_OK), -1);
  assert_int_equal (access (tmpdir_path ("s"), F_OK), 0);
  unsetenv ("EVA_TEST_DIR");
}

static void
test_one_level (void **state) {
  (void) state;
  write_redirection (tmpdir_path ("a"), tmpdir_path ("b"));
  write_redirection (tmpdir_path ("b"), tmpdir_path ("c"));
  assert_code (listen_at (tmpdir_path ("a")), GPG_ERR_EADDRINUSE);
  assert_int_equal (access (tmpdir_path ("c"), F_OK), -1);
}

/* Only this user and root say where a server listens.  */
static void
test_not_trusted (void **state) {
  const char *path = tmpdir_path ("s");

  (void) state;
  write_redirection (path, tmpdir_path ("t"));
  for (mode_t bit = 020; bit; bit = bit == 020 ? 02 : 0) {
    assert_int_equal (chmod (path, 0600 | bit), 0);
    assert_code (listen_at (path), GPG_ERR_EPERM);
  }
  assert_int_equal (chmod (path, 0644), 0);
  if (!geteuid ()) {
    assert_int_equal (chown (path, 65534, 65534), 0);
    assert_code (listen_at (path), GPG_ERR_EPERM);
    assert_int_equal (chown (path, 0, 0), 0);
  }
  assert_int_equal (symlink (path, tmpdir_path ("link")), 0);
  assert_code (listen_at (tmpdir_path ("link")), GPG_ERR_EADDRINUSE);
  assert_int_equal (access (tmpdir_path ("t"), F_OK), -1);
  assert_int_equal (listen_at (path), 0);
}

/* Files that are no redirections, or bad ones, are left alone.  */
static void
test_bad_files (void **state) {
  static const char *const none[] = {
    "", "\n", "%Assuan%", "%Assuan%\nsocket=/x", "%Assuan%\nsocket=/x\n\n", "%Assuan%\nfile=/x\n",
  };
  const char *path = tmpdir_path ("s");
  char much[700];

  (void) state;
  for (size_t i = 0; i < N_ELEMENTS (none); i++) {
    write_file (path, none[i]);
    assert_code (listen_at (path), GPG_ERR_EADDRINUSE);
  }
  memset (much, '/', sizeof much);
  much[550] = 0;
  write_redirection (path, much);
  assert_code (listen_at (path), GPG_ERR_EADDRINUSE);
  much[200] = 0;
  write_redirection (path, much);
  assert_code (listen_at (path), GPG_ERR_ENAMETOOLONG);
  write_redirection (path, "relative");
  assert_code (listen_at (path), GPG_ERR_EINVAL);
  write_redirection (path, "${HOME");
  assert_code (listen_at (path), GPG_ERR_EINVAL);
  write_redirection (path, tmpdir_path ("none/s"));
  assert_code (listen_at (path), GPG_ERR_ENOENT);
}

static const struct CMUnitTest tests[] = {
  kit_test (test_long_path),     kit_test (test_stale),      kit_test (test_long_path_in_use),
  kit_test (test_long_takeover), kit_test (test_long_crash), kit_test (test_long_rewritten),
  kit_test (test_lost),          kit_test (test_redirected), kit_test (test_one_level),
  kit_test (test_not_trusted),   kit_test (test_bad_files),
};

SUITE (redirections);
