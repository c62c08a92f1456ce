/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tap.c - two ends of a dialogue, and a look at every line.  */

#include "tap.h"
#include "stream.h"
#include "text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUFFER_SIZE 16384u
#define LINE_SIZE   1002u /* what of a line is shown at most, with a CR */

enum side { CLIENT, SERVER };

/* One direction: octets from an end, for the other one.  */
struct flow {
  char *buffer;
  size_t len, sent;
  int fds[STREAM_MAX_FDS]; /* that leave with the next octet */
  size_t n_fds;
  char line[LINE_SIZE]; /* the beginning of a line that has not ended */
  size_t line_len;
  bool is_cut;  /* that line was longer */
  bool is_eof;  /* nothing more comes */
  bool is_shut; /* nothing more can be sent */
};

struct tap {
  struct tap_config config;
  eva_loop *loop;
  struct flow flows[2];       /* by the side that they come from */
  eva_source *in[2], *out[2]; /* by side; the same one for a socket */
};

static struct tap_end *
end_of (struct tap *tap, enum side side) {
  return side == CLIENT ? &tap->config.client : &tap->config.server;
}

static enum side
other (enum side side) {
  return side == CLIENT ? SERVER : CLIENT;
}

/* --- Lines ------------------------------------------------------------------------------------ */

static void
add_to_line (struct flow *flow, const char *octets, size_t len) {
  size_t room = sizeof flow->line - flow->line_len;

  if (len > room) flow->is_cut = true;
  len = len < room ? len : room;
  if (len) memcpy (flow->line + flow->line_len, octets, len);
  flow->line_len += len;
}

/* Half a line is never shown: it may be a secret, which only the whole line tells.  */
static void
show_lines (struct tap *tap, enum side from, const char *octets, size_t len) {
  struct flow *flow = &tap->flows[from];
  const char *lf;

  while (len && (lf = memchr (octets, '\n', len))) {
    size_t n = (size_t) (lf - octets);
    add_to_line (flow, octets, n);
    tap->config.line (tap->config.arg, from == SERVER, flow->line, flow->line_len, flow->is_cut);
    explicit_bzero (flow->line, flow->line_len);
    flow->line_len = 0;
    flow->is_cut = false;
    octets += n + 1;
    len -= n + 1;
  }
  add_to_line (flow, octets, len);
}

/* --- Descriptors ------------------------------------------------------------------------------ */

union control {
  struct cmsghdr align;
  char octets[CMSG_SPACE (STREAM_MAX_FDS * sizeof (int))];
};

/* A read ends behind a message with descriptors, and the next one waits until all has left: so
   there is room for those of one message.  */
