/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pump.c - what the tests of eva_pump share.  See pump.h.  */

#include "pump.h"

#include <errno.h>
#include <sys/socket.h>
#include <termios.h>

#define MAX_FDS   256
#define PIECE_LEN ((size_t) 65536)

struct pumping pumping;

static int fds[MAX_FDS];
static size_t n_fds;
static char *octets;
static size_t octets_len;
static char *answer;
static size_t answer_len, answer_for;

/* --- The books -------------------------------------------------------------------------------- */

static struct pump *
new_pump (assuan_context_t ctx) {
  struct pump *pump = calloc (1, sizeof *pump);

  if (!pump) abort ();
  pump->ctx = ctx;
  pump->is_silent = pumping.is_silent;
  pump->next = pumping.pumps;
  pumping.pumps = pump;
  return pump;
}

static void
on_done (assuan_context_t ctx, void *arg, gpg_error_t err, uint64_t n_pumped) {
  struct pump *pump = arg;

  assert_ptr_equal (pump->ctx, ctx);
  assert_int_equal (pump->begun, 0);
  assert_int_equal (pump->n_ended++, 0);
  pump->err = err;
  pump->n_pumped = n_pumped;
  pump->was_closed = !pump_is_open (pumping.config.from_fd) || !pump_is_open (pumping.config.to_fd);
  if (pumping.at_end)
    pumping.at_end (pump);
  else
    assuan_process_done (ctx, err);
}

gpg_error_t
pump_begin (assuan_context_t ctx) {
  struct eva_pump_config config = pumping.config;
  struct pump *pump = new_pump (ctx);

  config.done = pump->is_silent ? NULL : on_done;
  config.arg = pump;
  pump->begun = eva_pump (ctx, &config);
  memset (&config, 0x55, sizeof config); /* it was copied */
  return pump->begun;
}

static gpg_error_t
run (assuan_context_t ctx, char *line) {
  gpg_error_t err;

  (void) line;
  if (pumping.before) pumping.before (ctx);
  err = pump_begin (ctx);
  return pumping.after ? pumping.after (pumping.pumps) : err;
}

struct pump *
pump_newest (void) {
  assert_non_null (pumping.pumps);
  assert_int_equal (pumping.pumps->begun, 0);
  return pumping.pumps;
}

bool
pump_has_ended (void) {
  return pumping.pumps && pumping.pumps->n_ended;
}

struct pump *
pump_await_end (gpg_err_code_t code) {
  kit_until (pump_has_ended ());
  assert_code (pumping.pumps->err, code);
  return pumping.pumps;
}

static void
on_cancel (assuan_context_t ctx, void *arg, gpg_error_t reason) {
  (void) arg;
  assert_ptr_equal (pump_newest ()->ctx, ctx);
  assert_int_equal (pump_newest ()->n_ended, 1);
  /* An answer that breaks off is the pump's end, and only then the client is gone.  */
  if (gpg_err_code (pump_newest ()->err) != GPG_ERR_EOF)
    assert_int_equal (pump_newest ()->err, reason);
  pumping.n_cancels++;
}

void
pump_set_cancel (assuan_context_t ctx) {
  assert_int_equal (eva_set_cancel (ctx, on_cancel, NULL), 0);
}

void
pump_say_done (struct pump *pump) {
  assert_int_equal (assuan_write_status (pump->ctx, "DONE", NULL), 0);
}

struct peer *
pump_run (int from_fd, int to_fd) {
  struct peer *p = peer_new ();
  unsigned int n_runs = service.n_runs;

  pumping.config.from_fd = from_fd;
  pumping.config.to_fd = to_fd;
  if (from_fd == EVA_PUMP_CONNECTION && !pumping.config.inquiry) pumping.config.inquiry = "BULK";
  peer_say (p, "RUN\n");
  kit_until (service.n_runs > n_runs);
  return p;
}

int
pump_setup (void **state) {
  kit_setup (state);
  pumping = (struct pumping) {
    .config = { .from_fd = EVA_PUMP_CONNECTION, .to_fd = EVA_PUMP_CONNECTION },
  };
  service.run = run;
  return 0;
}

static void
check_and_free (void) {
  while (pumping.pumps) {
    struct pump *pump = pumping.pumps;
    pumping.pumps = pump->next;
    assert_int_equal (pump->n_ended, !pump->begun && !pump->is_silent);
    free (pump);
  }
}

