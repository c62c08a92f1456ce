/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* peer.c - clients whose octets the test sends and takes by hand.  See peer.h.  */

#include "peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "io/endpoint.h"
#include "service.h"

#define MAX_PEERS 5000

static struct peer *peers[MAX_PEERS];
static unsigned int n_peers;

union control {
  struct cmsghdr align;
  char octets[CMSG_SPACE (16 * sizeof (int))];
};

/* --- Coming and going ------------------------------------------------------------------------- */

struct peer *
peer_on (int in_fd, int out_fd) {
  struct peer *p = kit_alloc (sizeof *p);

  assert_true (n_peers < MAX_PEERS);
  p->in_fd = in_fd;
  p->out_fd = out_fd;
  peers[n_peers++] = p;
  return p;
}

struct peer *
peer_adopt (unsigned int flags, gpg_error_t *ret_err) {
  assuan_context_t ctx;
  struct peer *p;
  int fds[2];

  fds_socketpair (fds, O_NONBLOCK);
  *ret_err = eva_server_adopt (kit.server, fds[1], flags, &ctx);
  p = peer_on (fds[0], fds[0]);
  if (*ret_err) {
    close (fds[1]);
    peer_close (p);
    return NULL;
  }
  p->guest = service_guest_of (ctx);
  assert_ptr_equal (p->guest->ctx, ctx);
  return p;
}

struct peer *
peer_new_passing (void) {
  gpg_error_t err;
  struct peer *p = peer_adopt (EVA_LISTEN_FDPASSING, &err);

  assert_int_equal (err, 0);
  peer_expect_greeting (p);
  return p;
}

struct peer *
peer_new (void) {
  gpg_error_t err;
  struct peer *p = peer_adopt (0, &err);

  assert_int_equal (err, 0);
  peer_expect_greeting (p);
  return p;
}

