/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* alias.c - a redirection file of ours, at a path that is too long for a socket.

   The address of a socket has room for 107 octets of path, and the home directories of some users
   leave no room for more.  So GnuPG's programs put a file there that names the socket
   (io/redirect.h).  The name has to be one that no other user can take, so the socket stands in a
   directory that was made for it.  */

#include "io/alias.h"

#include "io/fail.h"
#include "io/process.h"
#include "io/redirect.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIR_NAME  "/evassuan-XXXXXX"
#define SOCK_NAME "/S"

/* Makes the directory, and stores the path of a socket in it at TARGET.  */
static int
make_directory (char *target, size_t size) {
  const char *base = getenv ("XDG_RUNTIME_DIR");
  int len;

  if (!base || *base != '/') base = "/tmp";
  len = snprintf (target, size, "%s" DIR_NAME, base);
  if (len < 0 || (size_t) len + sizeof SOCK_NAME > size) return eva__io_fail (ENAMETOOLONG);
  if (!mkdtemp (target)) return -1;
  memcpy (target + len, SOCK_NAME, sizeof SOCK_NAME);
  return 0;
}

/* Removes the directory of ALIAS.  */
static void
remove_directory (struct eva__io_alias *alias) {
  char *end = strrchr (alias->target, '/');

  if (!end) return;
  *end = 0;
  rmdir (alias->target);
}

/* Writes the file at the path of ALIAS.  */
static int
write_file (struct eva__io_alias *alias) {
  char old[sizeof alias->target];
  struct stat st;
  int rc = eva__io_redirect_find (alias->path, old, sizeof old);

  if (rc < 0) return -1;
  if (rc > 0) unlink (alias->path);
  if (eva__io_redirect_write (alias->path, alias->target) < 0)
    return errno == EEXIST ? eva__io_fail (EADDRINUSE) : -1;
  if (lstat (alias->path, &st) < 0) return -1;
  alias->dev = st.st_dev;
  alias->ino = st.st_ino;
  return 0;
}

struct eva__io_alias *
eva__io_alias_new (const char *path) {
  size_t len = strlen (path);
  struct eva__io_alias *alias = calloc (1, sizeof *alias + len + 1);
  int saved;

  if (!alias) return NULL;
  memcpy (alias->path, path, len);
  alias->process = eva__io_this_process ();
  if (!make_directory (alias->target, sizeof alias->target)) {
    if (!write_file (alias)) return alias;
    saved = errno;
    remove_directory (alias);
    errno = saved;
  }
  saved = errno;
  free (alias);
  errno = saved;
  return NULL;
}

enum eva__io_sockfile_state
eva__io_alias_look (const struct eva__io_alias *alias) {
  struct stat st;

  if (lstat (alias->path, &st) < 0)
    return errno == ENOENT || errno == ENOTDIR ? EVA__IO_SOCKFILE_GONE : EVA__IO_SOCKFILE_STANDS;
  return st.st_dev == alias->dev && st.st_ino == alias->ino ? EVA__IO_SOCKFILE_STANDS
                                                            : EVA__IO_SOCKFILE_REPLACED;
}

void
eva__io_alias_free (struct eva__io_alias *alias) {
  int saved = errno;

  if (alias && alias->process == eva__io_this_process ()) {
    if (eva__io_alias_look (alias) == EVA__IO_SOCKFILE_STANDS) unlink (alias->path);
    remove_directory (alias);
  }
  free (alias);
  errno = saved;
}
