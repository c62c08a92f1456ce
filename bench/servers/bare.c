/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bare.c - the server that one writes by hand for its few commands, without a library: epoll, one
   read and one write a turn, no checks of who the client is, no limits.  It is what the library is
   measured by.

   usage: server-bare SOCKET  */

#include "kit.h"
#include "serving.h"

#include "wire/escape.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define N_EVENTS   1024
#define IN_SIZE    ((size_t) 16 << 10)
#define OUT_SIZE   ((size_t) 64 << 10)
#define BULK_SIZE  ((size_t) 128 << 10) /* 64 KiB take a fifth more time, 256 gain nothing */
#define REPLY_SIZE ((size_t) 512)       /* the longest one */
#define LINE_SIZE  ((size_t) 1003)      /* a line of data, an escape at its end included */
#define LINE_ROOM  (LINE_SIZE + EVA__WIRE_SLACK)
#define DATA_FILL  ((size_t) 996) /* octets that are put on one behind its "D " */
#define N_PIECES   16             /* of bulk data that are sent in a turn */

/* Bulk data under way.  */
struct bulk {
  int fd;
  size_t in_len, in_at;
  size_t out_len, out_at;
  bool at_end;
  char in[BULK_SIZE];
  char out[BULK_SIZE];
};

struct conn {
  int fd;
  unsigned int events; /* that are waited for */
  char *in;            /* what came and could not be used yet */
  size_t in_len;
  char *out; /* what the socket did not take */
  size_t out_len;
  struct bulk *bulk;
  bool is_taking; /* lines are the answer to an inquiry */
  char *taken;
  size_t taken_len, taken_size;
};

/* Of the connection whose turn it is.  */
static char in[IN_SIZE];
static char out[OUT_SIZE];
static size_t out_len;

static int epoll_fd;
static char mix[REPLY_SIZE];
static size_t mix_len;

/* --- Connections ------------------------------------------------------------------------------ */

