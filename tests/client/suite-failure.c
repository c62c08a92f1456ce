/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite-failure.c - the sentences for what failed: eva_loop_get_failure and eva_get_reason.  */

#include "kit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "fds.h"
#include "tmpdir.h"

#define NAME_107                                                                                   \
  "/0123456789012345678901234567890123456789012345678901234567890123456789"                        \
  "012345678901234567890123456789012345"

/* In addresses and sentences, `~` stands for the directory of the test, and `^` for that of the
   process.  */
struct row {
  const char *address, *why;
};

/* FORMAT with its places filled, in a buffer for the next call but one.  */
static const char *
fill (const char *format) {
  static char bufs[2][2000];
  static unsigned int n;
  char *buf = bufs[n++ % 2], *at = buf, *here = getcwd (NULL, 0);

  for (; *format; format++) {
    const char *part = *format == '~' ? tmpdir_get () : *format == '^' ? here : NULL;
    if (part)
      at = stpcpy (at, part);
    else
      *at++ = *format;
  }
  *at = 0;
  free (here);
  return buf;
}

static void
make_file (const char *name, const char *text, mode_t mode) {
  FILE *fp = fopen (tmpdir_path (name), "w");

  fputs (text, fp);
  fclose (fp);
  assert_int_equal (chmod (tmpdir_path (name), mode), 0);
}

static int live; /* a socket that listens */

static void
make_files (void) {
  int stale = peer_listen (kit_format ("unix:%s", tmpdir_path ("stale")), 1, NULL);

  close (stale);
  live = peer_listen (kit_format ("unix:%s", tmpdir_path ("live")), 1, NULL);
  chmod (tmpdir_path ("live"), 0600);
  assert_int_equal (symlink ("loop", tmpdir_path ("loop")), 0);
  make_file ("plain", "text", 0600);
  make_file ("script", "#! /nonexistent/sh -x\n", 0700);
  make_file ("R", kit_format ("%%Assuan%%\nsocket=%s\n", tmpdir_path ("none")), 0600);
  make_file ("bad", "%Assuan%\nsocket=${x\n", 0600);
}

static void
remove_files (void) {
  static const char *const names[] = { "stale", "live", "plain", "script", "R", "bad", "loop" };

  close (live);
  for (size_t i = 0; i < N_ELEMENTS (names); i++)
    unlink (tmpdir_path (names[i]));
}

/* --- Clients ---------------------------------------------------------------------------------- */

/* The sentence comes in both ways: from eva_connect itself, and by closed.  */
static void
expect_unconnected (const struct row *row) {
  char address[1000], sentence[2000];
  assuan_context_t ctx = NULL;
  gpg_error_t err;

  snprintf (address, sizeof address, "%s", fill (row->address));
  snprintf (sentence, sizeof sentence, "cannot connect to %s: %s", address, fill (row->why));
  err = eva_connect (kit_loop.loop, address, &kit_config, &ctx);
  assert_int_not_equal (err, 0);
  assert_string_equal (eva_loop_get_failure (kit_loop.loop), sentence);
  kit_config.flags |= EVA_CONNECT_LATE_ERRORS;
  kit_on_closed = kit_note_reason;
  ctx = kit_dial (address);
  assert_null (eva_loop_get_failure (kit_loop.loop));
  kit_await (kit_format ("closed %s\nreason %s\n", kit_error (err), sentence));
  assuan_release (ctx);
  kit_config.flags &= ~EVA_CONNECT_LATE_ERRORS;
}

