/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* end.c - one end of what `relay` passes on.

   A descriptor belongs to the message that brought it, and one read may return older octets as
   well.  The descriptor counts from the first octet of the read on: it is never too late for its
   own line, and the order of descriptors stays.  */

#include "end.h"
#include "options.h"
#include "wait.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_IOV 16

union control {
  struct cmsghdr align;
  char octets[CMSG_SPACE (STREAM_MAX_FDS * sizeof (int))];
};

/* --- Memory ----------------------------------------------------------------------------------- */

/* A connection has a buffer while there are octets, which come and go with every line.  */
struct pool {
  size_t size;
  size_t n, max;
  void *buffers[128];
};

static struct pool pools[] = { { .size = EVA_INPUT_SIZE, .max = 32 },
                               { .size = EVA_SMALL_SIZE, .max = 128 } };

static struct pool *
find_pool (size_t len) {
  for (size_t i = 0; i < N_ELEMENTS (pools); i++)
    if (pools[i].size == len) return &pools[i];
  return NULL;
}

static void *
take_memory (void *arg, size_t len) {
  struct pool *pool = find_pool (len);

  (void) arg;
  return pool && pool->n ? pool->buffers[--pool->n] : malloc (len);
}

static void
give_memory (void *arg, void *ptr, size_t len) {
  struct pool *pool = find_pool (len);

  (void) arg;
  if (pool && pool->n < pool->max)
    pool->buffers[pool->n++] = ptr;
  else
    free (ptr);
}

/* --- Life ------------------------------------------------------------------------------------- */

bool
end_init (struct end *e, enum eva_role role, void (*ready) (void *arg, unsigned int revents),
          void *arg) {
  struct eva_conn_config config = {
    .role = role, .max_fds = END_MAX_FDS, .alloc = take_memory, .release = give_memory
  };

  *e = (struct end) { .in_fd = -1, .out_fd = -1, .ready = ready, .arg = arg };
  return !eva_conn_new (&config, &e->conn);
}

void
end_open (struct end *e, int in_fd, int out_fd) {
  e->in_fd = in_fd;
  e->out_fd = out_fd;
  fcntl (in_fd, F_SETFD, FD_CLOEXEC);
  fcntl (out_fd, F_SETFD, FD_CLOEXEC);
}

static void
close_queued_fds (struct end *e) {
  int fd;

  while (eva_conn_take_any_fd (e->conn, &fd))
    if (fd >= 0) close (fd);
  while (eva_conn_take_output_fd (e->conn, &fd))
    close (fd);
}

void
end_deinit (struct end *e) {
  eva_source_free (e->in);
  eva_source_free (e->out);
  if (e->conn) close_queued_fds (e);
  eva_conn_free (e->conn);
  if (e->in_fd >= 0) close (e->in_fd);
  if (e->out_fd >= 0 && e->out_fd != e->in_fd) close (e->out_fd);
}

/* --- Reading ---------------------------------------------------------------------------------- */

/* Returns false if there is no room for them, nor for the sign that some were refused.  */
static bool
feed_fds (struct end *e, struct msghdr *message) {
  bool is_refused = message->msg_flags & MSG_CTRUNC;

  for (struct cmsghdr *c = CMSG_FIRSTHDR (message); c; c = CMSG_NXTHDR (message, c)) {
    size_t n = (c->cmsg_len - CMSG_LEN (0)) / sizeof (int);
    int fds[STREAM_MAX_FDS];
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
    memcpy (fds, CMSG_DATA (c), n * sizeof *fds);
    for (size_t i = 0; i < n; i++) {
      if (!is_refused && !eva_conn_fed_fd (e->conn, fds[i])) continue;
      close (fds[i]);
      is_refused = true;
    }
  }
  return !is_refused || !eva_conn_fed_fd (e->conn, END_REFUSED_FD);
}

/* Without room for descriptors the kernel closes them, and says so.  If this end cannot tell the
   descriptors of one line from those of another, it ends the connection.  */
