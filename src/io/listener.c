/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* listener.c - a socket that servers accept their clients from.

   A Unix socket leaves its file behind when its server ends without closing it, and bind refuses a
   name that is taken, so a stale file has to be removed first.  A socket is stale if connect is
   refused there.  Between that look and listen on the new socket another server may do the same,
   and the later one would remove the file of the earlier.  So all of it is done with a lock on the
   directory; a file for the lock would stay behind for good.  But every process that can read a
   directory can lock it.  So the server tries the lock for a moment only, and then goes on without
   it: otherwise any user could keep a server from starting.  */

#include "io/listener.h"

#include "io/fail.h"
#include "io/process.h"
#include "io/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* How often the lock is tried, and how long the first pause is; each next one is as much longer.
   Together 190 ms: servers hold it for a few system calls.  */
#define LOCK_TRIES    20
#define LOCK_PAUSE_MS 1

/* How many clients that left before they were accepted are skipped in one go: a loop has others to
   serve.  */
#define ACCEPT_TRIES 8

/* --- The lock --------------------------------------------------------------------------------- */

/* Opens the directory of PATH, which is absolute.  */
static int
open_directory (const char *path) {
  char dir[sizeof ((struct eva__io_listener *) 0)->path];
  size_t len = (size_t) (strrchr (path, '/') - path);

  /* A path in the root has nothing but the slash in front.  */
  memcpy (dir, path, len + 1);
  dir[len ? len : 1] = 0;
  return open (dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* Locks the directory of PATH.  Returns the lock; -1 with errno ENOENT or ENOTDIR if there is no
   directory, and with other values if there is, but no lock: it may be unreadable, or busy.  */
static int
lock_directory (const char *path) {
  int fd = open_directory (path);

  if (fd < 0) return -1;
  for (int i = 1; flock (fd, LOCK_EX | LOCK_NB) < 0; i++) {
    struct timespec pause = { .tv_nsec = (long) i * LOCK_PAUSE_MS * 1000000 };
    if ((errno != EWOULDBLOCK && errno != EINTR) || i == LOCK_TRIES) {
      eva__io_socket_close (fd);
      return -1;
    }
    nanosleep (&pause, NULL);
  }
  return fd;
}

/* Keeps errno.  */
static void
unlock (int lock) {
  int saved = errno;

  if (lock < 0) return;
  /* A child that another thread forked meanwhile has the lock too, until it executes a program.  */
  flock (lock, LOCK_UN);
  close (lock);
  errno = saved;
}

/* --- Files ------------------------------------------------------------------------------------ */

/* Returns true if no process listens at ADDR any more.  Only a refusal says so: a server is alive
   if its queue is full (EAGAIN), if this process may not talk to it, or if its socket is of another
   type.  */
static bool
is_stale (const union eva__io_sockaddr *addr, socklen_t addr_len, int probe) {
  return connect (probe, &addr->any, addr_len) < 0 && (errno == ECONNREFUSED || errno == ENOENT);
}

/* Makes the path of ADDR free, if it is a stale socket.  Returns 0, or -1 with errno.  */
static int
clear_path (const union eva__io_sockaddr *addr, socklen_t addr_len) {
  const char *path = addr->un.sun_path;
  struct stat st;
  bool stale;
  int probe;

  /* A symbolic link is not followed: its owner could make this server remove the socket of another
     one, or listen where clients do not expect it.  */
  if (lstat (path, &st) < 0) return errno == ENOENT ? 0 : -1;
  if (!S_ISSOCK (st.st_mode)) return eva__io_fail (EADDRINUSE);
  probe = eva__io_socket_new (AF_UNIX);
  if (probe < 0) return -1;
  stale = is_stale (addr, addr_len, probe);
  close (probe);
  if (!stale) return eva__io_fail (EADDRINUSE);
  return unlink (path) < 0 && errno != ENOENT ? -1 : 0;
}

static bool
is_own_file (const struct eva__io_listener *listener) {
  struct stat st;

  return !lstat (listener->path, &st) && S_ISSOCK (st.st_mode) && st.st_dev == listener->dev
         && st.st_ino == listener->ino;
}

/* Notes which file was just made at PATH, and sets its mode.  An umask can have taken away bits of
   the owner's.  Only the owner could have replaced the file by now, unless the directory is open to
   all users, where nothing is safe.  */
static int
note_file (struct eva__io_listener *listener, const char *path) {
  struct stat st;

  if (lstat (path, &st) < 0) return -1;
  listener->dev = st.st_dev;
  listener->ino = st.st_ino;
  listener->process = eva__io_this_process ();
  memcpy (listener->path, path, strlen (path) + 1);
  return (st.st_mode & 07777) == 0600 ? 0 : chmod (path, 0600);
}

/* --- Listening -------------------------------------------------------------------------------- */

/* The mode of the socket is that of the file that bind makes, less the umask, so there is no moment
   in which other users could connect.  A system that does not do that has no such moment either,
   because connect is refused before listen.  */
static int
bind_file (struct eva__io_listener *listener, const struct eva__io_endpoint *endpoint) {
  const union eva__io_sockaddr *addr = &endpoint->addr;

  if (clear_path (addr, endpoint->addr_len) < 0) return -1;
  fchmod (listener->fd, 0600);
  if (bind (listener->fd, &addr->any, endpoint->addr_len) < 0) return -1;
  if (note_file (listener, addr->un.sun_path) < 0) return -1;
  return listen (listener->fd, SOMAXCONN);
}

static int
listen_file (struct eva__io_listener *listener, const struct eva__io_endpoint *endpoint) {
  int lock = lock_directory (endpoint->addr.un.sun_path), rc;

  if (lock < 0 && (errno == ENOENT || errno == ENOTDIR)) return -1;
  rc = bind_file (listener, endpoint);
  unlock (lock);
  return rc;
}

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
listen_on (struct eva__io_listener *listener, const struct eva__io_endpoint *endpoint) {
  const union eva__io_sockaddr *addr = &endpoint->addr;

  if (!listener->is_unix) return listen_internet (listener->fd, addr, endpoint->addr_len);
  if (*addr->un.sun_path) return listen_file (listener, endpoint);
  return listen_abstract (listener->fd, addr, endpoint->addr_len);
}

int
eva__io_listener_open (const struct eva__io_endpoint *endpoint, struct eva__io_listener *ret) {
  struct eva__io_listener listener = { .is_unix = endpoint->kind == EVA__IO_ENDPOINT_UNIX,
                                       .is_loopback = endpoint->is_loopback };

  if (endpoint->kind == EVA__IO_ENDPOINT_FD) return eva__io_listener_take (endpoint->fd, ret);
  if (endpoint->is_for_clients
      || (endpoint->kind != EVA__IO_ENDPOINT_UNIX && endpoint->kind != EVA__IO_ENDPOINT_INTERNET))
    return eva__io_fail (EINVAL);
  listener.fd = eva__io_socket_new (endpoint->addr.any.sa_family);
  if (listener.fd < 0) return -1;
  if (listen_on (&listener, endpoint) < 0) {
    eva__io_listener_close (&listener);
    return -1;
  }
  *ret = listener;
  return 0;
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

/* Removes the file of LISTENER, which is closed, as the next server would.  */
static void
remove_stale (const struct eva__io_listener *listener) {
  union eva__io_sockaddr addr;
  int lock = lock_directory (listener->path);

  memset (&addr, 0, sizeof addr);
  addr.un.sun_family = AF_UNIX;
  memcpy (addr.un.sun_path, listener->path, sizeof addr.un.sun_path);
  if (lock >= 0 && is_own_file (listener)) (void) clear_path (&addr, sizeof addr.un);
  unlock (lock);
}

void
eva__io_listener_drop (struct eva__io_listener *listener) {
  int saved = errno;

  if (listener->fd >= 0) close (listener->fd);
  *listener = (struct eva__io_listener) EVA__IO_LISTENER_NONE;
  errno = saved;
}

/* While this socket listens, no server takes its file for a stale one, and the kernel gives the
   number of its inode to no other file.  So this removes the file first, which needs no lock, and
   closes last.  In a child the order is the other way round: only after the close it shows whether
   others listen.  */
void
eva__io_listener_close (struct eva__io_listener *listener) {
  struct eva__io_listener copy = *listener;
  bool is_made_here = copy.process == eva__io_this_process ();
  int saved = errno;

  if (copy.fd < 0) return;
  if (*copy.path && is_made_here && is_own_file (&copy)) unlink (copy.path);
  eva__io_listener_drop (listener);
  if (*copy.path && !is_made_here) remove_stale (&copy);
  errno = saved;
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
