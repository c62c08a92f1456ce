/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* lock.c - a lock that one at a time has, with a file for it.

   A process that has opened the file may get the lock after its owner has removed the file, while a
   third one makes a new file and locks that.  So the lock counts only if its file still stands at
   the path.  */

#include "io/lock.h"

#include "io/fail.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* How often a file may be removed under its lock before the lock counts as taken.  */
#define TRIES 10

/* Returns true if the file of FD stands at PATH.  */
static bool
is_at (const char *path, int fd) {
  struct stat own, there;

  return !fstat (fd, &own) && !lstat (path, &there) && own.st_dev == there.st_dev
         && own.st_ino == there.st_ino;
}

/* Takes the lock of FD, a file that was opened at PATH.  Returns 0; 1 if the file was removed; -1
   with errno.  */
static int
lock (const char *path, int fd) {
  struct stat st;

  if (fstat (fd, &st) < 0) return -1;
  if (!S_ISREG (st.st_mode)) return eva__io_fail (EEXIST);
  if (flock (fd, LOCK_EX | LOCK_NB) < 0) return errno == EINTR ? eva__io_fail (EWOULDBLOCK) : -1;
  return !is_at (path, fd);
}

/* The flags keep the open from following a link of another user's, and from waiting at a pipe.  */
int
eva__io_lock_take (const char *path) {
  for (int i = 0; i < TRIES; i++) {
    int fd = open (path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
    int rc = fd < 0 ? -1 : lock (path, fd), saved = errno;
    if (!rc) return fd;
    if (fd >= 0) close (fd);
    if (rc < 0) return eva__io_fail (saved);
  }
  return eva__io_fail (EWOULDBLOCK);
}

/* A child that forked meanwhile has the lock too, until it executes a program: closing it here is
   not enough.  */
void
eva__io_lock_release (const char *path, int fd, bool is_copy) {
  if (fd < 0) return;
  if (!is_copy) {
    if (is_at (path, fd)) unlink (path);
    flock (fd, LOCK_UN);
  }
  close (fd);
}