struct peer *
peer_connect (size_t index) {
  const char *address = eva_server_get_address (kit.server, index);
  struct eva__io_endpoint ep;
  int fd;

  assert_non_null (address);
  assert_int_equal (eva__io_endpoint_parse (address, &ep), 0);
  fd = socket (ep.addr.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_true (fd >= 0);
  assert_int_equal (connect (fd, &ep.addr.any, ep.addr_len), 0);
  assert_int_equal (fcntl (fd, F_SETFL, O_NONBLOCK), 0);
  return peer_on (fd, fd);
}

void
peer_close (struct peer *p) {
  if (p->in_fd >= 0) close (p->in_fd);
  if (p->out_fd >= 0 && p->out_fd != p->in_fd) close (p->out_fd);
  p->in_fd = p->out_fd = -1;
}

void
peer_close_all (void) {
  while (n_peers) {
    struct peer *p = peers[--n_peers];
    peer_close (p);
    for (unsigned int i = 0; i < p->n_fds; i++)
      close (p->fds[i]);
    free (p->data);
    free (p);
  }
}

void
peer_shut (struct peer *p) {
  if (p->in_fd == p->out_fd) {
    assert_int_equal (shutdown (p->out_fd, SHUT_WR), 0);
    return;
  }
  close (p->out_fd);
  p->out_fd = -1;
}

void
peer_lose_server (struct peer *p) {
  (void) p;
  kit_free_server ();
}

void
peer_close_guest (struct peer *p) {
  eva_close (p->guest->ctx);
}

void
peer_release_guest (struct peer *p) {
  assuan_release (p->guest->ctx);
}

/* --- Sending ---------------------------------------------------------------------------------- */

size_t
peer_push (struct peer *p, const void *data, size_t len) {
  ssize_t n = send (p->out_fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);

  if (n < 0 && errno == ENOTSOCK) n = write (p->out_fd, data, len);
  assert_true (n >= 0 || errno == EAGAIN || errno == EPIPE || errno == ECONNRESET);
  return n < 0 ? 0 : (size_t) n;
}

void
peer_send (struct peer *p, const void *data, size_t len) {
  const char *rest = data;

  kit_wait_begin ();
  while (len) {
    size_t n = peer_push (p, rest, len);
    rest += n;
    len -= n;
    if (!n) kit_wait ("room to send", __FILE__, __LINE__);
  }
}

void
peer_say (struct peer *p, const char *text) {
  peer_send (p, text, strlen (text));
}

void
peer_send_fds (struct peer *p, const char *text, const int *fds, unsigned int n_fds) {
  assert_int_equal (fds_send (p->out_fd, text, fds, n_fds), (ssize_t) strlen (text));
}

/* --- Taking ----------------------------------------------------------------------------------- */

static void
make_room (struct peer *p, size_t len) {
  char *bigger;

  if (p->start) {
    memmove (p->data, p->data + p->start, p->len);
    p->start = 0;
  }
  if (p->len + len + 1 <= p->size) return;
  p->size = 2 * (p->len + len) + 100;
  bigger = kit_alloc (p->size);
  if (p->len) memcpy (bigger, p->data, p->len);
  free (p->data);
  p->data = bigger;
}

static void
keep_fds (struct peer *p, struct msghdr *msg) {
  for (struct cmsghdr *c = CMSG_FIRSTHDR (msg); c; c = CMSG_NXTHDR (msg, c))
    for (size_t i = 0; i < (c->cmsg_len - CMSG_LEN (0)) / sizeof (int); i++) {
      assert_true (p->n_fds < N_ELEMENTS (p->fds));
      memcpy (&p->fds[p->n_fds++], CMSG_DATA (c) + i * sizeof (int), sizeof (int));
    }
}

/* One read.  */
static ssize_t
read_some (struct peer *p, size_t max_len) {
  union control control;
  struct iovec iov = { .iov_base = p->data + p->len, .iov_len = max_len };
  struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control };
  ssize_t n;

  msg.msg_controllen = sizeof control;
  n = recvmsg (p->in_fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (n > 0) keep_fds (p, &msg);
  if (n < 0 && errno == ENOTSOCK) n = read (p->in_fd, iov.iov_base, max_len);
  return n;
}

void
peer_take (struct peer *p, size_t max_len) {
  while (max_len && !p->at_end) {
    ssize_t n;
    make_room (p, max_len);
    n = read_some (p, max_len);
    if (n < 0 && errno == EAGAIN) return;
    assert_true (n >= 0 || errno == ECONNRESET);
    p->at_end = n <= 0;
    p->is_reset = n < 0;
    if (n <= 0) return;
    p->len += (size_t) n;
    max_len -= (size_t) n;
    p->data[p->len] = 0;
  }
}

/* Uses up N octets.  */
static void
use (struct peer *p, size_t n) {
  p->start += n;
  p->len -= n;
}

static void
print_escaped (const char *what, const char *data, size_t len) {
  char text[1000];
  size_t n = 0;

  for (size_t i = 0; i < len && n < sizeof text - 5; i++)
    if (data[i] >= ' ' && data[i] < 127)
      text[n++] = data[i];
    else
      n += (size_t) sprintf (text + n, "\\%03o", (unsigned char) data[i]);
  text[n] = 0;
  print_error ("%s %zu octets: %s\n", what, len, text);
}

/* Takes at least LEN octets, or all before the end.  */
static void
await (struct peer *p, size_t len, const char *file, int line) {
  kit_wait_begin ();
  for (;;) {
    if (p->len < len) peer_take (p, len - p->len);
    if (p->len >= len || p->at_end) return;
    kit_wait ("octets from the server", file, line);
  }
}

void
peer_expect_ (struct peer *p, const void *text, size_t len, const char *file, int line) {
  await (p, len, file, line);
  if (p->len < len || memcmp (p->data + p->start, text, len) != 0) {
    print_escaped ("expected", text, len);
    print_escaped ("got     ", p->data + p->start, p->len);
    _fail (file, line);
  }
  use (p, len);
}

void
peer_expect_err_ (struct peer *p, gpg_err_code_t code, const char *text, const char *file,
                  int line) {
  gpg_error_t err = ERR (code);
  char expected[1100];

  snprintf (expected, sizeof expected, "ERR %u %s <%s>%s%s\n", err, gpg_strerror (err),
            gpg_strsource (err), text ? " - " : "", text ? text : "");
  peer_expect_ (p, expected, strlen (expected), file, line);
}

static bool
has_line (const struct peer *p) {
  return p->len && memchr (p->data + p->start, '\n', p->len);
}

bool
peer_has_line (struct peer *p) {
  if (!has_line (p)) peer_take (p, 65536);
  return p->at_end || has_line (p);
}

const char *
peer_line (struct peer *p) {
  static char line[1100];
  const char *lf = p->len ? memchr (p->data + p->start, '\n', p->len) : NULL;
  size_t len;

  assert_non_null (lf);
  len = (size_t) (lf - p->data) - p->start;
  assert_true (len < sizeof line);
  memcpy (line, p->data + p->start, len);
  line[len] = 0;
  use (p, len + 1);
  return line;
}

void
peer_expect_greeting_ (struct peer *p, const char *file, int line) {
  char expected[64];

  snprintf (expected, sizeof expected, "OK Pleased to meet you, process %d\n", (int) getpid ());
  peer_expect_ (p, expected, strlen (expected), file, line);
}

void
peer_expect_data (struct peer *p, size_t len) {
  size_t n = 0;
  bool good = true;

  for (;;) {
    const char *line;
    kit_until (peer_has_line (p));
    line = peer_line (p);
    if (strncmp (line, "D ", 2) != 0) {
      assert_string_equal (line, "OK");
      break;
    }
    for (line += 2; *line; line++)
      good = good && *line == service_octet (n++);
    assert_true (good);
  }
  assert_int_equal (n, len);
}

void
peer_expect_end_ (struct peer *p, const char *file, int line) {
  await (p, p->len + 1, file, line);
  if (!p->len) return;
  print_escaped ("expected the end, got", p->data + p->start, p->len);
  _fail (file, line);
}

void
peer_drop_all (struct peer *p) {
  kit_until ((peer_take (p, 1000000), use (p, p->len), p->at_end));
}

void
peer_expect_nothing_ (struct peer *p, const char *file, int line) {
  kit_settle ();
  peer_take (p, 1000);
  if (!p->len && !p->at_end) return;
  print_escaped ("expected nothing, got", p->data + p->start, p->len);
  _fail (file, line);
}
