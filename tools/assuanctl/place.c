/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* place.c - a socket of our own at which clients arrive.  */

#include "place.h"
#include "message.h"
#include "text.h"
#include "wait.h"

#include <assuan.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

struct place {
  int fd;
  eva_source *source;
  char *dir;  /* that was made for it, or NULL */
  char *path; /* NULL: an abstract socket */
  place_cb cb;
  void *arg;
};

/* --- Clients ---------------------------------------------------------------------------------- */

static void
on_ready (void *arg, unsigned int revents) {
  struct place *place = arg;
  struct ucred peer = { .pid = 0, .uid = (uid_t) -1 };
  socklen_t len = sizeof peer;
  int fd = accept4 (place->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

  (void) revents;
  if (fd < 0) return;
  getsockopt (fd, SOL_SOCKET, SO_PEERCRED, &peer, &len);
  place->cb (place->arg, fd, peer.pid, peer.uid);
}

/* --- Listening -------------------------------------------------------------------------------- */

/* Returns the length for bind, or 0 if NAME, a path or `@NAME`, is too long.  */
static socklen_t
fill (struct sockaddr_un *un, const char *name) {
  size_t len = strlen (name);

  *un = (struct sockaddr_un) { .sun_family = AF_UNIX };
  if (len >= sizeof un->sun_path) return 0;
  memcpy (un->sun_path, name, len);
  if (*name == '@') un->sun_path[0] = 0;
  return (socklen_t) (offsetof (struct sockaddr_un, sun_path) + len + (*name == '@' ? 0 : 1));
}

/* A socket that its server left behind is in the way.  */
static bool
is_left_behind (const struct sockaddr_un *un, socklen_t len) {
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  bool is_so = fd >= 0 && connect (fd, (const struct sockaddr *) un, len) && errno == ECONNREFUSED;

  if (fd >= 0) close (fd);
  return is_so;
}

/* Only our own user may connect from the first moment on.  */
static int
bind_private (int fd, const struct sockaddr_un *un, socklen_t len) {
  mode_t before = umask (0177);
  int rc = bind (fd, (const struct sockaddr *) un, len);

  if (rc && errno == EADDRINUSE && *un->sun_path && is_left_behind (un, len)
      && !unlink (un->sun_path))
    rc = bind (fd, (const struct sockaddr *) un, len);
  umask (before);
  return rc;
}

static enum status
listen_at (struct place *place, const char *name) {
  struct sockaddr_un un;
  socklen_t len = fill (&un, name);

  errno = ENAMETOOLONG;
  place->fd = len ? socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0) : -1;
  if (place->fd >= 0 && !bind_private (place->fd, &un, len)) {
    if (*name != '@') place->path = text_dup (name);
    if (!listen (place->fd, SOMAXCONN))
      place->source = eva_loop_add_fd (wait_loop (), place->fd, EVA_READABLE, on_ready, place);
  }
  if (place->source) return STATUS_OK;
  return message_fail (STATUS_LOCAL, "%s: cannot listen: %s", name, strerror (errno));
}

static struct place *
new_place (place_cb cb, void *arg) {
  struct place *place = text_alloc (sizeof *place);

  *place = (struct place) { .fd = -1, .cb = cb, .arg = arg };
  return place;
}

enum status
place_new (const struct address *address, place_cb cb, void *arg, struct place **ret) {
  const char *name = text_skip (address->eva, "unix:");
  struct place *place;
  enum status status;

  if (!name)
    return message_fail (STATUS_USAGE, "%s: this subcommand listens at a Unix socket alone",
                         address->text);
  place = new_place (cb, arg);
  status = listen_at (place, name);
  if (status)
    place_free (place);
  else
    *ret = place;
  return status;
}

enum status
place_new_private (place_cb cb, void *arg, struct place **ret) {
  struct place *place = new_place (cb, arg);
  const char *parent = getenv ("XDG_RUNTIME_DIR");
  char *path;
  enum status status;

  place->dir = text_format ("%s/assuanctl-XXXXXX", parent && *parent ? parent : "/tmp");
  if (!mkdtemp (place->dir)) {
    status = message_fail (STATUS_LOCAL, "%s: %s", place->dir, strerror (errno));
    free (place->dir);
    place->dir = NULL;
  } else {
    path = text_format ("%s/S", place->dir);
    status = listen_at (place, path);
    free (path);
  }
  if (status)
    place_free (place);
  else
    *ret = place;
  return status;
}

const char *
place_get_path (const struct place *place) {
  return place->path;
}

void
place_hide (struct place *place) {
  if (place->path) unlink (place->path);
  if (place->dir) rmdir (place->dir);
  free (place->path);
  free (place->dir);
  place->path = place->dir = NULL;
}

void
place_free (struct place *place) {
  if (!place) return;
  eva_source_free (place->source);
  if (place->fd >= 0) close (place->fd);
  place_hide (place);
  free (place);
}

/* --- The server's ----------------------------------------------------------------------------- */

enum status
place_of_server (const struct address *address, char **ret_path) {
  const char *path = text_skip (address->eva, "unix:");
  struct sockaddr_un un = { .sun_family = AF_UNIX };
  int is_redirected = 0;

  if (!path) path = text_skip (address->eva, "file://");
  if (!path || *path == '@')
    return message_fail (STATUS_LOCAL,
                         "%s: only the file of a socket can be replaced for a program; watch with "
                         "--listen or --stdio",
                         address->text);
  if (assuan_sock_set_sockaddr_un (path, (struct sockaddr *) &un, &is_redirected))
    return message_fail (STATUS_LOCAL, "%s: %s", address->text, strerror (errno));
  *ret_path = text_dup (un.sun_path);
  return STATUS_OK;
}
