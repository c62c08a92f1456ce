/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The helpers of suite.h.  */

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "leftovers.h"
#include "suite.h"

bool
on_oracle (void) {
  const char *library = getenv ("EVA_TEST_LIBRARY");

  return library && !strcmp (library, "oracle");
}

/* A wrong search path would run both halves on one library, and no test would notice: compare where
 * the library came from with where it should come from.  */
static void
check_library (void) {
  const char *wanted = getenv ("EVA_TEST_LIBRARY_DIR");
  char wanted_path[PATH_MAX], found_path[PATH_MAX];
  Dl_info info;

  if (!wanted) return;
  if (!dladdr (dlsym (RTLD_DEFAULT, "assuan_new"), &info) || !realpath (info.dli_fname, found_path)
      || !realpath (wanted, wanted_path)
      || strncmp (found_path, wanted_path, strlen (wanted_path))) {
    fprintf (stderr, "the library under test does not come from %s\n", wanted);
    exit (99);
  }
}

void
suite_init (void) {
  check_library ();
  /* Variables of a surrounding session would change what the library does.  */
  unsetenv ("_assuan_connection_fd");
  unsetenv ("_assuan_pipe_connect_pid");
  unsetenv ("ASSUAN_DEBUG");
  unsetenv ("ASSUAN_FULL_LOGGING");
  signal (SIGPIPE, SIG_IGN);
  assuan_set_gpg_err_source (SUITE_SOURCE);
}

int
suite_setup (void **state) {
  (void) state;
  leftovers_begin ();
  return 0;
}

int
suite_teardown (void **state) {
  (void) state;
  leftovers_check ();
  return 0;
}

int
suite_sock_setup (void **state) {
  suite_setup (state);
  return assuan_sock_init () ? -1 : 0;
}

int
suite_sock_teardown (void **state) {
  assuan_sock_deinit ();
  return suite_teardown (state);
}

void
suite_skipped (const char *test) {
  print_message ("# skipped: %s\n", test);
}

void
suite_assert_err (gpg_error_t rc, gpg_error_t expected, const char *what, const char *file,
                  int line) {
  if (rc == expected) return;
  print_error ("%s is %u (%s, code %d, %s), not %u (%s, code %d, %s)\n", what, rc,
               gpg_strerror (rc), gpg_err_code (rc), gpg_strsource (rc), expected,
               gpg_strerror (expected), gpg_err_code (expected), gpg_strsource (expected));
  _fail (file, line);
}

/* Contexts and descriptors.  */

struct assuan_system_hooks
suite_hooks (void) {
  return (struct assuan_system_hooks) {
    .version = ASSUAN_SYSTEM_HOOKS_VERSION,
    .usleep = __assuan_usleep,
    .pipe = __assuan_pipe,
    .close = __assuan_close,
    .read = __assuan_read,
    .write = __assuan_write,
    .recvmsg = __assuan_recvmsg,
    .sendmsg = __assuan_sendmsg,
    .spawn = __assuan_spawn,
    .waitpid = __assuan_waitpid,
    .socketpair = __assuan_socketpair,
    .socket = __assuan_socket,
    .connect = __assuan_connect,
  };
}

assuan_context_t
new_context (void) {
  assuan_context_t ctx = NULL;

  assert_err (assuan_new (&ctx), 0);
  assert_non_null (ctx);
  return ctx;
}

assuan_context_t
new_client (int fd, unsigned int flags) {
  assuan_context_t ctx = new_context ();

  assert_err (assuan_socket_connect_fd (ctx, fd, flags), 0);
  return ctx;
}

/* The raw peer.  */

