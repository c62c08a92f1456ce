/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-timeouts.c - eva_set_timeouts: how long calls of blocking contexts wait, with each kind of
   system hooks.

   A short limit is only ever one that has to go by.  A call that must not run out of time has none,
   or finds there already what it waits for.  */

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "assertions.h"
#include "children.h"
#include "eva.h"
#include "fds.h"
#include "io/address.h"
#include "leftovers.h"
#include "text.h"
#include "tmpdir.h"

#define SHORT_MS 40u

#define assert_code(rc, code) assert_int_equal (gpg_err_code (rc), (code))

static const struct eva_timeouts all_short = { SHORT_MS, SHORT_MS, SHORT_MS };
static const struct eva_timeouts calls_short = { .call_timeout_ms = SHORT_MS };

/* --- The ways to wait ------------------------------------------------------------------------- */

static int n_pre, n_post, n_read, n_write, n_sleep;

static void
pre (void) {
  n_pre++;
}

static void
post (void) {
  n_post++;
  errno = ELOOP;
}

static ssize_t
hooked_read (assuan_context_t ctx, assuan_fd_t fd, void *buf, size_t len) {
  n_read++;
  return __assuan_read (ctx, fd, buf, len);
}

static ssize_t
hooked_write (assuan_context_t ctx, assuan_fd_t fd, const void *buf, size_t len) {
  n_write++;
  return __assuan_write (ctx, fd, buf, len);
}

static void
hooked_usleep (assuan_context_t ctx, unsigned int usec) {
  n_sleep++;
  __assuan_usleep (ctx, usec);
}

/* Which functions a context has, and the program a clamp.  */
struct way {
  const char *name;
  bool hooks, sleeps, clamp;
};

static const struct way ways[] = {
  { "the default functions", false, false, false },
  { "a clamp", false, false, true },
  { "hooks", true, false, false },
  { "hooks that sleep", true, true, false },
  { "hooks that sleep, and a clamp", true, true, true },
};

static const struct way *way;

static void
set_clamp (bool on) {
  gpgrt_set_syscall_clamp (on ? pre : NULL, on ? post : NULL);
  assuan_control (ASSUAN_CONTROL_REINIT_SYSCALL_CLAMP, NULL);
  n_pre = n_post = n_read = n_write = n_sleep = 0;
}

static assuan_context_t
new_context (const struct eva_timeouts *timeouts) {
  struct assuan_system_hooks hooks = {
    .version = ASSUAN_SYSTEM_HOOKS_VERSION,
    .usleep = way->sleeps ? hooked_usleep : __assuan_usleep,
    .read = hooked_read,
    .write = hooked_write,
  };
  assuan_context_t ctx;

  assert_code (assuan_new (&ctx), 0);
  if (way->hooks) assuan_ctx_set_system_hooks (ctx, &hooks);
  if (timeouts) assert_code (eva_set_timeouts (ctx, timeouts), 0);
  return ctx;
}

/* How the library has waited, if it had to: with a clamp between its functions, else with the usleep
   hook, if there is one, and else by poll alone.  */
static void
expect_way (void) {
  assert_int_equal (n_pre > 0, way->clamp);
  assert_int_equal (n_sleep > 0, way->sleeps && !way->clamp);
  if (way->hooks) assert_true (n_read + n_write > 0);
}

/* Runs WAIT in each way.  */
static void
each_way (void (*wait) (void)) {
  for (size_t i = 0; i < N_ELEMENTS (ways); i++) {
    way = &ways[i];
    print_message ("# with %s\n", way->name);
    set_clamp (way->clamp);
    wait ();
    assert_int_equal (n_pre, n_post);
    if (!way->clamp) assert_int_equal (n_pre, 0);
    set_clamp (false);
  }
}

#define ROW(name)                                                                                  \
  static void test_##name (void **state) {                                                         \
    (void) state;                                                                                  \
    each_way (wait_##name);                                                                        \
  }

/* --- Servers, played by hand ------------------------------------------------------------------ */

static void
say (int fd, const char *text) {
  assert_int_equal (write (fd, text, strlen (text)), strlen (text));
}

/* All that comes up to the end of file is TEXT.  */
static void
expect_last (int fd, const char *text) {
  struct text heard = { 0 };
  char buf[4096];
  ssize_t n;

  while ((n = read (fd, buf, sizeof buf)) > 0)
    text_add (&heard, buf, (size_t) n);
  assert_int_equal (n, 0);
  assert_string_equal (text_get (&heard), text);
  text_free (&heard);
}

