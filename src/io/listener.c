/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* listener.c - a socket that servers accept their clients from.  */

#include "io/listener.h"

#include "io/fail.h"
#include "io/redirect.h"
#include "io/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

/* How many clients that left before they were accepted are skipped in one go: a loop has others to
   serve.  */
#define ACCEPT_TRIES 8

/* How often a server looks at a path at which other servers come and go at the same time.  */
#define LONG_TRIES 4

/* The most octets of a path that the address of a socket has room for.  */
#define MAX_PATH_LEN (sizeof ((struct sockaddr_un *) 0)->sun_path - 1)

/* --- Listening -------------------------------------------------------------------------------- */

static int
switch_on (int fd, int level, int option) {
  int on = 1;

  return setsockopt (fd, level, option, &on, sizeof on);
}

/* A port on which earlier connections are not quite forgotten may be used at once; its new
   connections must allow that in turn, however the port was found.  But while the kernel looks for
   a free port, it must not think that this socket would share one.  An address means itself alone:
   a server that wants IPv4 and IPv6 listens twice.  */
static int
listen_internet (int fd, const union eva__io_sockaddr *addr, socklen_t addr_len) {
  bool is_free_port = !addr->in.sin_port; /* at the same place in both families */

  if (addr->any.sa_family == AF_INET6 && switch_on (fd, IPPROTO_IPV6, IPV6_V6ONLY) < 0) return -1;
  if (!is_free_port && switch_on (fd, SOL_SOCKET, SO_REUSEADDR) < 0) return -1;
  if (bind (fd, &addr->any, addr_len) < 0) return -1;
  if (is_free_port && switch_on (fd, SOL_SOCKET, SO_REUSEADDR) < 0) return -1;
  return listen (fd, SOMAXCONN);
}

/* An abstract name lives as long as its socket.  */
static int
listen_abstract (int fd, const union eva__io_sockaddr *addr, socklen_t addr_len) {
  if (bind (fd, &addr->any, addr_len) < 0) return -1;
  return listen (fd, SOMAXCONN);
}

static int
listen_on (struct eva__io_listener *listener, const struct eva__io_endpoint *endpoint,
           bool takes_over) {
  const union eva__io_sockaddr *addr = &endpoint->addr;

  if (!listener->is_unix) return listen_internet (listener->fd, addr, endpoint->addr_len);
  if (*addr->un.sun_path)
    return eva__io_sockfile_listen (&listener->file, listener->fd, addr, endpoint->addr_len,
                                    takes_over);
  return listen_abstract (listener->fd, addr, endpoint->addr_len);
}

int
eva__io_listener_open (const struct eva__io_endpoint *endpoint, bool takes_over,
                       struct eva__io_listener *ret) {
  struct eva__io_listener listener = { .is_unix = endpoint->kind == EVA__IO_ENDPOINT_UNIX,
                                       .is_loopback = endpoint->is_loopback };

  if (endpoint->kind == EVA__IO_ENDPOINT_FD) return eva__io_listener_take (endpoint->fd, ret);
  if (endpoint->is_for_clients
      || (endpoint->kind != EVA__IO_ENDPOINT_UNIX && endpoint->kind != EVA__IO_ENDPOINT_INTERNET))
    return eva__io_fail (EINVAL);
  listener.fd = eva__io_socket_new (endpoint->addr.any.sa_family);
  if (listener.fd < 0) return -1;
  if (listen_on (&listener, endpoint, takes_over) < 0) {
    eva__io_listener_close (&listener);
    return -1;
  }
  *ret = listener;
  return 0;
}

/* --- Paths ------------------------------------------------------------------------------------ */

/* Listens at PATH, which is not too long, whatever stands there.  */
static int
open_socket (const char *path, bool takes_over, struct eva__io_listener *ret) {
  struct eva__io_endpoint endpoint = { .kind = EVA__IO_ENDPOINT_UNIX };
  struct sockaddr_un *addr = &endpoint.addr.un;

  addr->sun_family = AF_UNIX;
  memcpy (addr->sun_path, path, strlen (path) + 1);
  endpoint.addr_len = sizeof *addr;
  return eva__io_listener_open (&endpoint, takes_over, ret);
}

/* Listens where the redirection file at PATH leads to, and stores that at TARGET.  Returns 0; 1 if
   there is no such file; or -1 with errno.  */
static int
open_redirected (const char *path, bool takes_over, char target[MAX_PATH_LEN + 1],
                 struct eva__io_listener *ret) {
  int rc = eva__io_redirect_find (path, target, MAX_PATH_LEN + 1);

  return rc > 0 ? open_socket (target, takes_over, ret) : rc < 0 ? -1 : 1;
}

/* ALIAS, which may be NULL, becomes LISTENER's if RC is 0, what came of it.  Returns RC.  */
static int
give_alias (struct eva__io_listener *listener, struct eva__io_alias *alias, int rc,
            struct eva__io_listener *ret) {
  listener->alias = alias;
  if (rc)
    eva__io_listener_close (listener);
  else
    *ret = *listener;
  return rc;
}

/* Makes an alias for PATH, and listens at its socket before any client finds that.  */
static int
open_alias (const char *path, struct eva__io_listener *ret) {
  struct eva__io_alias *alias = eva__io_alias_new (path);
  struct eva__io_listener listener;

  if (!alias) return -1;
  if (open_socket (alias->target.path, false, &listener) < 0) {
    eva__io_alias_free (alias);
    return -1;
  }
  return give_alias (&listener, alias, eva__io_alias_publish (alias), ret);
}