static int64_t
now_ms (void) {
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Wait until FD is ready for EVENTS; false on a hang.  */
static bool
wait_ready (int fd, short events) {
  int64_t deadline_ms = now_ms () + SUITE_TIMEOUT_MS;

  for (;;) {
    struct pollfd pfd = { .fd = fd, .events = events };
    int64_t left_ms = deadline_ms - now_ms ();
    int n;

    if (left_ms <= 0) return false;
    n = poll (&pfd, 1, (int) left_ms);
    if (n > 0) return true;
    if (n < 0 && errno != EINTR) return false;
  }
}

/* Read once; 0 at the end of file (a reset counts as such), -1 on a hang.  */
static ssize_t
read_some (int fd, void *buf, size_t size) {
  for (;;) {
    ssize_t n;

    if (!wait_ready (fd, POLLIN)) return -1;
    n = read (fd, buf, size);
    if (n >= 0) return n;
    if (errno == ECONNRESET) return 0;
    if (errno != EINTR && errno != EAGAIN) return -1;
  }
}

static void
print_octets (const char *title, const unsigned char *buf, size_t len) {
  char text[4 * 300 + 1];
  size_t n = 0;

  for (size_t i = 0; i < len && i < 300; i++) {
    if (buf[i] == '\n')
      n += (size_t) snprintf (text + n, sizeof text - n, "\\n");
    else if (buf[i] < ' ' || buf[i] > '~')
      n += (size_t) snprintf (text + n, sizeof text - n, "\\x%02x", buf[i]);
    else
      n += (size_t) snprintf (text + n, sizeof text - n, "%c", buf[i]);
  }
  text[n] = 0;
  print_error ("%s (%zu octets): \"%s\"%s\n", title, len, text, len > 300 ? "..." : "");
}

void
suite_peer_send (int fd, const void *buf, size_t len, const char *file, int line) {
  const char *next = buf;

  while (len) {
    ssize_t n = -1;

    if (wait_ready (fd, POLLOUT)) n = write (fd, next, len);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n < 0) {
      print_error ("sending to the peer failed: %s\n", strerror (errno));
      _fail (file, line);
      return;
    }
    next += n;
    len -= (size_t) n;
  }
}

void
suite_peer_expect (int fd, const void *expected, size_t len, const char *file, int line) {
  unsigned char *buf = malloc (len + 1);
  size_t got = 0;
  ssize_t n = 1;

  while (got < len && (n = read_some (fd, buf + got, len - got)) > 0) {
    got += (size_t) n;
    /* Stop at the first octet that differs: more may never come.  */
    if (memcmp (buf, expected, got)) break;
  }
  if (got != len || memcmp (buf, expected, len)) {
    print_octets ("expected", expected, len);
    print_octets (n < 0 ? "then silence after" : n ? "came" : "end of file after", buf, got);
    free (buf);
    _fail (file, line);
    return;
  }
  free (buf);
}

void
suite_peer_expect_eof (int fd, const char *file, int line) {
  unsigned char buf[2000];
  ssize_t n = read_some (fd, buf, sizeof buf);

  if (!n) return;
  if (n > 0)
    print_octets ("expected the end of file, came", buf, (size_t) n);
  else
    print_error ("expected the end of file, came nothing\n");
  _fail (file, line);
}

void
suite_peer_expect_err (int fd, gpg_error_t err, const char *text, const char *file, int line) {
  char expected[2000];

  snprintf (expected, sizeof expected, "ERR %u %.50s <%.30s>%s%s\n", err, gpg_strerror (err),
            gpg_strsource (err), text ? " - " : "", text ? text : "");
  suite_peer_expect (fd, expected, strlen (expected), file, line);
}

size_t
suite_peer_read_line (int fd, char *buf, size_t size, const char *file, int line) {
  size_t len = 0;

  while (len < size) {
    if (read_some (fd, buf + len, 1) <= 0) break;
    if (buf[len] == '\n') {
      buf[len] = 0;
      return len;
    }
    len++;
  }
  print_octets ("no whole line came, but", (unsigned char *) buf, len);
  _fail (file, line);
  return 0;
}

size_t
suite_peer_read_all (int fd, void *buf, size_t size, const char *file, int line) {
  size_t len = 0;
  ssize_t n = -1;

  while (len < size && (n = read_some (fd, (char *) buf + len, size - len)) > 0)
    len += (size_t) n;
  if (n) {
    print_octets ("no end of file after", buf, len);
    _fail (file, line);
  }
  return len;
}

/* Callbacks.  */

gpg_error_t
suite_count_data (void *arg, const void *buf, size_t len) {
  size_t *n_octets = arg;

  (void) buf;
  *n_octets += len;
  return 0;
}

gpg_error_t
suite_send_large (void *arg, const char *text) {
  char data[1000];
  gpg_error_t rc = 0;

  (void) text;
  memset (data, '%', sizeof data);
  for (size_t len = 0; len < SUITE_LARGE_LEN && !rc; len += sizeof data)
    rc = assuan_send_data (arg, data, sizeof data);
  return rc;
}

/* Notes.  */

void
note (struct notes *notes, const char *format, ...) {
  va_list args;
  int n;

  va_start (args, format);
  n = vsnprintf (notes->text + notes->len, sizeof notes->text - notes->len, format, args);
  va_end (args);
  if (n < 0 || notes->len + (size_t) n + 1 >= sizeof notes->text) return;
  notes->len += (size_t) n;
  notes->text[notes->len++] = '\n';
  notes->text[notes->len] = 0;
}

