/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* directory.c - a lock on the directory that a file stands in.

   It keeps two servers apart that want the same name.  A file for the lock would stay behind for
   good.  But every process that can read a directory can lock it.  So a server tries the lock for a
   moment only, and then goes on without it: otherwise any user could keep it from starting.  */

#include "io/directory.h"

#include "io/fail.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

/* How often the lock is tried, and how long the first pause is; each next one is as much longer.
   Together 190 ms: servers hold it for a few system calls.  */
#define LOCK_TRIES    20
#define LOCK_PAUSE_MS 1

/* Opens the directory of PATH.  */
static int
open_directory (const char *path) {
  char dir[PATH_MAX];
  size_t len = (size_t) (strrchr (path, '/') - path);

  if (len >= sizeof dir) return eva__io_fail (ENAMETOOLONG);
  /* A path in the root has nothing but the slash in front.  */
  memcpy (dir, path, len + 1);
  dir[len ? len : 1] = 0;
  return open (dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

int
eva__io_directory_lock (const char *path) {
  int fd = open_directory (path);

  if (fd < 0) return -1;
  for (int i = 1; flock (fd, LOCK_EX | LOCK_NB) < 0; i++) {
    struct timespec pause = { .tv_nsec = (long) i * LOCK_PAUSE_MS * 1000000 };
    if ((errno != EWOULDBLOCK && errno != EINTR) || i == LOCK_TRIES) {
      int saved = errno;
      close (fd);
      return eva__io_fail (saved);
    }
    nanosleep (&pause, NULL);
  }
  return fd;
}

void
eva__io_directory_unlock (int lock) {
  int saved = errno;

  if (lock < 0) return;
  /* A child that another thread forked meanwhile has the lock too, until it executes a program.  */
  flock (lock, LOCK_UN);
  close (lock);
  errno = saved;
}