/* Listens at PATH, which is too long for a socket.  A redirection leads nowhere if the server that
   wrote it has crashed, and its directory is gone.  Returns 0, or -1 with errno: ESTALE if another
   server has come or gone meanwhile.  */
static int
open_long (const char *path, bool takes_over, struct eva__io_listener *ret) {
  char target[MAX_PATH_LEN + 1];
  struct eva__io_listener listener;
  struct eva__io_alias *alias = NULL;
  int rc = open_redirected (path, takes_over, target, &listener);

  if (rc > 0 || (rc < 0 && (errno == ENOENT || errno == ENOTDIR))) return open_alias (path, ret);
  if (rc < 0) return -1;
  rc = eva__io_alias_adopt (path, target, &alias);
  if (!rc && alias) rc = eva__io_alias_confirm (alias);
  return give_alias (&listener, alias, rc, ret);
}

int
eva__io_listener_open_path (const char *path, bool takes_over, struct eva__io_listener *ret) {
  char target[MAX_PATH_LEN + 1];
  int rc;

  if (strlen (path) <= MAX_PATH_LEN) {
    rc = open_redirected (path, takes_over, target, ret);
    return rc > 0 ? open_socket (path, takes_over, ret) : rc;
  }
  for (int i = 0; i < LONG_TRIES; i++) {
    rc = open_long (path, takes_over, ret);
    if (!rc || errno != ESTALE) return rc;
  }
  return eva__io_fail (EADDRINUSE);
}

enum eva__io_sockfile_state
eva__io_listener_look (const struct eva__io_listener *listener) {
  enum eva__io_sockfile_state state = eva__io_sockfile_look (&listener->file);

  if (state != EVA__IO_SOCKFILE_STANDS || !listener->alias) return state;
  return eva__io_alias_look (listener->alias);
}

/* --- Taking ----------------------------------------------------------------------------------- */

/* Returns 0 if FD listens, or -1 with errno.  */
static int
check_listening (int fd) {
  socklen_t len = sizeof (int);
  int listens;

  if (eva__io_socket_check (fd) < 0) return -1;
  if (getsockopt (fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) < 0) return -1;
  return listens ? 0 : eva__io_fail (EINVAL);
}

static int
set_nonblocking (int fd) {
  int status = fcntl (fd, F_GETFL);

  return status < 0 ? -1 : fcntl (fd, F_SETFL, status | O_NONBLOCK);
}

int
eva__io_listener_take (int fd, struct eva__io_listener *ret) {
  struct eva__io_listener listener = EVA__IO_LISTENER_NONE;
  union eva__io_sockaddr addr;
  socklen_t len = sizeof addr;

  memset (&addr, 0, sizeof addr);
  if (check_listening (fd) < 0 || getsockname (fd, &addr.any, &len) < 0) return -1;
  listener.is_taken = true;
  listener.is_unix = addr.any.sa_family == AF_UNIX;
  listener.is_loopback = eva__io_endpoint_is_loopback (&addr);
  if (!listener.is_unix && addr.any.sa_family != AF_INET && addr.any.sa_family != AF_INET6)
    return eva__io_fail (EAFNOSUPPORT);
  if (set_nonblocking (fd) < 0) return -1;
  listener.fd = fcntl (fd, F_DUPFD_CLOEXEC, 0);
  if (listener.fd < 0) return -1;
  if (!listener.is_unix) eva__io_socket_set_nodelay (listener.fd);
  *ret = listener;
  return 0;
}

/* --- Closing and accepting -------------------------------------------------------------------- */

void
eva__io_listener_leave (struct eva__io_listener *listener) {
  if (listener->alias) eva__io_alias_withdraw (listener->alias, &listener->file);
  eva__io_sockfile_remove (&listener->file, false);
  if (listener->alias) eva__io_private_remove (&listener->alias->target);
}

void
eva__io_listener_drop (struct eva__io_listener *listener) {
  int saved = errno;

  if (listener->fd >= 0) close (listener->fd);
  if (listener->alias) eva__io_private_leave (&listener->alias->target);
  eva__io_alias_free (listener->alias);
  *listener = (struct eva__io_listener) EVA__IO_LISTENER_NONE;
  errno = saved;
}

void
eva__io_listener_close (struct eva__io_listener *listener) {
  struct eva__io_alias *alias = listener->alias;
  struct eva__io_sockfile file;

  if (listener->fd < 0) return;
  eva__io_listener_leave (listener);
  file = listener->file;
  listener->alias = NULL;
  eva__io_listener_drop (listener);
  eva__io_sockfile_remove (&file, true);
  if (alias) eva__io_alias_clear (alias, &file);
  eva__io_alias_free (alias);
}

/* Returns true if the failing accept was about one client, which is off the queue then: Linux
   reports there what already went wrong with the new connection.  */
static bool
is_about_client (int error) {
  switch (error) {
  case EINTR:
  case ECONNABORTED:
  case EPERM: /* a firewall's rule */
  case EPROTO:
  case ENOPROTOOPT:
  case ENETDOWN:
  case ENETUNREACH:
  case EHOSTDOWN:
  case EHOSTUNREACH:
  case ENONET:
    return true;
  default:
    return false;
  }
}

int
eva__io_listener_accept (const struct eva__io_listener *listener) {
  for (int i = 0; i < ACCEPT_TRIES; i++) {
    int fd = accept4 (listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0) return fd;
    if (errno == EWOULDBLOCK) errno = EAGAIN;
    if (!is_about_client (errno)) return -1;
  }
  return eva__io_fail (EAGAIN);
}