const char *
err_text (gpg_error_t err) {
  static __thread char text[4][40];
  static __thread unsigned int turn;
  char *p = text[turn++ % 4];

  if (!err || err == (gpg_error_t) -1)
    strcpy (p, err ? "-1" : "0");
  else
    snprintf (p, sizeof text[0], "%d/%d", (int) gpg_err_code (err), (int) gpg_err_source (err));
  return p;
}

/* The blocking server.  */

static void *
serve (void *arg) {
  struct server *s = arg;

  for (;;) {
    gpg_error_t rc = assuan_accept (s->ctx);

    if (!s->n_rounds) s->accept_rc = rc;
    s->last_rc = rc;
    if (rc) break;
    s->n_rounds++;
    s->process_rc = assuan_process (s->ctx);
  }
  return NULL;
}

static void
make_pipe_server (struct server *s) {
  int to_server[2], from_server[2];
  assuan_fd_t fds[2];

  fds_pipe (to_server, 0);
  fds_pipe (from_server, 0);
  fds[0] = assuan_fdopen (to_server[0]);
  fds[1] = assuan_fdopen (from_server[1]);
  close (to_server[0]);
  close (from_server[1]);
  s->out = to_server[1];
  s->in = from_server[0];
  assert_err (assuan_init_pipe_server (s->ctx, fds), 0);
}

void
server_make (struct server *s, enum server_kind kind) {
  unsigned int flags = ASSUAN_SOCKET_SERVER_ACCEPTED;
  int fds[2];

  memset (s, 0, sizeof *s);
  s->kind = kind;
  s->joined = true;
  s->ctx = new_context ();
  if (kind == SERVER_PIPE) {
    make_pipe_server (s);
    return;
  }
  if (kind == SERVER_FDPASSING) flags |= ASSUAN_SOCKET_SERVER_FDPASSING;
  fds_socketpair (fds, 0);
  s->in = s->out = fds[0];
  assert_err (assuan_init_socket_server (s->ctx, fds[1], flags), 0);
}

void
server_start_raw (struct server *s, enum server_kind kind, server_prepare_t prepare, void *arg) {
  server_make (s, kind);
  s->arg = arg;
  assuan_set_pointer (s->ctx, arg);
  if (prepare) prepare (s->ctx, arg);
  assert_int_equal (pthread_create (&s->thread, NULL, serve, s), 0);
  s->joined = false;
}

const char *
with_pid (const char *text) {
  static char texts[4][4096];
  static unsigned int n;
  char *to = texts[n++ % 4];
  size_t len = 0;

  for (; *text && len + 64 < sizeof texts[0]; text++)
    if (strncmp (text, "%P", 2) != 0)
      to[len++] = *text;
    else if (text++, IS_GENERATION_3)
      len += (size_t) sprintf (to + len, ", process %d", (int) getpid ());
  to[len] = 0;
  return to;
}

void
server_expect_greeting (struct server *s) {
  char greeting[80];

  /* To libassuan 2, which greets with the peer's pid, a pipe server that no client spawned does not
     know
   * it.  */
  if (s->kind == SERVER_PIPE && !IS_GENERATION_3)
    strcpy (greeting, "OK Pleased to meet you\n");
  else
    snprintf (greeting, sizeof greeting, "OK Pleased to meet you, process %d\n", (int) getpid ());
  peer_expect (s->in, greeting);
}

void
server_start (struct server *s, enum server_kind kind, server_prepare_t prepare, void *arg) {
  server_start_raw (s, kind, prepare, arg);
  server_expect_greeting (s);
}

void
server_shut (struct server *s) {
  if (s->out == -1) return;
  if (s->out == s->in) {
    shutdown (s->out, SHUT_WR);
  } else {
    close (s->out);
    s->out = -1;
  }
}

/* The end of a hung server's thread would never come: wait for it with a limit, so that the test
 * fails instead.  */
void
server_join (struct server *s) {
  struct timespec deadline;

  if (s->joined) return;
  clock_gettime (CLOCK_REALTIME, &deadline);
  deadline.tv_sec += SUITE_TIMEOUT_MS / 1000;
  if (pthread_timedjoin_np (s->thread, NULL, &deadline)) fail_msg ("the server does not end");
  s->joined = true;
}

void
server_free (struct server *s) {
  assuan_release (s->ctx);
  s->ctx = NULL;
  if (s->out != -1 && s->out != s->in) close (s->out);
  if (s->in != -1) close (s->in);
  s->in = s->out = -1;
}

void
server_stop (struct server *s) {
  server_shut (s);
  server_join (s);
  server_free (s);
}
