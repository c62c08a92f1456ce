/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* listener.c - the life of a socket file: stale ones replaced, live ones respected, ours removed.

   A socket file outlives a server that was killed, and bind refuses a path that exists.  So a
   server has to remove the leftover of its predecessor, but must never take the path from a live
   server, nor remove a file that is something else.  Only connect tells dead from alive: it is
   refused if no process listens.  */

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

#include "listener.h"

static int
fail (const char *path, const char *why) {
  fprintf (stderr, "%s: %s: %s\n", program_invocation_short_name, path, why);
  return -1;
}

/* Between the test for a live server and our own listen, another server could pass the same test,
   and then one of them would remove the other's socket.  A lock on the directory makes them go one
   after the other, and leaves no file behind.
   Returns the descriptor to close, or -1 with errno.  */
static int
lock_directory (const char *path) {
  char copy[sizeof ((struct sockaddr_un *) 0)->sun_path];
  int fd;

  snprintf (copy, sizeof copy, "%s", path); /* dirname changes it */
  fd = open (dirname (copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return -1;
  while (flock (fd, LOCK_EX)) {
    if (errno == EINTR) continue;
    close (fd);
    return -1;
  }
  return fd;
}

/* Returns 0 if a process listens at ADDRESS, otherwise the errno that tells why not.  */
static int
try_connect (const struct sockaddr_un *address) {
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  int reason = 0;

  if (fd < 0) return errno;
  if (connect (fd, (const struct sockaddr *) address, sizeof *address)) reason = errno;
  close (fd);
  /* The queue of waiting clients is full: a server listens, even if it is slow.  */
  return reason == EAGAIN ? 0 : reason;
}

static int
remove_stale (const struct sockaddr_un *address) {
  const char *path = address->sun_path;
  struct stat st;
  int reason;

  if (lstat (path, &st)) return errno == ENOENT ? 0 : fail (path, strerror (errno));
  if (!S_ISSOCK (st.st_mode)) return fail (path, "exists and is not a socket");
  reason = try_connect (address);
  if (!reason) return fail (path, "another server is listening there");
  if (reason != ECONNREFUSED) return fail (path, strerror (reason));
  return unlink (path) && errno != ENOENT ? fail (path, strerror (errno)) : 0;
}

/* Makes the socket file and listens.  Returns 0, or -1 with errno.  */
static int
bind_and_listen (struct listener *listener) {
  const struct sockaddr_un *address = &listener->address;
  /* Not chmod afterwards: others could connect before.  */
  mode_t umask_before = umask (0177);
  int rc = bind (listener->fd, (const struct sockaddr *) address, sizeof *address);
  struct stat st;

  umask (umask_before);
  if (rc || listen (listener->fd, SOMAXCONN) || lstat (address->sun_path, &st)) return -1;
  listener->device = st.st_dev;
  listener->inode = st.st_ino;
  return 0;
}

static int
replace (struct listener *listener) {
  if (remove_stale (&listener->address)) return -1;
  listener->fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (listener->fd >= 0 && !bind_and_listen (listener)) return 0;
  fail (listener->address.sun_path, strerror (errno));
  if (listener->fd >= 0) close (listener->fd);
  listener->fd = -1;
  return -1;
}

int
listener_open (struct listener *listener, const char *path) {
  int lock, rc;

  *listener = (struct listener) { .fd = -1, .address.sun_family = AF_UNIX };
  if (!*path) return fail (path, "the path is empty"); /* would be a socket without a file */
  if (strlen (path) >= sizeof listener->address.sun_path)
    return fail (path, "longer than the 107 octets that a socket's path may have");
  strcpy (listener->address.sun_path, path);

  lock = lock_directory (path);
  if (lock < 0) return fail (path, strerror (errno));
  rc = replace (listener);
  close (lock);
  return rc;
}

void
listener_close (struct listener *listener) {
  const char *path = listener->address.sun_path;
  struct stat st;

  if (listener->fd < 0) return;
  if (!lstat (path, &st) && st.st_dev == listener->device && st.st_ino == listener->inode)
    unlink (path);
  close (listener->fd);
  listener->fd = -1;
}