int
pump_teardown (void **state) {
  kit_free_server ();
  check_and_free ();
  while (n_fds)
    close (fds[--n_fds]);
  free (octets);
  free (answer);
  octets = answer = NULL;
  octets_len = answer_len = answer_for = 0;
  return kit_teardown (state);
}

/* --- Descriptors ------------------------------------------------------------------------------ */

int
pump_keep (int fd) {
  assert_true (fd >= 0 && n_fds < MAX_FDS);
  return fds[n_fds++] = fd;
}

void
pump_forget (int fd) {
  for (size_t i = 0; i < n_fds; i++)
    if (fds[i] == fd) fds[i] = fds[--n_fds];
}

void
pump_close (int fd) {
  pump_forget (fd);
  assert_int_equal (close (fd), 0);
}

bool
pump_is_open (int fd) {
  return fcntl (fd, F_GETFD) >= 0;
}

bool
pump_is_nonblocking (int fd) {
  int flags = fcntl (fd, F_GETFL);

  assert_true (flags >= 0);
  return flags & O_NONBLOCK;
}

void
pump_expect_untouched (int from_fd, int to_fd) {
  assert_true (pump_is_open (from_fd) && pump_is_open (to_fd));
  assert_false (pump_is_nonblocking (from_fd));
  assert_false (pump_is_nonblocking (to_fd));
}

void
pump_pipe (int pair[2]) {
  assert_int_equal (pipe2 (pair, O_CLOEXEC), 0);
  pump_keep (pair[0]);
  pump_keep (pair[1]);
}

void
pump_socketpair (int pair[2]) {
  assert_int_equal (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
  pump_keep (pair[0]);
  pump_keep (pair[1]);
}

void
pump_terminal (int *ret_slave, int *ret_master) {
  struct termios how;

  *ret_master = pump_keep (posix_openpt (O_RDWR | O_NOCTTY | O_CLOEXEC));
  assert_int_equal (grantpt (*ret_master), 0);
  assert_int_equal (unlockpt (*ret_master), 0);
  *ret_slave = pump_keep (open (ptsname (*ret_master), O_RDWR | O_NOCTTY | O_CLOEXEC));
  assert_int_equal (tcgetattr (*ret_slave, &how), 0);
  cfmakeraw (&how);
  assert_int_equal (tcsetattr (*ret_slave, TCSANOW, &how), 0);
}

int
pump_file (size_t len, int flags) {
  static unsigned int n;
  char name[32];
  size_t at = 0;
  int fd;

  snprintf (name, sizeof name, "file-%u", n++);
  fd = open (tmpdir_path (name), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  assert_true (fd >= 0);
  assert_true (!len || pump_feed (fd, &at, len));
  close (fd);
  return pump_keep (open (tmpdir_path (name), flags | O_CLOEXEC));
}

/* --- Bulk data -------------------------------------------------------------------------------- */

const char *
pump_octets (size_t len) {
  uint32_t x = 2463534242u;

  if (octets && len <= octets_len) return octets;
  octets = realloc (octets, len + 1);
  assert_non_null (octets);
  for (size_t i = 0; i < len; i++) {
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    octets[i] = (char) (unsigned char) (x >> 11);
  }
  octets_len = len;
  return octets;
}

static void
haul_make_room (struct haul *haul, size_t len) {
  if (haul->len + len <= haul->size) return;
  haul->size = 2 * haul->size + len;
  haul->data = realloc (haul->data, haul->size);
  assert_non_null (haul->data);
}

/* Reads only if there is something: the descriptor may be a blocking one.  */
bool
haul_read (struct haul *haul, int fd, size_t max_len) {
  while (max_len) {
    size_t len = max_len < PIECE_LEN ? max_len : PIECE_LEN;
    int flags = fcntl (fd, F_GETFL);
    ssize_t n;
    haul_make_room (haul, len);
    assert_int_equal (fcntl (fd, F_SETFL, flags | O_NONBLOCK), 0);
    n = read (fd, haul->data + haul->len, len);
    if (n < 0) assert_true (errno == EAGAIN || errno == EIO);
    if (!(flags & O_NONBLOCK)) fcntl (fd, F_SETFL, flags);
    if (n <= 0) return !n;
    haul->len += (size_t) n;
    max_len -= (size_t) n;
  }
  return false;
}

static int
hex (char c) {
  assert_true ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'F'));
  return c <= '9' ? c - '0' : c - 'A' + 10;
}