static void
test_connect (void **state) {
  static const struct row rows[] = {
    { "unix:S", "the path is relative; write unix:^/S" },
    { "unix:", "the name is missing" },
    { "unix:@", "the name is missing" },
    { "S", "this is no address; write unix:/PATH, unix:@NAME, tcp:IP:PORT, fd:N, exec:PROGRAM or "
           "ssh:HOST/PATH" },
    { "ssh:host", "write it as ssh:[USER@]HOST[:PORT]/PATH, without blanks" },
    { "unix:~" NAME_107, "@long" },
    { "unix:~/none", "there is no such socket; does the server run?" },
    { "~/none", "there is no such socket; does the server run?" },
    { "unix:~/a/b/S", "there is no directory ~/a" },
    { "unix:~/plain/S", "~/plain is a file, not a directory" },
    { "unix:~/plain", "this is a file, not a socket" },
    { "file://~", "this is a directory, not a socket" },
    { "unix:~/loop", "Too many levels of symbolic links" },
    { "unix:~/stale", "no process listens on this socket; has the server ended?" },
    { "unix:~/R", "it redirects to ~/none: there is no such socket; does the server run?" },
    { "unix:~/bad",
      "this file redirects to no socket that has a name, or to one whose name is too long" },
    { "unix:@evassuan-none", "no process listens under this name; does the server run?" },
    { "tcp:localhost:1", "names of hosts are not looked up; write tcp:127.0.0.1:1" },
    { "tcp:host:1", "the address is not numeric, and names of hosts are not looked up" },
    { "tcp:127.0.0.1", "the port is missing, or none; write it as in tcp:127.0.0.1:4711" },
    { "tcp:127.0.0.1:", "the port is missing, or none; write it as in tcp:127.0.0.1:4711" },
    { "tcp:127.0.0.1:65536", "the port is missing, or none; write it as in tcp:127.0.0.1:4711" },
    { "tcp:::1:7", "an IPv6 address stands in brackets; write tcp:[::1]:7" },
    { "tcp:127.0.0.1:0", "port 0 is for listening alone" },
    { "fd:x", "this is the number of no descriptor" },
    { "fd:99999", "this descriptor is not open" },
    { "systemd:", "these sockets are for listening alone" },
    { "exec:", "the program is missing" },
    { "exec:'' x", "the program is missing" },
    { "exec:sh 'x", "a quote does not end" },
    { "exec:none x", "no directory of PATH has a program none; PATH is ~" },
    { "exec:plain", "no directory of PATH has an executable plain; PATH is ~" },
    { "exec:~/a/x", "there is no directory ~/a" },
    { "exec:~/none", "there is no program ~/none" },
    { "exec:~", "~ is a directory, not a program" },
  };
  char *path = strdup (getenv ("PATH"));

  (void) state;
  make_files ();
  setenv ("PATH", tmpdir_get (), 1);
  for (size_t i = 0; i < N_ELEMENTS (rows); i++) {
    struct row row = rows[i];
    if (!strcmp (row.why, "@long"))
      row.why =
          kit_format ("the name has %zu octets, and the kernel takes 107; take a shorter one, "
                      "or a file that redirects to the socket (%%Assuan%%)",
                      strlen (tmpdir_get ()) + strlen (NAME_107));
    expect_unconnected (&row);
  }
  expect_unconnected (&(struct row) {
      "exec:~/plain", kit_format ("user %u may not execute ~/plain, which is user %u's and has the "
                                  "mode 0600",
                                  (unsigned int) geteuid (), (unsigned int) geteuid ()) });
  setenv ("PATH", path, 1);
  free (path);
  remove_files ();
}

/* A program whose words are known is named.  */
static void
test_words (void **state) {
  static const char *const argv[] = { "/nonexistent/x", "a b", NULL };
  assuan_context_t ctx;

  (void) state;
  kit_config.argv = argv;
  assert_int_not_equal (eva_connect (kit_loop.loop, "exec:", &kit_config, &ctx), 0);
  assert_string_equal (eva_loop_get_failure (kit_loop.loop),
                       "cannot connect to exec:/nonexistent/x: there is no directory /nonexistent");
  kit_config.argv = NULL;
  kit_config.directory = "/nonexistent";
  assert_int_not_equal (eva_connect (kit_loop.loop, "exec:sh", &kit_config, &ctx), 0);
  assert_string_equal (eva_loop_get_failure (kit_loop.loop),
                       "cannot connect to exec:sh: the program is there, but its working directory "
                       "cannot be entered");
}

static void
expect_port_refused (void) {
  unsigned int port;
  int listener = peer_listen ("tcp:127.0.0.1", 1, &port);
  assuan_context_t ctx;

  close (listener);
  kit_on_closed = kit_note_reason;
  kit_config.flags |= EVA_CONNECT_LATE_ERRORS;
  ctx = kit_dial (kit_format ("tcp:127.0.0.1:%u", port));
  kit_await (kit_format ("closed ASS_CONNECT_FAILED\nreason cannot connect to tcp:127.0.0.1:%u: no "
                         "process listens on this port; does the server run?\n",
                         port));
  assuan_release (ctx);
}