static gpg_error_t
ask (assuan_context_t ctx) {
  return assuan_transact (ctx, "NOP", NULL, NULL, NULL, NULL, NULL, NULL);
}

/* A client that was greeted, and the end of its server.  */
static assuan_context_t
open_client (const struct eva_timeouts *timeouts, unsigned int flags, int *ret_peer) {
  assuan_context_t ctx = new_context (timeouts);
  int fds[2];

  fds_socketpair (fds, 0);
  say (fds[1], "OK\n");
  assert_code (assuan_socket_connect_fd (ctx, fds[0], flags), 0);
  *ret_peer = fds[1];
  return ctx;
}

/* The connection is over: every call says so at once.  */
static void
expect_over (assuan_context_t ctx) {
  assuan_fd_t fd;
  char *line;
  size_t len;
  int int_len;

  assert_code (ask (ctx), GPG_ERR_EPIPE);
  assert_code (assuan_read_line (ctx, &line, &len), GPG_ERR_EPIPE);
  assert_code (assuan_client_read_response (ctx, &line, &int_len), GPG_ERR_EPIPE);
  assert_code (assuan_write_line (ctx, "x"), GPG_ERR_EPIPE);
  assert_code (assuan_send_data (ctx, "x", 1), GPG_ERR_EPIPE);
  assert_int_equal (assuan_get_active_fds (ctx, 0, &fd, 2), 0);
  assert_int_not_equal (eva_set_nonblocking (ctx), 0);
}

/* --- Waits of clients ------------------------------------------------------------------------- */

static void
wait_greeting (void) {
  assuan_context_t ctx = new_context (&all_short);
  int fds[2];

  fds_socketpair (fds, 0);
  assert_code (assuan_socket_connect_fd (ctx, fds[0], 0), GPG_ERR_TIMEOUT);
  expect_over (ctx);
  expect_last (fds[1], "");
  close (fds[1]);
  /* The context is as good as new.  */
  fds_socketpair (fds, 0);
  say (fds[1], "OK\nOK\n");
  assert_code (assuan_socket_connect_fd (ctx, fds[0], 0), 0);
  assert_code (ask (ctx), 0);
  assuan_release (ctx);
  expect_last (fds[1], "NOP\nBYE\n");
  close (fds[1]);
}
ROW (greeting)

static void
wait_reply (void) {
  for (unsigned int flags = 0; flags <= ASSUAN_SOCKET_CONNECT_FDPASSING; flags++) {
    int peer;
    assuan_context_t ctx = open_client (&calls_short, flags, &peer);

    say (peer, "S some\nD thing\n");
    assert_code (assuan_transact (ctx, "NOP", NULL, NULL, NULL, NULL, NULL, NULL),
                 GPG_ERR_ASS_NO_DATA_CB);
    assert_code (ask (ctx), GPG_ERR_TIMEOUT); /* while it drops the rest */
    if (!flags) expect_way ();
    expect_over (ctx);
    assuan_release (ctx);
    expect_last (peer, "NOP\n");
    close (peer);
  }
}
ROW (reply)

static void
wait_line (void) {
  int peer;
  assuan_context_t ctx = open_client (&calls_short, 0, &peer);
  char *line;
  size_t len;

  say (peer, "one\nha");
  assert_code (assuan_read_line (ctx, &line, &len), 0);
  assert_string_equal (line, "one");
  assert_code (assuan_read_line (ctx, &line, &len), GPG_ERR_TIMEOUT);
  expect_way ();
  expect_over (ctx);
  assuan_release (ctx);
  close (peer);
}
ROW (line)

static void
wait_response (void) {
  int peer, len;
  assuan_context_t ctx = open_client (&calls_short, 0, &peer);
  char *line;

  say (peer, "\n\n");
  assert_code (assuan_client_read_response (ctx, &line, &len), GPG_ERR_TIMEOUT);
  assert_null (line);
  expect_over (ctx);
  assuan_release (ctx);
  close (peer);
}
ROW (response)