static void
take_fds (struct flow *flow, struct msghdr *message) {
  for (struct cmsghdr *c = CMSG_FIRSTHDR (message); c; c = CMSG_NXTHDR (message, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
    flow->n_fds = (c->cmsg_len - CMSG_LEN (0)) / sizeof (int);
    memcpy (flow->fds, CMSG_DATA (c), flow->n_fds * sizeof (int));
  }
}

static void
close_fds (struct flow *flow) {
  while (flow->n_fds)
    close (flow->fds[--flow->n_fds]);
}

static void
put_fds (struct flow *flow, struct msghdr *message, union control *control) {
  size_t size = flow->n_fds * sizeof (int);

  if (!size) return;
  *message = (struct msghdr) { .msg_iov = message->msg_iov,
                               .msg_iovlen = 1,
                               .msg_control = control->octets,
                               .msg_controllen = CMSG_SPACE (size) };
  control->align = (struct cmsghdr) { .cmsg_len = CMSG_LEN (size),
                                      .cmsg_level = SOL_SOCKET,
                                      .cmsg_type = SCM_RIGHTS };
  memcpy (CMSG_DATA (&control->align), flow->fds, size);
}

/* --- Reading and writing ---------------------------------------------------------------------- */

static ssize_t
receive (struct flow *flow, int fd) {
  union control control;
  struct iovec iov = { .iov_base = flow->buffer, .iov_len = BUFFER_SIZE };
  struct msghdr message = { .msg_iov = &iov,
                            .msg_iovlen = 1,
                            .msg_control = control.octets,
                            .msg_controllen = sizeof control.octets };
  ssize_t n = recvmsg (fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);

  if (n < 0 && errno == ENOTSOCK) return stream_read (fd, flow->buffer, BUFFER_SIZE);
  if (n > 0) take_fds (flow, &message);
  return n;
}

static ssize_t
transmit (struct flow *flow, int fd) {
  union control control = { .octets = { 0 } };
  struct iovec iov = { .iov_base = flow->buffer + flow->sent, .iov_len = flow->len - flow->sent };
  struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
  ssize_t n;

  put_fds (flow, &message, &control);
  n = sendmsg (fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (n < 0 && errno == ENOTSOCK) n = stream_write (fd, &iov);
  if (n > 0) close_fds (flow);
  return n;
}

static bool
is_later (void) {
  return errno == EAGAIN || errno == EINTR;
}

/* Sends what waits.  If an end is gone, what waits for it is dropped.  */
static void
pass_on (struct tap *tap, enum side from) {
  struct flow *flow = &tap->flows[from];
  int fd = end_of (tap, other (from))->out_fd;

  while (flow->sent < flow->len && !flow->is_shut) {
    ssize_t n = transmit (flow, fd);
    if (n < 0 && is_later ()) return;
    if (n < 0)
      flow->is_shut = true;
    else
      flow->sent += (size_t) n;
  }
  explicit_bzero (flow->buffer, flow->len);
  close_fds (flow); /* those of octets that were dropped */
  flow->len = flow->sent = 0;
  if (!flow->is_eof || flow->is_shut) return;
  flow->is_shut = true;
  /* Where that is a pipe, only closing tells the end; the caller does.  */
  shutdown (fd, SHUT_WR);
}

/* Reads once, if everything before has left.  */
static void
take (struct tap *tap, enum side from) {
  struct flow *flow = &tap->flows[from];
  ssize_t n;

  if (flow->len || flow->is_eof) return;
  n = receive (flow, end_of (tap, from)->in_fd);
  if (n < 0 && is_later ()) return;
  if (n <= 0) {
    flow->is_eof = true;
  } else {
    flow->len = (size_t) n;
    show_lines (tap, from, flow->buffer, flow->len);
    tap->config.lines_end (tap->config.arg);
  }
}

/* --- The loop --------------------------------------------------------------------------------- */

static bool
wants_input (const struct tap *tap, enum side side) {
  return !tap->flows[side].len && !tap->flows[side].is_eof;
}

static bool
wants_output (const struct tap *tap, enum side side) {
  const struct flow *flow = &tap->flows[other (side)];

  return flow->len && !flow->is_shut;
}

/* The loop reports a hang-up whether it is asked or not, again and again.  So a source that nothing
   is wanted of has to go.  */
static void
set_source (struct tap *tap, eva_source **source, int fd, unsigned int events,
            void (*cb) (void *arg, unsigned int revents)) {
  if (!events) {
    eva_source_free (*source);
    *source = NULL;
  } else if (*source) {
    eva_source_set_events (*source, events);
  } else {
    *source = eva_loop_add_fd (tap->loop, fd, events, cb, tap);
  }
}

static void on_client (void *arg, unsigned int revents);
static void on_server (void *arg, unsigned int revents);

static void
set_sources (struct tap *tap, enum side side) {
  void (*cb) (void *arg, unsigned int revents) = side == CLIENT ? on_client : on_server;
  const struct tap_end *end = end_of (tap, side);
  unsigned int in = wants_input (tap, side) ? EVA_READABLE : 0;
  unsigned int out = wants_output (tap, side) ? EVA_WRITABLE : 0;

  if (end->in_fd == end->out_fd) {
    set_source (tap, &tap->in[side], end->in_fd, in | out, cb);
    return;
  }
  set_source (tap, &tap->in[side], end->in_fd, in, cb);
  set_source (tap, &tap->out[side], end->out_fd, out, cb);
}

/* A server that closes has said all.  A client that does may still get its reply.  */
static const char *
why_over (const struct tap *tap) {
  const struct flow *from_client = &tap->flows[CLIENT], *from_server = &tap->flows[SERVER];

  if (from_server->is_eof && !from_server->len) return from_client->is_eof ? "eof" : "server";
  if (from_server->is_shut && from_client->is_eof && !from_client->len) return "client";
  return NULL;
}

/* SIDE is ready.  */
static void
go_on (struct tap *tap, enum side side) {
  const char *reason;

  take (tap, side);
  pass_on (tap, CLIENT);
  pass_on (tap, SERVER);
  set_sources (tap, CLIENT);
  set_sources (tap, SERVER);
  reason = why_over (tap);
  if (reason) tap->config.over (tap->config.arg, reason);
}

static void
on_client (void *arg, unsigned int revents) {
  (void) revents;
  go_on (arg, CLIENT);
}

static void
on_server (void *arg, unsigned int revents) {
  (void) revents;
  go_on (arg, SERVER);
}

struct tap *
tap_new (eva_loop *loop, const struct tap_config *config) {
  struct tap *tap = text_alloc (sizeof *tap);

  tap->config = *config;
  tap->loop = loop;
  tap->flows[CLIENT].buffer = text_alloc (BUFFER_SIZE);
  tap->flows[SERVER].buffer = text_alloc (BUFFER_SIZE);
  set_sources (tap, CLIENT);
  set_sources (tap, SERVER);
  if (tap->in[CLIENT] && tap->in[SERVER]) return tap;
  tap_free (tap);
  return NULL;
}

void
tap_free (struct tap *tap) {
  if (!tap) return;
  for (enum side side = CLIENT; side <= SERVER; side++) {
    struct flow *flow = &tap->flows[side];
    eva_source_free (tap->in[side]);
    eva_source_free (tap->out[side]);
    close_fds (flow);
    explicit_bzero (flow->buffer, BUFFER_SIZE);
    free (flow->buffer);
  }
  explicit_bzero (tap, sizeof *tap);
  free (tap);
}