/* No greeting comes.  */
static void
expect_no_greeting (const char *address, const char *code, const char *why) {
  assuan_context_t ctx;

  kit_on_closed = kit_note_reason;
  ctx = kit_dial (address);
  kit_await (kit_format ("closed %s\nreason cannot connect to %s: %s\n", code, address, why));
  assuan_release (ctx);
}

static void
test_later (void **state) {
  assuan_context_t ctx;

  (void) state;
  make_files ();
  expect_port_refused ();
  kit_config.flags = 0;
  expect_no_greeting ("exec:true", "EPIPE", "the program ended without a greeting");
  expect_no_greeting ("exec:echo SSH-2.0", "ASS_INV_RESPONSE",
                      "what it says is no greeting; is this an Assuan server?");
  ctx = kit_dial (kit_format ("exec:%s", tmpdir_path ("script")));
  kit_await (kit_format ("closed ASS_SERVER_START\nreason can't exec '%s': its interpreter is "
                         "missing\n",
                         tmpdir_path ("script")));
  assuan_release (ctx);
  kit_await_reaping ();
  kit_config.greeting_timeout_ms = 20;
  expect_no_greeting (kit_format ("unix:%s", tmpdir_path ("live")), "TIMEOUT",
                      "it accepts, but does not greet within 20 ms; is this an Assuan server?");
  remove_files ();
}

/* --- Servers ---------------------------------------------------------------------------------- */

static void
expect_unheard (eva_server *server, const struct row *row) {
  char address[1000];

  snprintf (address, sizeof address, "%s", fill (row->address));
  assert_int_not_equal (eva_server_listen (server, address, 0), 0);
  assert_string_equal (eva_loop_get_failure (kit_loop.loop),
                       kit_format ("cannot listen on %s: %s", address, fill (row->why)));
}

static eva_server *
new_server (void) {
  static const struct eva_service service;
  eva_server *server;

  assert_int_equal (eva_server_new (kit_loop.loop, &service, NULL, &server), 0);
  return server;
}

#define NO_SOCKET                                                                                  \
  "no socket was passed to this process (LISTEN_FDS); start it by a socket unit of systemd, or "   \
  "by "                                                                                            \
  "systemd-socket-activate"
#define NO_USERS                                                                                   \
  "the kernel does not tell who the peers of TCP are; let every user in (eva_server_allow_uid, "   \
  "EVA_ANY_UID), or take a Unix socket"

static void
test_listen (void **state) {
  static const struct row rows[] = {
    { "unix:S", "the path is relative; write unix:^/S" },
    { "S", "this is no address; write unix:/PATH, unix:@NAME, tcp:IP:PORT, fd:N or systemd:NAME" },
    { "/x/S", "the address begins with what it is; write unix:/x/S" },
    { "exec:sh", "a program is no place to listen on" },
    { "ssh:host/S", "a socket of another host is no place to listen on" },
    { "unix:~/a/S", "there is no directory ~/a; make it first" },
    { "unix:~/plain/S", "~/plain is a file, not a directory" },
    { "unix:~/plain", "a file stands there, not a socket; remove it, or take another path" },
    { "unix:~", "a directory stands there, not a socket; remove it, or take another path" },
    { "unix:~/live",
      "another server listens there; end it, or take its place (EVA_LISTEN_TAKE_OVER)" },
    { "tcp:localhost:1", "names of hosts are not looked up; write tcp:127.0.0.1:1" },
    { "tcp:127.0.0.1:0", NO_USERS },
    { "systemd:", NO_SOCKET },
    { "systemd:a", NO_SOCKET },
    { "systemd:a:b", "the name of a socket has no colon" },
    { "fd:99999", "this descriptor is not open" },
  };
  static const struct row late_rows[] = {
    { "tcp:192.0.2.1:7", "other hosts reach this address; take a loopback address, or let them in "
                         "(EVA_LISTEN_ANY_ADDRESS)" },
    { "systemd:", NO_SOCKET },
  };
  eva_server *server = new_server ();
  unsigned int port;
  int listener;

  (void) state;
  make_files ();
  for (size_t i = 0; i < N_ELEMENTS (rows); i++)
    expect_unheard (server, &rows[i]);
  assert_int_equal (eva_server_allow_uid (server, EVA_ANY_UID), 0);
  for (size_t i = 0; i < N_ELEMENTS (late_rows); i++)
    expect_unheard (server, &late_rows[i]);
  listener = peer_listen ("tcp:127.0.0.1", 1, &port);
  expect_unheard (server,
                  &(struct row) { kit_format ("tcp:127.0.0.1:%u", port),
                                  "another socket has this port; does a server run already?" });
  close (listener);
  assert_int_equal (eva_server_listen (server, kit_format ("unix:%s", tmpdir_path ("S")), 0), 0);
  assert_null (eva_loop_get_failure (kit_loop.loop));
  assert_int_equal (eva_server_drain (server, 0, NULL, NULL), 0);
  expect_unheard (server, &(struct row) { "unix:~/T", "the server is draining" });
  eva_server_free (server);
  assert_non_null (eva_loop_get_failure (kit_loop.loop)); /* it is the loop's */
  assert_null (eva_loop_get_failure (NULL));
  remove_files ();
}