/* The server does not read.  */
static void
wait_room (void) {
  for (unsigned int flags = 0; flags <= ASSUAN_SOCKET_CONNECT_FDPASSING; flags++) {
    int peer;
    assuan_context_t ctx = open_client (&calls_short, flags, &peer);
    char line[900];
    gpg_error_t err;

    memset (line, 'x', sizeof line - 1);
    line[sizeof line - 1] = 0;
    while (!(err = assuan_write_line (ctx, line)))
      ;
    assert_code (err, GPG_ERR_TIMEOUT);
    if (!flags) expect_way ();
    expect_over (ctx);
    assuan_release (ctx);
    close (peer);
  }
}
ROW (room)

static gpg_error_t
answer_much (void *arg, const char *text) {
  static const char much[300000];
  gpg_error_t err;

  (void) text;
  while (!(err = assuan_send_data (arg, much, sizeof much)))
    ;
  return err;
}

/* It inquires, and does not read the answer.  */
static void
wait_answer (void) {
  int peer;
  assuan_context_t ctx = open_client (&calls_short, 0, &peer);

  say (peer, "INQUIRE ALL\n");
  assert_code (assuan_transact (ctx, "PUT", NULL, NULL, answer_much, ctx, NULL, NULL),
               GPG_ERR_TIMEOUT);
  expect_over (ctx);
  assuan_release (ctx);
  close (peer);
}
ROW (answer)

/* A server that always has another line.  */
struct dripping {
  int fd;
  pthread_t thread;
};

static void *
drip (void *arg) {
  struct dripping *d = arg;

  while (send (d->fd, "S x\n", 4, MSG_NOSIGNAL) == 4)
    usleep (1000);
  return NULL;
}

static void
wait_dripping (void) {
  struct dripping d;
  assuan_context_t ctx = open_client (&calls_short, 0, &d.fd);

  assert_int_equal (pthread_create (&d.thread, NULL, drip, &d), 0);
  assert_code (ask (ctx), GPG_ERR_TIMEOUT);
  pthread_join (d.thread, NULL); /* which saw the end */
  assuan_release (ctx);
  close (d.fd);
}
ROW (dripping)

/* What callbacks take does not count.  */
static gpg_error_t
take_long (void *arg, const char *text) {
  (void) text;
  usleep (3 * SHORT_MS * 1000);
  say (*(int *) arg, "S y\nOK\n");
  return 0;
}

static void
wait_for_callbacks (void) {
  int peer;
  assuan_context_t ctx = open_client (&calls_short, 0, &peer);

  say (peer, "S x\n");
  assert_code (assuan_transact (ctx, "A", NULL, NULL, NULL, NULL, take_long, &peer), 0);
  say (peer, "INQUIRE x\n");
  assert_code (assuan_transact (ctx, "B", NULL, NULL, take_long, &peer, NULL, NULL), 0);
  assuan_release (ctx);
  close (peer);
}
ROW (for_callbacks)

/* A server's own error is no end.  */
static void
wait_no_more (void) {
  int peer;
  assuan_context_t ctx = open_client (&calls_short, 0, &peer);

  say (peer, "ERR 62 late\nOK\n");
  assert_code (ask (ctx), GPG_ERR_TIMEOUT);
  assert_code (ask (ctx), 0);
  assuan_release (ctx);
  expect_last (peer, "NOP\nNOP\nBYE\n");
  close (peer);
}
ROW (no_more)

/* --- Waits for a connection ------------------------------------------------------------------- */

