/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* alias.c - a redirection file of ours, at a path that is too long for a socket.

   The address of a socket has room for 107 octets of path, and the home directories of some users
   leave no room for more.  So GnuPG's programs put a file there that names the socket
   (io/redirect.h).  The socket stands in a directory of its own (io/private.h).

   Several servers may want one path, and one may come while another one leaves.  So each changes
   the file under a lock on its directory, after a look at what stands there:

   * a server that comes makes its socket first, then the file, under another name, and renames
     that: whatever names a socket there listens
   * a server that leaves removes the file first, then its socket
   * a server that makes its socket where the file leads to, in the place of a predecessor, looks at
     the file again after that: the predecessor may have removed it meanwhile

   The file is known by what it says: numbers of inodes are given to other files.  */

#include "io/alias.h"

#include "io/directory.h"
#include "io/fail.h"
#include "io/process.h"
#include "io/redirect.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define DIR_NAME "evassuan"

/* How many names are tried for a file: others are left by servers that crashed.  */
#define NAME_TRIES 16

static struct eva__io_alias *
new_alias (const char *path) {
  size_t len = strlen (path);
  struct eva__io_alias *alias = calloc (1, sizeof *alias + len + 1);

  if (alias) memcpy (alias->path, path, len);
  return alias;
}

struct eva__io_alias *
eva__io_alias_new (const char *path) {
  struct eva__io_alias *alias = new_alias (path);
  const char *base = getenv ("XDG_RUNTIME_DIR");

  if (!alias) return NULL;
  if (!base || *base != '/') base = "/tmp";
  if (!eva__io_private_make (&alias->target, base, DIR_NAME)) return alias;
  eva__io_alias_free (alias);
  return NULL;
}

/* --- Coming ----------------------------------------------------------------------------------- */

/* Writes the file of ALIAS under a name beside it that is free, which is stored at ASIDE of SIZE
   octets.  */
static int
write_aside (const struct eva__io_alias *alias, char *aside, size_t size) {
  int dir_len = (int) (strrchr (alias->path, '/') - alias->path);
  struct timespec now;

  clock_gettime (CLOCK_REALTIME, &now);
  for (unsigned int i = 0; i < NAME_TRIES; i++) {
    snprintf (aside, size, "%.*s/.%08x", dir_len, alias->path,
              (unsigned int) now.tv_nsec * NAME_TRIES + i);
    if (!eva__io_redirect_write (aside, alias->target.path)) return 0;
    if (errno != EEXIST) return -1;
  }
  return -1;
}

static int
put_file (const struct eva__io_alias *alias) {
  size_t size = strlen (alias->path) + sizeof "/.12345678";
  char *aside = malloc (size);
  int rc, saved;

  if (!aside) return -1;
  rc = write_aside (alias, aside, size);
  saved = errno;
  if (!rc && (rc = rename (aside, alias->path))) {
    saved = errno;
    unlink (aside);
  }
  free (aside);
  errno = saved;
  return rc;
}

/* Returns 0 if no other server has the path of ALIAS, or -1 with errno.  */
static int
check_path (const struct eva__io_alias *alias) {
  char old[sizeof alias->target.path];
  int rc = eva__io_redirect_find (alias->path, old, sizeof old);
  struct stat st;

  if (rc < 0) return -1;
  if (rc) return lstat (old, &st) ? 0 : eva__io_fail (ESTALE);
  return lstat (alias->path, &st) ? 0 : eva__io_fail (EADDRINUSE);
}

int
eva__io_alias_publish (const struct eva__io_alias *alias) {
  int lock = eva__io_directory_lock (alias->path), rc;

  if (lock < 0 && (errno == ENOENT || errno == ENOTDIR)) return -1;
  rc = check_path (alias);
  if (!rc) rc = put_file (alias);
  eva__io_directory_unlock (lock);
  return rc;
}

int
eva__io_alias_adopt (const char *path, const char *target, struct eva__io_alias **ret_alias) {
  struct eva__io_private private = { .path = "" };
  struct eva__io_alias *alias = NULL;

  if (eva__io_private_adopt (&private, target, DIR_NAME)) {
    alias = new_alias (path);
    if (!alias) return -1;
    alias->target = private;
  }
  *ret_alias = alias;
  return 0;
}

/* --- Afterwards ------------------------------------------------------------------------------- */

/* Returns 1 if the file of ALIAS leads to its socket, 0 if not, and -1 if this process has no
   descriptor or memory to read it.  */
static int
leads_here (const struct eva__io_alias *alias) {
  char target[sizeof alias->target.path];
  int rc;

  errno = 0;
  rc = eva__io_redirect_find (alias->path, target, sizeof target);
  if (rc > 0) return !strcmp (target, alias->target.path);
  return errno == EMFILE || errno == ENFILE || errno == ENOMEM ? -1 : 0;
}

enum eva__io_sockfile_state
eva__io_alias_look (const struct eva__io_alias *alias) {
  struct stat st;

  if (lstat (alias->path, &st) < 0)
    return errno == ENOENT || errno == ENOTDIR ? EVA__IO_SOCKFILE_GONE : EVA__IO_SOCKFILE_STANDS;
  return leads_here (alias) ? EVA__IO_SOCKFILE_STANDS : EVA__IO_SOCKFILE_REPLACED;
}

int
eva__io_alias_confirm (const struct eva__io_alias *alias) {
  int lock = eva__io_directory_lock (alias->path);
  bool leads_elsewhere = !leads_here (alias);

  eva__io_directory_unlock (lock);
  return leads_elsewhere ? eva__io_fail (ESTALE) : 0;
}

void
eva__io_alias_withdraw (struct eva__io_alias *alias, const struct eva__io_sockfile *file) {
  int saved = errno, lock = -1;

  if (alias->target.process != eva__io_this_process ()) return;
  if (leads_here (alias) > 0) {
    lock = eva__io_directory_lock (alias->path);
    if (eva__io_sockfile_look (file) == EVA__IO_SOCKFILE_REPLACED)
      eva__io_private_leave (&alias->target);
    else if (leads_here (alias) > 0)
      unlink (alias->path);
  }
  eva__io_directory_unlock (lock);
  errno = saved;
}

void
eva__io_alias_clear (struct eva__io_alias *alias, const struct eva__io_sockfile *file) {
  struct eva__io_private *target = &alias->target;
  struct stat st;

  if (target->process == eva__io_this_process () || !*target->path) return;
  if (!lstat (target->path, &st) || errno != ENOENT) return;
  target->process = eva__io_this_process ();
  eva__io_alias_withdraw (alias, file);
}

void
eva__io_alias_free (struct eva__io_alias *alias) {
  int saved = errno;

  if (alias) eva__io_private_remove (&alias->target);
  free (alias);
  errno = saved;
}