static ssize_t
receive (struct end *e, void *buf, size_t len) {
  struct iovec iov = { .iov_base = buf, .iov_len = len };
  struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
  union control control;
  ssize_t n;

  if (e->in_fd != e->out_fd) return stream_read (e->in_fd, buf, len);
  if (e->takes_fds) {
    message.msg_control = control.octets;
    message.msg_controllen = sizeof control.octets;
  }
  n = recvmsg (e->in_fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  if (n < 0 && errno == ENOTSOCK) return stream_read (e->in_fd, buf, len);
  if (n > 0 && (message.msg_controllen || message.msg_flags & MSG_CTRUNC)
      && !feed_fds (e, &message))
    return 0;
  return n;
}

static bool
is_later (void) {
  return errno == EAGAIN || errno == EINTR;
}

void
end_read (struct end *e) {
  size_t len;
  void *buf;
  ssize_t n;

  if (e->is_eof || e->in_fd < 0) return;
  buf = eva_conn_inbuf (e->conn, &len);
  if (!len) return;
  n = buf ? receive (e, buf, len) : 0; /* without memory, nothing goes on */
  if (n < 0 && is_later ()) return;
  if (n <= 0) e->is_eof = true;
  eva_conn_fed (e->conn, n < 0 ? 0 : (size_t) n);
}

/* --- Sending ---------------------------------------------------------------------------------- */

static ssize_t
send_some (struct end *e, struct iovec *iov, size_t n_iov, const int *fds, size_t n_fds) {
  struct msghdr message = { .msg_iov = iov, .msg_iovlen = n_iov };
  size_t size = n_fds * sizeof *fds;
  union control control;
  ssize_t n;

  if (e->in_fd != e->out_fd) return stream_write (e->out_fd, iov);
  if (n_iov == 1 && !n_fds) { /* nearly all are so, and this is the faster call */
    n = send (e->out_fd, iov->iov_base, iov->iov_len, MSG_NOSIGNAL | MSG_DONTWAIT);
    return n < 0 && errno == ENOTSOCK ? stream_write (e->out_fd, iov) : n;
  }
  if (n_fds) {
    memset (&control, 0, CMSG_SPACE (size));
    message.msg_control = control.octets;
    message.msg_controllen = CMSG_SPACE (size);
    control.align = (struct cmsghdr) { .cmsg_len = CMSG_LEN (size),
                                       .cmsg_level = SOL_SOCKET,
                                       .cmsg_type = SCM_RIGHTS };
    memcpy (CMSG_DATA (&control.align), fds, size);
  }
  n = sendmsg (e->out_fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  return n < 0 && errno == ENOTSOCK ? stream_write (e->out_fd, iov) : n;
}

/* Sends once, or drops what cannot be sent.  Returns false if nothing left.  */
static bool
flush_once (struct end *e) {
  struct iovec iov[MAX_IOV];
  size_t n_iov = eva_conn_output (e->conn, iov, MAX_IOV), n_fds;
  int fds[STREAM_MAX_FDS];
  ssize_t n;

  if (!n_iov) return false;
  n_fds = eva_conn_output_fds (e->conn, fds, STREAM_MAX_FDS);
  n = e->is_dead ? -1 : send_some (e, iov, n_iov, fds, n_fds);
  if (n < 0 && !e->is_dead && is_later ()) return false;
  if (n < 0) {
    e->is_dead = true;
    n = 0;
    for (size_t i = 0; i < n_iov; i++)
      n += (ssize_t) iov[i].iov_len;
  }
  eva_conn_sent (e->conn, (size_t) n);
  for (size_t i = 0; n && i < n_fds; i++)
    close (fds[i]);
  return n > 0;
}

void
end_flush (struct end *e) {
  if (e->out_fd < 0) return;
  while (eva_conn_output_len (e->conn) && flush_once (e)) {}
}

void
end_shut (struct end *e) {
  if (e->is_shut || e->out_fd < 0 || eva_conn_output_len (e->conn)) return;
  e->is_shut = true;
  shutdown (e->out_fd, SHUT_WR);
}

bool
end_is_full (const struct end *e) {
  return eva_conn_output_len (e->conn) >= END_HIGH_WATER;
}

/* --- Waiting ---------------------------------------------------------------------------------- */

static void
on_out (void *arg, unsigned int revents) {
  struct end *e = arg;

  if (revents & EVA_HANGUP) e->is_dead = true;
  e->ready (e->arg, revents & EVA_WRITABLE);
}

/* A socket that hangs up takes nothing more, but may have sent more.  */
static void
on_in (void *arg, unsigned int revents) {
  struct end *e = arg;

  if (revents & EVA_HANGUP && e->in_fd == e->out_fd) e->is_dead = true;
  e->ready (e->arg, revents);
}

static bool
set_source (struct end *e, eva_source **source, int fd, unsigned int events,
            void (*cb) (void *arg, unsigned int revents)) {
  if (*source) return !eva_source_set_events (*source, events);
  *source = eva_loop_add_fd (wait_loop (), fd, events, cb, e);
  return *source != NULL;
}

/* The loop reports a hang-up again and again, even if no event is asked for.  So an end that has
   hung up is watched only while more is wanted of it.  */
static void
drop_source (eva_source **source) {
  eva_source_free (*source);
  *source = NULL;
}

static bool
watch_socket (struct end *e, unsigned int events) {
  if (events || !e->is_dead) return set_source (e, &e->in, e->in_fd, events, on_in);
  drop_source (&e->in);
  return true;
}

/* Only the end of a pipe that is written to tells that the reader has left, and the other side may
   be silent for long.  A file cannot be watched; it takes everything at once.  */
static bool
watch_output (struct end *e, unsigned int events) {
  if (!e->is_dead) return set_source (e, &e->out, e->out_fd, events, on_out) || !events;
  drop_source (&e->out);
  return true;
}

bool
end_watch (struct end *e, bool wants_input) {
  unsigned int in = wants_input && !e->is_eof ? EVA_READABLE : 0;
  unsigned int out = eva_conn_output_len (e->conn) && !e->is_dead ? EVA_WRITABLE : 0;
  bool is_ok = true;

  if (e->in_fd < 0) return true;
  if (e->in_fd == e->out_fd) return watch_socket (e, in | out);
  if (in)
    is_ok = set_source (e, &e->in, e->in_fd, in, on_in);
  else
    drop_source (&e->in);
  return watch_output (e, out) && is_ok;
}
