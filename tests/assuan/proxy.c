/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The proxy of proxy.h.  */

#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy.h"

const struct script success = { METHOD_NONE, REPLY_OK, .hello = "OK hello\n" };
const struct script login = { METHOD_LOGIN, STATUS_OK, REPLY_OK, .hello = "OK hello\n" };

/* Read N octets more into the packets; false at the end of file.  */
static bool
more (struct proxy *p, size_t n) {
  for (size_t end = p->said_len + n; p->said_len < end;) {
    ssize_t got = read (p->fd, p->said + p->said_len, end - p->said_len);

    if (got <= 0) return false;
    p->said_len += (size_t) got;
  }
  return true;
}

/* Read a packet that ends with as many octets as the one before them says.  */
static bool
more_counted (struct proxy *p) {
  return more (p, 1) && more (p, p->said[p->said_len - 1]);
}

static bool
more_address (struct proxy *p) {
  switch (p->said[p->said_len - 1]) {
  case 1:
    return more (p, 4 + 2);
  case 3:
    return more_counted (p) && more (p, 2);
  case 4:
    return more (p, 16 + 2);
  default:
    return false;
  }
}

/* Say one answer of the script; false, so that the proxy hangs up, if there is none or if it has
 * less than MIN_LEN octets.  */
static bool
answer (struct proxy *p, const char *octets, size_t len, size_t min_len) {
  return octets && write (p->fd, octets, len) == (ssize_t) len && len >= min_len;
}

static bool
negotiate (struct proxy *p) {
  const struct script *s = p->script;

  if (!more (p, 1) || !more_counted (p) || !answer (p, s->method, s->method_len, 2)) return false;
  if (s->status) {
    if (!more (p, 1) || !more_counted (p) || !more_counted (p)) return false;
    if (!answer (p, s->status, s->status_len, 2)) return false;
  }
  return more (p, 4) && more_address (p) && answer (p, s->reply, s->reply_len, 8);
}

static void *
serve_one (void *arg) {
  struct proxy *p = arg;
  size_t len = 0;
  ssize_t n;

  p->fd = accept4 (p->listener, NULL, NULL, SOCK_CLOEXEC);
  if (p->fd == -1) return NULL;
  p->came = true;
  if ((negotiate (p) && p->script->hello
       && answer (p, p->script->hello, strlen (p->script->hello), 1))
      || p->script->is_silent)
    while ((n = read (p->fd, p->app + len, sizeof p->app - 1 - len)) > 0)
      len += (size_t) n;
  close (p->fd);
  return NULL;
}

int
listen_at (unsigned short port) {
  struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons (port) };
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

  addr.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  setsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (!bind (fd, (struct sockaddr *) &addr, sizeof addr) && !listen (fd, 1)) return fd;
  close (fd);
  return -1;
}

void
proxy_start (struct proxy *p, unsigned short port, const struct script *script) {
  memset (p, 0, sizeof *p);
  p->script = script;
  p->listener = listen_at (port);
  assert_int_not_equal (p->listener, -1);
  assert_int_equal (pthread_create (&p->thread, NULL, serve_one, p), 0);
}

void
proxy_stop (struct proxy *p) {
  /* There may be no client.  */
  shutdown (p->listener, SHUT_RDWR);
  pthread_join (p->thread, NULL);
  close (p->listener);
}

/* A loopback of our own, if the kernel grants one.  */
static void
leave_network (void) {
  struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
  int fd;

  if (unshare (CLONE_NEWNET) && unshare (CLONE_NEWUSER | CLONE_NEWNET)) return;
  fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (ioctl (fd, SIOCSIFFLAGS, &request)) perror ("# cannot use a loopback of our own");
  close (fd);
}

static bool
is_free (unsigned short port) {
  int fd = listen_at (port);

  if (fd != -1) close (fd);
  return fd != -1;
}

bool
proxy_init (void) {
  leave_network ();
  return is_free (PORT_SOCKS) && is_free (PORT_TOR) && is_free (PORT_TOR_BROWSER);
}
