/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* redirect.c - files that stand where a socket should be and name the real one.

   A file that does not look like a redirection in every octet is none, and the path is used as it
   is; only a redirection that cannot be followed is an error.  Any user may have written the file:
   its length, and everything that variables put in, are checked against the room that there is.  */

#include "io/redirect.h"

#include "io/fail.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC     "%Assuan%\nsocket="
#define MAGIC_LEN (sizeof MAGIC - 1)

/* The name as far as it is known; there is always room for its NUL.  */
struct name {
  char *(*lookup) (const char *); /* gives the value of a variable */
  char *text;
  size_t len, size;
};

static int
add (struct name *name, const char *octets, size_t len) {
  if (len >= name->size - name->len) {
    errno = ENAMETOOLONG;
    return -1;
  }
  memcpy (name->text + name->len, octets, len);
  name->len += len;
  name->text[name->len] = 0;
  return 0;
}

/* Adds the value of the variable that is named by the LEN octets at TEXT.  */
static int
add_variable (struct name *name, const char *text, size_t len) {
  char variable[EVA__IO_REDIRECT_MAX + 1];
  const char *value;

  memcpy (variable, text, len);
  variable[len] = 0;
  value = name->lookup (variable);
  return value ? add (name, value, strlen (value)) : 0;
}

/* Adds the LEN octets at TEXT with variables replaced.  */
static int
expand (struct name *name, const char *text, size_t len) {
  const char *end = text + len;

  while (text < end) {
    const char *close;
    if (end - text < 2 || text[0] != '$' || text[1] != '{') {
      if (add (name, text++, 1) < 0) return -1;
      continue;
    }
    text += 2;
    close = memchr (text, '}', (size_t) (end - text));
    if (!close) {
      errno = EINVAL;
      return -1;
    }
    if (add_variable (name, text, (size_t) (close - text)) < 0) return -1;
    text = close + 1;
  }
  return 0;
}

int
eva__io_redirect_parse (const char *text, size_t len, char *(*lookup) (const char *),
                        char *ret_name, size_t size) {
  struct name name = { .lookup = lookup, .text = ret_name, .size = size };

  if (len > EVA__IO_REDIRECT_MAX || len < MAGIC_LEN + 2 || memcmp (text, MAGIC, MAGIC_LEN) != 0)
    return 0;
  text += MAGIC_LEN;
  len -= MAGIC_LEN + 1;
  /* The one LF that is allowed is the last octet.  */
  if (text[len] != '\n' || memchr (text, '\n', len)) return 0;
  if (memchr (text, 0, len)) {
    errno = EINVAL;
    return -1;
  }
  if (expand (&name, text, len) < 0) return -1;
  if (!name.len) {
    errno = EINVAL;
    return -1;
  }
  return 1;
}

/* Reads the file FNAME into BUF of SIZE octets, and stores what it is at ST.  FLAGS O_NOFOLLOW: not
   through a symbolic link.  Returns the octets, or -1 if it is no regular file or cannot be read.
   The check comes before the open, which can do harm to a device, and again after it, because the
   file may be another one by then.  */
static ssize_t
read_file (const char *fname, int flags, char *buf, size_t size, struct stat *st) {
  size_t len = 0;
  ssize_t n = -1;
  int fd;

  if (stat (fname, st) < 0 || !S_ISREG (st->st_mode)) return -1;
  fd = open (fname, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | flags);
  if (fd < 0) return -1;
  if (!fstat (fd, st) && S_ISREG (st->st_mode)) {
    while (len < size && ((n = read (fd, buf + len, size - len)) > 0 || (n < 0 && errno == EINTR)))
      if (n > 0) len += (size_t) n;
  }
  close (fd);
  return n < 0 ? -1 : (ssize_t) len;
}

/* Stores the name of LEN octets in ADDR.  An abstract name begins with a NUL and has no other.  */
static int
set_path (struct sockaddr_un *addr, const char *name, bool is_abstract, socklen_t *ret_len) {
  size_t len = strlen (name);

  if (len >= sizeof addr->sun_path) {
    errno = ENAMETOOLONG;
    return -1;
  }
  memset (addr, 0, sizeof *addr);
  addr->sun_family = AF_UNIX;
  memcpy (addr->sun_path, name, len);
  if (is_abstract) addr->sun_path[0] = 0;
  *ret_len = (socklen_t) (offsetof (struct sockaddr_un, sun_path) + len + !is_abstract);
  return 0;
}

int
eva__io_redirect_address (const char *fname, bool allow_abstract, struct sockaddr_un *addr,
                          socklen_t *ret_len, int *ret_redirected) {
  /* One octet more than allowed, to see that there are more.  */
  char text[EVA__IO_REDIRECT_MAX + 1];
  char name[sizeof addr->sun_path];
  bool is_abstract = allow_abstract && *fname == '@';
  struct stat st;
  ssize_t len = -1;
  int rc = 0;

  if (ret_redirected) {
    if (!is_abstract) len = read_file (fname, 0, text, sizeof text, &st);
    if (len >= 0) rc = eva__io_redirect_parse (text, (size_t) len, getenv, name, sizeof name);
    *ret_redirected = rc != 0;
  }
  if (rc < 0) return -1;
  return set_path (addr, rc ? name : fname, !rc && is_abstract, ret_len);
}

/* Only root and this user may decide where this process listens.  */
static bool
is_trusted (const struct stat *st) {
  return (st->st_uid == geteuid () || !st->st_uid) && !(st->st_mode & 022);
}

int
eva__io_redirect_find (const char *fname, char *ret_name, size_t size) {
  char text[EVA__IO_REDIRECT_MAX + 1];
  struct stat st;
  ssize_t len = read_file (fname, O_NOFOLLOW, text, sizeof text, &st);
  int rc;

  if (len < 0) return 0;
  rc = eva__io_redirect_parse (text, (size_t) len, getenv, ret_name, size);
  if (!rc) return 0;
  if (!is_trusted (&st)) return eva__io_fail (EPERM);
  if (rc > 0 && *ret_name != '/') return eva__io_fail (EINVAL);
  return rc;
}

int
eva__io_redirect_write (const char *fname, const char *name) {
  char text[EVA__IO_REDIRECT_MAX + 1];
  int len = snprintf (text, sizeof text, "%s%s\n", MAGIC, name), fd;

  if (len < 0 || len >= (int) sizeof text) return eva__io_fail (ENAMETOOLONG);
  if (strpbrk (name, "$\n")) return eva__io_fail (EINVAL);
  fd = open (fname, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return -1;
  if (write (fd, text, (size_t) len) == len) return close (fd);
  close (fd);
  unlink (fname);
  return eva__io_fail (ENOSPC);
}