/* Fills the queue of the listener at ADDR.  Returns how many sockets at FDS did it.  */
static size_t
fill_queue (const struct sockaddr *addr, socklen_t len, int *fds, size_t max) {
  for (size_t n = 0; n < max; n++) {
    fds[n] = socket (addr->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (connect (fds[n], addr, len) < 0 && errno == EAGAIN) {
      close (fds[n]);
      return n;
    }
  }
  return max;
}

static void
close_all (const int *fds, size_t n) {
  while (n)
    close (fds[--n]);
}

static int
new_busy_listener (struct sockaddr_un *addr, int *fds, size_t max, size_t *ret_n) {
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  *addr = (struct sockaddr_un) { .sun_family = AF_UNIX };
  snprintf (addr->sun_path, sizeof addr->sun_path, "%s", tmpdir_path ("S"));
  unlink (addr->sun_path);
  assert_int_equal (bind (fd, (struct sockaddr *) addr, sizeof *addr), 0);
  assert_int_equal (listen (fd, 0), 0);
  *ret_n = fill_queue ((struct sockaddr *) addr, sizeof *addr, fds, max);
  assert_true (*ret_n < max);
  return fd;
}

static void
write_redirection (const char *path, const char *target) {
  FILE *fp = fopen (path, "w");

  fprintf (fp, "%%Assuan%%\nsocket=%s\n", target);
  fclose (fp);
}

static void
wait_queue (void) {
  assuan_context_t ctx = new_context (&all_short);
  struct sockaddr_un addr;
  int fds[16], listener, peer;
  size_t n;

  listener = new_busy_listener (&addr, fds, N_ELEMENTS (fds), &n);
  assert_code (assuan_socket_connect (ctx, addr.sun_path, 0, 0), GPG_ERR_TIMEOUT);
  write_redirection (tmpdir_path ("R"), addr.sun_path);
  assert_code (assuan_socket_connect (ctx, tmpdir_path ("R"), 0, 0), GPG_ERR_TIMEOUT);
  close_all (fds, n);
  while (n--)
    close (accept (listener, NULL, NULL));
  /* There is room, but no greeting comes.  */
  assert_code (assuan_socket_connect (ctx, addr.sun_path, 0, 0), GPG_ERR_TIMEOUT);
  peer = accept (listener, NULL, NULL);
  expect_last (peer, "");
  close (peer);
  close (listener);
  assert_code (assuan_socket_connect (ctx, addr.sun_path, 0, 0), GPG_ERR_ASS_CONNECT_FAILED);
  assuan_release (ctx);
}
ROW (queue)

static int
listen_tcp (struct sockaddr_in *addr, int backlog) {
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  socklen_t len = sizeof *addr;

  *addr = (struct sockaddr_in) { .sin_family = AF_INET, .sin_addr = { htonl (INADDR_LOOPBACK) } };
  assert_int_equal (bind (fd, (struct sockaddr *) addr, sizeof *addr), 0);
  assert_int_equal (listen (fd, backlog), 0);
  assert_int_equal (getsockname (fd, (struct sockaddr *) addr, &len), 0);
  return fd;
}

/* A host that does not answer: the kernel drops what comes to a port whose queue is full.  */
static void
wait_tcp (void) {
  assuan_context_t ctx = new_context (&all_short);
  struct sockaddr_in addr;
  int listener = listen_tcp (&addr, 0), fds[8];
  size_t n = fill_queue ((struct sockaddr *) &addr, sizeof addr, fds, N_ELEMENTS (fds));
  char name[64];

  snprintf (name, sizeof name, "assuan://127.0.0.1:%d", ntohs (addr.sin_port));
  assert_code (assuan_socket_connect (ctx, name, 0, 0), GPG_ERR_TIMEOUT);
  close_all (fds, n);
  close (listener);
  assert_code (assuan_socket_connect (ctx, name, 0, 0), GPG_ERR_ASS_CONNECT_FAILED);
  assuan_release (ctx);
}
ROW (tcp)

/* A proxy that accepts, and says nothing.  */
static void
wait_proxy (void) {
  assuan_context_t ctx = new_context (&all_short);
  struct sockaddr_in addr;
  int listener = listen_tcp (&addr, 5), peer;

  eva__io_address_set_proxy (ntohs (addr.sin_port));
  assert_code (assuan_socket_connect (ctx, "assuan://192.0.2.1:7", 0, 0), GPG_ERR_TIMEOUT);
  eva__io_address_set_proxy (0);
  peer = accept (listener, NULL, NULL);
  expect_last (peer, "\5\1");
  close (peer);
  close (listener);
  assuan_release (ctx);
}
ROW (proxy)

/* --- Programs --------------------------------------------------------------------------------- */

/* It does not greet, or not answer, and neither hears signals nor sees the end of its input.  The
   library ends it.  */
static void
wait_program (void) {
  const char *argv[] = { "sh", "-c", "trap '' TERM; exec sleep 1000", NULL };

  for (unsigned int flags = 0; flags <= ASSUAN_PIPE_CONNECT_FDPASSING; flags++) {
    assuan_context_t ctx = new_context (&all_short);
    assert_code (assuan_pipe_connect (ctx, "/bin/sh", argv, NULL, NULL, NULL, flags),
                 GPG_ERR_TIMEOUT);
    children_expect_none ();
    assert_code (ask (ctx), GPG_ERR_EPIPE);
    assuan_release (ctx);
  }
}
ROW (program)

static void
wait_program_reply (void) {
  const char *argv[] = { "sh", "-c", "trap '' TERM; echo OK; exec sleep 1000", NULL };
  assuan_context_t ctx = new_context (&calls_short);

  assert_code (assuan_pipe_connect (ctx, "/bin/sh", argv, NULL, NULL, NULL, 0), 0);
  assert_code (ask (ctx), GPG_ERR_TIMEOUT);
  assuan_release (ctx);
  children_expect_none ();
}
ROW (program_reply)

/* A program that wants to wait itself finds its child as it was.  */
static void
wait_no_waitpid (void) {
  const char *argv[] = { "sh", "-c", "echo OK; read x; read y; exit 7", NULL };
  assuan_context_t ctx = new_context (&calls_short);
  pid_t pid;

  assuan_set_flag (ctx, ASSUAN_NO_WAITPID, 1);
  assert_code (assuan_pipe_connect (ctx, "/bin/sh", argv, NULL, NULL, NULL, 0), 0);
  pid = assuan_get_pid (ctx);
  assert_code (ask (ctx), GPG_ERR_TIMEOUT);
  assuan_release (ctx);
  assert_int_equal (child_exit_code (pid), 7);
}
ROW (no_waitpid)

/* --- Servers ---------------------------------------------------------------------------------- */

static gpg_error_t inquire_err, data_err;

static gpg_error_t
cmd_inquire (assuan_context_t ctx, char *line) {
  unsigned char *buf;
  size_t len;

  (void) line;
  inquire_err = assuan_inquire (ctx, "WHAT", &buf, &len, 0);
  if (!inquire_err) assuan_free (ctx, buf);
  return inquire_err;
}

static gpg_error_t
cmd_flood (assuan_context_t ctx, char *line) {
  static const char much[300000];

  (void) line;
  while (!(data_err = assuan_send_data (ctx, much, sizeof much)))
    ;
  return assuan_send_data (ctx, "x", 1);
}

static assuan_context_t
open_server (int *ret_peer) {
  assuan_context_t ctx = new_context (&calls_short);
  int fds[2];

  fds_socketpair (fds, 0);
  assert_code (assuan_init_socket_server (ctx, fds[0], ASSUAN_SOCKET_SERVER_ACCEPTED), 0);
  assert_code (assuan_register_command (ctx, "INQ", cmd_inquire, NULL), 0);
  assert_code (assuan_register_command (ctx, "FLOOD", cmd_flood, NULL), 0);
  assert_code (assuan_set_hello_line (ctx, "hi"), 0);
  assert_code (assuan_accept (ctx), 0);
  *ret_peer = fds[1];
  return ctx;
}

/* A client takes its time: first none answers; the late answer is skipped.  */
static void *
talk_late (void *arg) {
  int fd = *(int *) arg;
  char buf[4096];
  size_t len = 0;

  usleep (3 * SHORT_MS * 1000); /* a server waits for requests as long as it takes */
  say (fd, "INQ\n");
  do {
    ssize_t n = read (fd, buf + len, sizeof buf - 1 - len);
    assert_true (n > 0);
    len += (size_t) n;
    buf[len] = 0;
  } while (!strstr (buf, "ERR"));
  say (fd, "D late\nEND\nNOP\nINQ\nD now\nEND\n");
  shutdown (fd, SHUT_WR);
  return NULL;
}

static void
wait_inquiry (void) {
  pthread_t thread;
  int peer;
  assuan_context_t ctx = open_server (&peer);

  assert_int_equal (pthread_create (&thread, NULL, talk_late, &peer), 0);
  assert_code (assuan_process (ctx), 0);
  assert_code (inquire_err, 0); /* of the second one */
  pthread_join (thread, NULL);
  assuan_release (ctx);
  close (peer);
}
ROW (inquiry)

static void
wait_client_room (void) {
  int peer;
  assuan_context_t ctx = open_server (&peer);

  say (peer, "FLOOD\n");
  assert_code (assuan_process (ctx), GPG_ERR_EPIPE);
  assert_code (data_err, GPG_ERR_TIMEOUT);
  assuan_release (ctx);
  close (peer);
}
ROW (client_room)

/* --- Others ----------------------------------------------------------------------------------- */

static void
on_alarm (int sig) {
  (void) sig;
}

/* Signals that come more often than the time goes by do not prolong it.  */
static void
wait_interrupted (void) {
  const struct itimerval often = { { 0, 5000 }, { 0, 5000 } }, never = { { 0, 0 }, { 0, 0 } };
  struct sigaction action = { .sa_handler = on_alarm }, old;
  int peer;
  assuan_context_t ctx = open_client (&calls_short, 0, &peer);

  sigaction (SIGALRM, &action, &old);
  setitimer (ITIMER_REAL, &often, NULL);
  assert_code (ask (ctx), GPG_ERR_TIMEOUT);
  setitimer (ITIMER_REAL, &never, NULL);
  sigaction (SIGALRM, &old, NULL);
  assuan_release (ctx);
  close (peer);
}
ROW (interrupted)

static void *
reply_late (void *arg) {
  usleep (3 * SHORT_MS * 1000);
  say (*(int *) arg, "OK\n");
  return NULL;
}

static void
test_arguments (void **state) {
  const struct eva_timeouts none = { EVA_NO_LIMIT, EVA_NO_LIMIT, EVA_NO_LIMIT };
  assuan_context_t ctx;
  pthread_t thread;
  int peer;

  (void) state;
  way = ways;
  set_clamp (false);
  ctx = open_client (NULL, 0, &peer);
  assert_code (eva_set_timeouts (NULL, &none), GPG_ERR_ASS_INV_VALUE);
  assert_code (eva_set_timeouts (ctx, NULL), GPG_ERR_ASS_INV_VALUE);
  assert_code (eva_set_timeouts (ctx, &calls_short), 0);
  assert_code (eva_set_timeouts (ctx, &none), 0); /* takes it back */
  assert_int_equal (pthread_create (&thread, NULL, reply_late, &peer), 0);
  assert_code (ask (ctx), 0);
  pthread_join (thread, NULL);
  assert_code (eva_set_nonblocking (ctx), 0);
  assert_code (eva_set_timeouts (ctx, &calls_short), GPG_ERR_NOT_SUPPORTED);
  assuan_release (ctx);
  close (peer);
}

/* The log tells why.  */
static struct text logged;

static int
log_line (assuan_context_t ctx, void *arg, unsigned int cat, const char *msg) {
  (void) ctx;
  (void) arg;
  (void) cat;
  if (msg) text_print (&logged, "%s\n", msg);
  return 1;
}

static void
test_log (void **state) {
  assuan_log_cb_t old_cb;
  assuan_context_t ctx;
  void *old_arg;
  int peer;

  (void) state;
  way = ways;
  assuan_get_log_cb (&old_cb, &old_arg);
  assuan_set_log_cb (log_line, NULL);
  ctx = open_client (&calls_short, 0, &peer);
  assert_code (ask (ctx), GPG_ERR_TIMEOUT);
  assert_non_null (strstr (text_get (&logged), " <- [timeout]\n"));
  assuan_release (ctx);
  assuan_set_log_cb (old_cb, old_arg);
  text_free (&logged);
  close (peer);
}

/* --- All -------------------------------------------------------------------------------------- */

static int
setup (void **state) {
  (void) state;
  leftovers_begin ();
  return 0;
}

static int
teardown (void **state) {
  (void) state;
  leftovers_check ();
  return 0;
}

#define timeouts_test(name) cmocka_unit_test_setup_teardown (name, setup, teardown)

int
main (void) {
  const struct CMUnitTest tests[] = {
    timeouts_test (test_greeting),    timeouts_test (test_reply),
    timeouts_test (test_line),        timeouts_test (test_response),
    timeouts_test (test_room),        timeouts_test (test_answer),
    timeouts_test (test_dripping),    timeouts_test (test_for_callbacks),
    timeouts_test (test_no_more),     timeouts_test (test_queue),
    timeouts_test (test_tcp),         timeouts_test (test_proxy),
    timeouts_test (test_program),     timeouts_test (test_program_reply),
    timeouts_test (test_no_waitpid),  timeouts_test (test_inquiry),
    timeouts_test (test_client_room), timeouts_test (test_interrupted),
    timeouts_test (test_arguments),   timeouts_test (test_log),
  };

  signal (SIGPIPE, SIG_IGN);
  return cmocka_run_group_tests_name ("timeouts", tests, NULL, NULL);
}