static void
conn_open (int fd) {
  struct conn *conn = calloc (1, sizeof *conn);
  struct epoll_event event = { .events = EPOLLIN, .data.ptr = conn };

  need (conn != NULL, "calloc");
  conn->fd = fd;
  conn->events = EPOLLIN;
  need (!epoll_ctl (epoll_fd, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
  send (fd, "OK Pleased to meet you\n", 23, MSG_NOSIGNAL);
}

static void
conn_close (struct conn *conn) {
  close (conn->fd);
  if (conn->bulk) close (conn->bulk->fd);
  free (conn->bulk);
  free (conn->taken);
  free (conn->in);
  free (conn->out);
  free (conn);
}

static void
conn_watch (struct conn *conn, unsigned int events) {
  struct epoll_event event = { .events = events, .data.ptr = conn };

  if (conn->events == events) return;
  conn->events = events;
  need (!epoll_ctl (epoll_fd, EPOLL_CTL_MOD, conn->fd, &event), "epoll_ctl");
}

/* Replaces the LEN octets at BUF, which are kept for later, by a copy of SRC.  */
static void
keep (char **buf, size_t *len, const char *src, size_t src_len) {
  char *copy = NULL;

  if (src_len) {
    copy = malloc (src_len);
    need (copy != NULL, "malloc");
    memcpy (copy, src, src_len);
  }
  free (*buf);
  *buf = copy;
  *len = src_len;
}

/* --- Sending ---------------------------------------------------------------------------------- */

/* Sends what it can.  Returns the octets that are left, or -1 if the client is gone.  */
static ssize_t
push (const struct conn *conn, const char *src, size_t len) {
  ssize_t n = send (conn->fd, src, len, MSG_NOSIGNAL);

  if (n < 0) return errno == EAGAIN || errno == EINTR ? (ssize_t) len : -1;
  return (ssize_t) len - n;
}

static void
say (const char *text, size_t len) {
  memcpy (out + out_len, text, len);
  out_len += len;
}

/* Sends the replies of this turn.  Returns false if the client is gone.  */
static bool
flush (struct conn *conn) {
  ssize_t left;

  if (!out_len) return true;
  left = push (conn, out, out_len);
  if (left > 0) keep (&conn->out, &conn->out_len, out + out_len - left, (size_t) left);
  out_len = 0;
  return left >= 0;
}

/* --- Bulk data -------------------------------------------------------------------------------- */

static void
bulk_start (struct conn *conn) {
  conn->bulk = malloc (sizeof *conn->bulk);
  need (conn->bulk != NULL, "malloc");
  conn->bulk->fd = serving_open_source ();
  conn->bulk->in_len = conn->bulk->in_at = 0;
  conn->bulk->out_len = conn->bulk->out_at = 0;
  conn->bulk->at_end = false;
}

/* Fills the output with data lines as far as it and the input go.  */
static void
bulk_escape (struct bulk *bulk) {
  bulk->out_at = bulk->out_len = 0;
  while (bulk->in_at < bulk->in_len && BULK_SIZE - bulk->out_len >= LINE_ROOM) {
    char *line = bulk->out + bulk->out_len;
    size_t used;
    size_t len = eva__wire_escape (line + 2, DATA_FILL, bulk->in + bulk->in_at,
                                   bulk->in_len - bulk->in_at, &used);
    line[0] = 'D';
    line[1] = ' ';
    line[len + 2] = '\n';
    bulk->in_at += used;
    bulk->out_len += len + 3;
  }
}

static void
bulk_fill (struct bulk *bulk) {
  if (bulk->in_at == bulk->in_len) {
    ssize_t n = read (bulk->fd, bulk->in, sizeof bulk->in);
    need (n >= 0, "source");
    bulk->in_at = 0;
    bulk->in_len = (size_t) n;
    if (!n) bulk->at_end = true;
  }
  bulk_escape (bulk);
}

/* Sends some of it; at its end, the OK waits in OUT.  Returns false if the client is gone.  */
static bool
bulk_turn (struct conn *conn) {
  struct bulk *bulk = conn->bulk;

  for (int i = 0; i < N_PIECES; i++) {
    ssize_t left;
    if (bulk->out_at == bulk->out_len) bulk_fill (bulk);
    if (bulk->at_end) break;
    left = push (conn, bulk->out + bulk->out_at, bulk->out_len - bulk->out_at);
    if (left < 0) return false;
    bulk->out_at = bulk->out_len - (size_t) left;
    if (left) return true;
  }
  if (!bulk->at_end) return true;
  close (bulk->fd);
  free (bulk);
  conn->bulk = NULL;
  say ("OK\n", 3);
  return true;
}

/* --- Commands --------------------------------------------------------------------------------- */

static void
make_mix (void) {
  char *at = mix;

  for (int i = 0; i < N_MIX_STATUS; i++)
    at += sprintf (at, "S %s %s\n", MIX_STATUS_KEYWORD, MIX_STATUS_TEXT);
  at += sprintf (at, "D %.*s\nOK\n", (int) MIX_DATA_LEN, serving_mix_data ());
  mix_len = (size_t) (at - mix);
}

static void
say_heap (void) {
  char text[64];

  say (text, (size_t) snprintf (text, sizeof text, "D %zu\nOK\n", serving_heap_len ()));
}

/* Inquires data.  */
static void
take (struct conn *conn) {
  serving_use_fresh_memory ();
  conn->is_taking = true;
  conn->taken_len = 0;
  conn->taken_size = 512;
  conn->taken = malloc (conn->taken_size);
  need (conn->taken != NULL, "malloc");
  say ("INQUIRE DATA\n", 13);
}

/* Takes a line of the answer.  */
static void
take_line (struct conn *conn, char *line, size_t len) {
  size_t n;

  if (len >= 2 && !memcmp (line, "D ", 2) && !eva__wire_unescape (line + 2, len - 2, false, &n)) {
    while (conn->taken_size - conn->taken_len < n) {
      conn->taken = realloc (conn->taken, conn->taken_size *= 2);
      need (conn->taken != NULL, "realloc");
    }
    memcpy (conn->taken + conn->taken_len, line + 2, n);
    conn->taken_len += n;
    return;
  }
  conn->is_taking = false;
  free (conn->taken);
  conn->taken = NULL;
  say ("OK\n", 3);
}

static void
run (struct conn *conn, char *line, size_t len) {
  if (conn->is_taking)
    take_line (conn, line, len);
  else if (len == 3 && !memcmp (line, "NOP", 3))
    say ("OK\n", 3);
  else if (len == 3 && !memcmp (line, "MIX", 3))
    say (mix, mix_len);
  else if (len == 4 && !memcmp (line, "BULK", 4))
    bulk_start (conn);
  else if (len == 4 && !memcmp (line, "TAKE", 4))
    take (conn);
  else if (len == 4 && !memcmp (line, "HEAP", 4))
    say_heap ();
  else
    say ("ERR 275 Unknown IPC command\n", 28);
}

/* Runs the lines in the first LEN octets of IN as far as their replies can be sent, and keeps the
   rest.  Returns false if the client is gone.  */
static bool
run_lines (struct conn *conn, size_t len) {
  char *at = in, *end = in + len;
  char *lf = NULL;
  bool alive = true;

  do {
    while (!conn->bulk && OUT_SIZE - out_len >= REPLY_SIZE
           && (lf = memchr (at, '\n', (size_t) (end - at)))) {
      run (conn, at, (size_t) (lf - at));
      at = lf + 1;
    }
    alive = flush (conn);
  } while (alive && lf && !conn->bulk && !conn->out_len);
  if (alive && (conn->in_len || at < end)) keep (&conn->in, &conn->in_len, at, (size_t) (end - at));
  return alive && (size_t) (end - at) < IN_SIZE;
}

/* --- The loop --------------------------------------------------------------------------------- */

static bool
turn_in (struct conn *conn) {
  ssize_t n;

  if (conn->in_len) memcpy (in, conn->in, conn->in_len);
  n = read (conn->fd, in + conn->in_len, IN_SIZE - conn->in_len);
  if (n < 0) return errno == EAGAIN || errno == EINTR;
  return n && run_lines (conn, conn->in_len + (size_t) n);
}

static bool
turn_out (struct conn *conn) {
  if (conn->out_len) {
    ssize_t left = push (conn, conn->out, conn->out_len);
    if (left < 0) return false;
    keep (&conn->out, &conn->out_len, conn->out + conn->out_len - left, (size_t) left);
    if (left) return true;
  }
  if (conn->bulk && !bulk_turn (conn)) return false;
  if (conn->bulk) return true;
  if (conn->in_len) memcpy (in, conn->in, conn->in_len);
  return run_lines (conn, conn->in_len);
}

static void
turn (struct conn *conn, unsigned int revents) {
  bool alive = revents & EPOLLOUT ? turn_out (conn) : turn_in (conn);

  if (alive)
    conn_watch (conn, conn->out_len || conn->bulk ? EPOLLOUT : EPOLLIN);
  else
    conn_close (conn);
}

static void
accept_all (int listen_fd) {
  int fd;

  while ((fd = accept4 (listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
    conn_open (fd);
  need (errno == EAGAIN || errno == ECONNABORTED || errno == EINTR, "accept");
}

int
main (int argc, char **argv) {
  static struct epoll_event events[N_EVENTS];
  struct epoll_event event = { .events = EPOLLIN, .data.ptr = NULL };
  int listen_fd;

  if (argc != 2) die ("usage", "server-bare SOCKET");
  serving_init ();
  make_mix ();
  listen_fd = serving_listen (argv[1], SOCK_NONBLOCK);
  epoll_fd = epoll_create1 (EPOLL_CLOEXEC);
  need (!epoll_ctl (epoll_fd, EPOLL_CTL_ADD, listen_fd, &event), "epoll_ctl");
  for (;;) {
    int n = epoll_wait (epoll_fd, events, N_EVENTS, -1);
    need (n >= 0 || errno == EINTR, "epoll_wait");
    for (int i = 0; i < n; i++)
      if (events[i].data.ptr)
        turn (events[i].data.ptr, events[i].events);
      else
        accept_all (listen_fd);
  }
}
