/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* peer.c - servers that a test plays by hand.  See kit.h.  */

#include "kit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

union address {
  struct sockaddr any;
  struct sockaddr_un un;
  struct sockaddr_in in;
};

void
peer_init (struct peer *p, int fd) {
  *p = (struct peer) { .fd = fd };
  assert_int_equal (fcntl (fd, F_SETFL, O_NONBLOCK), 0);
}

/* --- Listening -------------------------------------------------------------------------------- */

static socklen_t
make_address (const char *text, union address *ret) {
  size_t len;

  memset (ret, 0, sizeof *ret);
  if (!strcmp (text, "tcp:127.0.0.1")) {
    ret->in.sin_family = AF_INET;
    ret->in.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
    return sizeof ret->in;
  }
  assert_memory_equal (text, "unix:", 5);
  text += 5;
  len = strlen (text);
  ret->un.sun_family = AF_UNIX;
  assert_true (len < sizeof ret->un.sun_path);
  memcpy (ret->un.sun_path, text, len);
  if (*text != '@') return sizeof ret->un;
  ret->un.sun_path[0] = 0;
  return (socklen_t) (offsetof (struct sockaddr_un, sun_path) + len);
}

int
peer_listen (const char *text, int backlog, unsigned int *ret_port) {
  union address addr;
  socklen_t len = make_address (text, &addr);
  int fd = socket (addr.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

  assert_true (fd >= 0);
  assert_int_equal (bind (fd, &addr.any, len), 0);
  assert_int_equal (listen (fd, backlog), 0);
  if (!ret_port) return fd;
  assert_int_equal (getsockname (fd, &addr.any, &len), 0);
  *ret_port = ntohs (addr.in.sin_port);
  return fd;
}

void
peer_accept (struct peer *p, int listener) {
  int fd;

  for (unsigned int tries = 0;;) {
    fd = accept4 (listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0) break;
    assert_int_equal (errno, EAGAIN);
    kit_turn (&tries);
  }
  peer_init (p, fd);
}

/* --- Saying and hearing ----------------------------------------------------------------------- */

void
peer_write (struct peer *p, const void *octets, size_t len) {
  const char *from = octets;

  for (unsigned int tries = 0; len;) {
    ssize_t n = write (p->fd, from, len);
    if (n < 0) {
      assert_int_equal (errno, EAGAIN);
      if (!p->is_stubborn) peer_take (p);
      kit_turn (&tries);
      continue;
    }
    tries = 0;
    from += n;
    len -= (size_t) n;
  }
}

void
peer_say (struct peer *p, const char *text) {
  peer_write (p, text, strlen (text));
}

/* Keeps the descriptors of MSG.  */
static void
take_fds (struct peer *p, struct msghdr *msg) {
  int fd;

  assert_int_equal (msg->msg_flags & MSG_CTRUNC, 0);
  for (struct cmsghdr *c = CMSG_FIRSTHDR (msg); c; c = CMSG_NXTHDR (msg, c))
    for (size_t i = 0; i < (c->cmsg_len - CMSG_LEN (0)) / sizeof fd; i++) {
      memcpy (&fd, CMSG_DATA (c) + i * sizeof fd, sizeof fd);
      assert_true (p->n_fds < PEER_MAX_FDS);
      p->fd_at[p->n_fds] = p->n_octets;
      p->fds[p->n_fds++] = fd;
    }
}

void
peer_take (struct peer *p) {
  for (;;) {
    union {
      struct cmsghdr align;
      char octets[CMSG_SPACE (253 * sizeof (int))];
    } control;
    char buf[4096];
    struct iovec iov = { .iov_base = buf, .iov_len = p->most ? p->most : sizeof buf };
    struct msghdr msg = {
      .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
    };
    ssize_t n = recvmsg (p->fd, &msg, MSG_CMSG_CLOEXEC);
    if (n < 0 && errno == ENOTSOCK) {
      msg.msg_controllen = 0;
      n = read (p->fd, buf, sizeof buf);
    }
    if (n > 0) take_fds (p, &msg);
    if (n > 0) text_add (&p->in, buf, (size_t) n);
    if (n > 0) p->n_octets += (size_t) n;
    if (n == 0 || (n < 0 && errno == ECONNRESET)) p->is_at_end = true;
    if (n <= 0) return;
  }
}

void
peer_hears (struct peer *p, const char *expected) {
  size_t len = strlen (expected);

  peer_take (p);
  for (unsigned int tries = 0; p->in.len < len && !p->is_at_end;) {
    kit_turn (&tries);
    peer_take (p);
  }
  kit_settle ();
  peer_take (p);
  assert_string_equal (p->in.data ? p->in.data : "", expected);
  text_free (&p->in);
}

void
peer_hears_nothing (struct peer *p) {
  peer_hears (p, "");
}

void
peer_hears_hello (struct peer *p) {
  peer_hears (p, kit_format ("OK hi, process %d\n", (int) getpid ()));
}

void
peer_answers (struct peer *p, const char *hears, const char *says) {
  peer_hears (p, hears);
  peer_say (p, says);
}

void
kit_exchange (struct peer *p, const char *hears, const char *says, const char *told) {
  if (hears) peer_hears (p, hears);
  peer_say (p, says);
  kit_await (told);
}

void
peer_hears_end (struct peer *p) {
  for (unsigned int tries = 0; !p->is_at_end;) {
    peer_take (p);
    kit_turn (&tries);
  }
}

/* --- Ending ----------------------------------------------------------------------------------- */

void
peer_close (struct peer *p) {
  if (p->fd >= 0) close (p->fd);
  p->fd = -1;
  for (size_t i = 0; i < p->n_fds; i++)
    close (p->fds[i]);
  p->n_fds = 0;
  text_free (&p->in);
}

void
peer_reset (struct peer *p) {
  struct linger linger = { .l_onoff = 1, .l_linger = 0 };

  setsockopt (p->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
  peer_close (p);
}

/* --- Clients of such servers ------------------------------------------------------------------ */

assuan_context_t
kit_dial_peer (struct peer *p) {
  int fd[2];

  assert_int_equal (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
  peer_init (p, fd[1]);
  return kit_dial (kit_format ("fd:%d", fd[0]));
}

assuan_context_t
kit_open (struct peer *p) {
  assuan_context_t ctx = kit_dial_peer (p);

  peer_say (p, "OK ready\n");
  kit_await ("ready\n");
  return ctx;
}