/* The octets of a data line, which is well-formed.  */
static void
unescape (struct haul *haul, const char *line, size_t len) {
  haul_make_room (haul, len);
  for (size_t i = 0; i < len; i++) {
    char c = line[i];
    assert_true (c != '\r');
    if (c == '%') {
      assert_true (i + 2 < len);
      c = (char) (unsigned char) (hex (line[i + 1]) * 16 + hex (line[i + 2]));
      i += 2;
    }
    haul->data[haul->len++] = c;
  }
}

static void
take_line (struct haul *haul, const char *line, size_t len) {
  assert_true (len <= 1000 && !haul->end[0]);
  if (len >= 2 && !memcmp (line, "D ", 2)) {
    unescape (haul, line + 2, len - 2);
  } else if (len > 11 && !memcmp (line, "S PROGRESS ", 11)) {
    haul->n_progress++;
    snprintf (haul->progress, sizeof haul->progress, "%.*s", (int) len - 2, line + 2);
  } else if (len < 7 || memcmp (line, "INQUIRE", 7) != 0) {
    snprintf (haul->end, sizeof haul->end, "%.*s", (int) len, line);
  }
}

bool
haul_take (struct haul *haul, struct peer *p, size_t max_len) {
  size_t used = 0;
  char *lf;

  peer_take (p, max_len);
  while (p->len > used && (lf = memchr (p->data + p->start + used, '\n', p->len - used))
         && !haul->end[0]) {
    char *line = p->data + p->start + used;
    take_line (haul, line, (size_t) (lf - line));
    used += (size_t) (lf - line) + 1;
  }
  p->start += used;
  p->len -= used;
  return haul->end[0];
}

void
haul_expect_ (struct haul *haul, size_t len, const char *file, int line) {
  if (haul->len == len && (!len || !memcmp (haul->data, pump_octets (len), len))) return;
  print_error ("expected %zu octets of bulk data, got %zu\n", len, haul->len);
  for (size_t i = 0; i < len && i < haul->len; i++)
    if (haul->data[i] != octets[i]) {
      print_error ("the first difference is at %zu\n", i);
      break;
    }
  _fail (file, line);
}

void
haul_free (struct haul *haul) {
  free (haul->data);
  *haul = (struct haul) { 0 };
}

void
pump_expect_data (struct peer *p, size_t len) {
  struct haul haul = { 0 };

  kit_until (haul_take (&haul, p, 1 << 20));
  assert_string_equal (haul.end, "OK");
  haul_expect (&haul, len);
  haul_free (&haul);
}

void
pump_expect_octets (int fd, size_t len) {
  struct haul haul = { 0 };

  kit_until (haul_read (&haul, fd, 1 << 20));
  haul_expect (&haul, len);
  haul_free (&haul);
}

bool
pump_feed (int fd, size_t *at, size_t len) {
  const char *data = pump_octets (len);
  int flags = fcntl (fd, F_GETFL);

  assert_int_equal (fcntl (fd, F_SETFL, flags | O_NONBLOCK), 0);
  while (*at < len) {
    ssize_t n = write (fd, data + *at, len - *at);
    if (n < 0) assert_int_equal (errno, EAGAIN);
    if (n < 0) break;
    *at += (size_t) n;
  }
  if (!(flags & O_NONBLOCK)) fcntl (fd, F_SETFL, flags);
  return *at == len;
}

/* Lines of different lengths.  */
static void
make_answer (size_t len) {
  const char *data = pump_octets (len);
  size_t on_line = 0, line_len = 1;

  if (answer && answer_for == len) return;
  free (answer);
  answer = malloc (6 * len + 10);
  assert_non_null (answer);
  answer_len = 0;
  answer_for = len;
  for (size_t i = 0; i < len; i++) {
    if (!on_line) answer_len += (size_t) sprintf (answer + answer_len, "D ");
    if (i % 7 == 0 || strchr ("%\r\n", data[i]))
      answer_len += (size_t) sprintf (answer + answer_len, "%%%02X", (unsigned char) data[i]);
    else
      answer[answer_len++] = data[i];
    if (++on_line == line_len || i + 1 == len) {
      answer[answer_len++] = '\n';
      on_line = 0;
      line_len = line_len % 600 + 67;
    }
  }
  answer_len += (size_t) sprintf (answer + answer_len, "END\n");
}

bool
pump_answer (struct peer *p, size_t *at, size_t len) {
  make_answer (len);
  if (*at < answer_len) *at += peer_push (p, answer + *at, answer_len - *at);
  return *at == answer_len;
}
