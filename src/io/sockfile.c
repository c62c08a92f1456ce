/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* sockfile.c - the file of a Unix socket on which a server listens.

   A Unix socket leaves its file behind when its server ends without closing it, and bind refuses a
   name that is taken, so a stale file has to be removed first.  A socket is stale if connect is
   refused there.  Between that look and listen on the new socket another server may do the same,
   and the later one would remove the file of the earlier.  So all of it is done with a lock on the
   directory (io/directory.h), or without if another process has that for long.

   A successor takes a name over from a server that listens there: its socket listens under another
   name of the same directory first, and rename then replaces the file in one step.  At each moment
   the name leads to a socket that listens.  */

#include "io/sockfile.h"

#include "io/directory.h"
#include "io/fail.h"
#include "io/process.h"
#include "io/socket.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* How many names a successor tries for its socket: others are left by servers that crashed.  */
#define NAME_TRIES 16

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

/* Notes which file was just made at PATH, and sets its mode.  An umask can have taken away bits of
   the owner's.  Only the owner could have replaced the file by now, unless the directory is open to
   all users, where nothing is safe.  */
static int
note (struct eva__io_sockfile *file, const char *path) {
  struct stat st;

  if (lstat (path, &st) < 0) return -1;
  file->dev = st.st_dev;
  file->ino = st.st_ino;
  file->process = eva__io_this_process ();
  memcpy (file->path, path, strlen (path) + 1);
  return (st.st_mode & 07777) == 0600 ? 0 : chmod (path, 0600);
}

/* --- Listening -------------------------------------------------------------------------------- */

/* The mode of the socket is that of the file that bind makes, less the umask, so there is no moment
   in which other users could connect.  A system that does not do that has no such moment either,
   because connect is refused before listen.  */
static int
bind_file (struct eva__io_sockfile *file, int fd, const union eva__io_sockaddr *addr,
           socklen_t addr_len) {
  fchmod (fd, 0600);
  if (bind (fd, &addr->any, addr_len) < 0) return -1;
  if (note (file, addr->un.sun_path) < 0) return -1;
  return listen (fd, SOMAXCONN);
}

/* Binds FD to a name in the directory of PATH that is free.  */
static int
bind_aside (struct eva__io_sockfile *file, int fd, const char *path) {
  union eva__io_sockaddr addr = { .un = { .sun_family = AF_UNIX } };
  int dir_len = (int) (strrchr (path, '/') - path);
  struct timespec now;

  clock_gettime (CLOCK_REALTIME, &now);
  for (unsigned int i = 0; i < NAME_TRIES; i++) {
    int len = snprintf (addr.un.sun_path, sizeof addr.un.sun_path, "%.*s/.%08x", dir_len, path,
                        (unsigned int) now.tv_nsec * NAME_TRIES + i);
    if (len >= (int) sizeof addr.un.sun_path) return eva__io_fail (ENAMETOOLONG);
    if (!bind_file (file, fd, &addr, sizeof addr.un)) return 0;
    if (errno != EADDRINUSE) return -1;
  }
  return -1;
}

/* Puts the socket FD in the place of the one at PATH.  Nothing else is replaced.  */
static int
take_over (struct eva__io_sockfile *file, int fd, const char *path) {
  struct stat st;

  if (!lstat (path, &st) && !S_ISSOCK (st.st_mode)) return eva__io_fail (EADDRINUSE);
  if (bind_aside (file, fd, path) < 0 || rename (file->path, path) < 0) return -1;
  memcpy (file->path, path, strlen (path) + 1);
  return 0;
}

int
eva__io_sockfile_listen (struct eva__io_sockfile *file, int fd, const union eva__io_sockaddr *addr,
                         socklen_t addr_len, bool takes_over) {
  const char *path = addr->un.sun_path;
  int lock = eva__io_directory_lock (path), rc;

  if (lock < 0 && (errno == ENOENT || errno == ENOTDIR)) return -1;
  if (takes_over) {
    rc = take_over (file, fd, path);
  } else {
    rc = clear_path (addr, addr_len);
    if (!rc) rc = bind_file (file, fd, addr, addr_len);
  }
  eva__io_directory_unlock (lock);
  return rc;
}

/* --- Afterwards ------------------------------------------------------------------------------- */

enum eva__io_sockfile_state
eva__io_sockfile_look (const struct eva__io_sockfile *file) {
  struct stat st;

  if (lstat (file->path, &st) < 0)
    return errno == ENOENT || errno == ENOTDIR ? EVA__IO_SOCKFILE_GONE : EVA__IO_SOCKFILE_STANDS;
  if (S_ISSOCK (st.st_mode) && st.st_dev == file->dev && st.st_ino == file->ino)
    return EVA__IO_SOCKFILE_STANDS;
  return EVA__IO_SOCKFILE_REPLACED;
}

/* In a child only the close shows whether others listen.  */
static void
remove_file (const struct eva__io_sockfile *file, bool is_made_here) {
  union eva__io_sockaddr addr = { .un = { .sun_family = AF_UNIX } };
  int lock = eva__io_directory_lock (file->path);

  memcpy (addr.un.sun_path, file->path, sizeof addr.un.sun_path);
  if (eva__io_sockfile_look (file) == EVA__IO_SOCKFILE_STANDS) {
    if (is_made_here)
      unlink (file->path);
    else if (lock >= 0)
      (void) clear_path (&addr, sizeof addr.un);
  }
  eva__io_directory_unlock (lock);
}

/* While the socket listens, no server takes its file for a stale one, and the kernel gives the
   number of its inode to no other file.  But a successor may put its own in the place, between the
   look and unlink; the lock keeps that away.  A file that is gone is no reason to wait for the
   lock.  */
void
eva__io_sockfile_remove (struct eva__io_sockfile *file, bool is_closed) {
  bool is_made_here = file->process == eva__io_this_process ();
  int saved = errno;

  if (!*file->path || is_made_here == is_closed) return;
  if (eva__io_sockfile_look (file) == EVA__IO_SOCKFILE_STANDS) remove_file (file, is_made_here);
  *file->path = 0;
  errno = saved;
}
