/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* place.c - a socket of our own at which clients arrive.  */

#include "place.h"
#include "directory.h"
#include "listening.h"
#include "message.h"
#include "text.h"
#include "wait.h"

#include <errno.h>
#include <assuan.h>
#include <eva.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

struct place {
  eva_server *server;
  char *dir; /* that was made for it, or NULL */
  place_cb cb;
  void *arg;
};

/* The library lets our own user and root in, and no other.  */
static gpg_error_t
take (void *userdata, int fd) {
  struct place *place = userdata;
  struct ucred peer = { .pid = 0 };
  socklen_t len = sizeof peer;

  getsockopt (fd, SOL_SOCKET, SO_PEERCRED, &peer, &len);
  place->cb (place->arg, fd, peer.pid);
  return 0;
}

static enum status
listen_at (struct place *place, const struct address *address) {
  static const struct eva_service service = { .take = take };
  gpg_error_t err = eva_server_new (wait_loop (), &service, place, &place->server);

  if (!err) err = eva_server_listen (place->server, address->eva, EVA_LISTEN_FDPASSING);
  return err ? listening_fail (address, err) : STATUS_OK;
}

/* Takes DIR, which may be NULL.  */
static enum status
new_place (const struct address *address, char *dir, place_cb cb, void *arg, struct place **ret) {
  struct place *place = text_alloc (sizeof *place);
  enum status status;

  *place = (struct place) { .dir = dir, .cb = cb, .arg = arg };
  status = listen_at (place, address);
  if (status)
    place_free (place);
  else
    *ret = place;
  return status;
}

enum status
place_new (const struct address *address, place_cb cb, void *arg, struct place **ret) {
  if (address->kind == ADDRESS_UNIX) return new_place (address, NULL, cb, arg, ret);
  return message_fail (STATUS_USAGE, "%s: this subcommand listens at a Unix socket alone",
                       address->text);
}

enum status
place_new_private (place_cb cb, void *arg, struct place **ret) {
  struct address address = { .kind = ADDRESS_UNIX };
  char *dir = directory_make ();
  enum status status;

  if (!dir) return message_fail (STATUS_LOCAL, "cannot make a directory: %s", strerror (errno));
  address.text = text_format ("%s/S", dir);
  address.eva = text_format ("unix:%s", address.text);
  status = new_place (&address, dir, cb, arg, ret);
  address_deinit (&address);
  return status;
}

const char *
place_get_address (const struct place *place) {
  return eva_server_get_address (place->server, 0);
}

const char *
place_get_path (const struct place *place) {
  return text_skip (place_get_address (place), "unix:");
}

void
place_hide (struct place *place) {
  directory_remove (place->dir);
  place->dir = NULL;
}

void
place_free (struct place *place) {
  if (!place) return;
  eva_server_free (place->server);
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
  if (!path || *path == '@' || address->kind == ADDRESS_SSH)
    return message_fail (STATUS_LOCAL,
                         "%s: only the file of a socket can be replaced for a program; watch with "
                         "--listen or --stdio",
                         address->text);
  if (assuan_sock_set_sockaddr_un (path, (struct sockaddr *) &un, &is_redirected))
    return message_fail (STATUS_LOCAL, "%s: %s", address->text, strerror (errno));
  *ret_path = text_dup (un.sun_path);
  return STATUS_OK;
}