static gpg_error_t
refuse (assuan_context_t ctx) {
  (void) ctx;
  return gpg_error (GPG_ERR_ASS_GENERAL);
}

/* The reason of the service is not taken for one that the library knows, and an error without a
   sentence leaves none of an earlier one.  */
static void
test_no_guess (void **state) {
  static const struct eva_service service = { .open = refuse };
  assuan_context_t ctx;
  eva_server *server;
  int fd[2];

  (void) state;
  assert_int_equal (eva_server_new (kit_loop.loop, &service, NULL, &server), 0);
  fds_socketpair (fd, 0);
  expect_unheard (server, &(struct row) { kit_format ("fd:%d", fd[0]), "General IPC error" });
  assert_error (eva_server_listen (server, NULL, 0), "ASS_INV_VALUE");
  assert_null (eva_loop_get_failure (kit_loop.loop));
  expect_unheard (server, &(struct row) { "fd:99999", "this descriptor is not open" });
  assert_error (eva_connect (kit_loop.loop, NULL, NULL, &ctx), "ASS_INV_VALUE");
  assert_null (eva_loop_get_failure (kit_loop.loop));
  eva_server_free (server);
  fds_close_pair (fd);
}

/* --- What only some users meet ---------------------------------------------------------------- */

#define NOT_ROOT 65534

/* As another user, which only root can become.  */
static void
test_denied (void **state) {
  eva_server *server;

  (void) state;
  if (geteuid ()) return;
  make_files ();
  server = new_server ();
  assert_int_equal (eva_server_allow_uid (server, EVA_ANY_UID), 0);
  assert_int_equal (mkdir (tmpdir_path ("closed"), 0700), 0);
  assert_int_equal (chmod (tmpdir_get (), 0755), 0);
  assert_int_equal (seteuid (NOT_ROOT), 0);
  expect_unconnected (&(struct row) {
      "unix:~/closed/S",
      "user 65534 may not enter ~/closed, which is user 0's and has the mode 0700" });
  expect_unconnected (&(struct row) {
      "unix:~/live",
      "user 65534 may not write to ~/live, which is user 0's and has the mode 0600" });
  expect_unheard (server,
                  &(struct row) { "unix:~/S", "user 65534 may not make files in ~, which is "
                                              "user 0's and has the mode 0755" });
  expect_unheard (server,
                  &(struct row) { "tcp:127.0.0.1:80", "ports below 1024 are for root, or for "
                                                      "CAP_NET_BIND_SERVICE; take another one" });
  assert_int_equal (seteuid (0), 0);
  rmdir (tmpdir_path ("closed"));
  eva_server_free (server);
  remove_files ();
}

static void
test_no_descriptors (void **state) {
  eva_server *server = new_server ();
  struct rlimit old, none;

  (void) state;
  assert_int_equal (getrlimit (RLIMIT_NOFILE, &old), 0);
  none = old;
  none.rlim_cur = 0;
  (void) tmpdir_get ();
  assert_int_equal (setrlimit (RLIMIT_NOFILE, &none), 0);
  expect_unheard (server, &(struct row) { "unix:/tmp/S",
                                          "this process has all of the 0 descriptors that it "
                                          "may have (RLIMIT_NOFILE)" });
  assert_int_equal (setrlimit (RLIMIT_NOFILE, &old), 0);
  eva_server_free (server);
}

static const struct CMUnitTest tests[] = {
  kit_test (test_connect),        kit_test (test_words),    kit_test (test_later),
  kit_test (test_listen),         kit_test (test_no_guess), kit_test (test_denied),
  kit_test (test_no_descriptors),
};

const struct suite failure_suite = { "failure", tests, N_ELEMENTS (tests) };
