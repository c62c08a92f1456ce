/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* place.h - a socket of our own at which clients arrive, for subcommands that only pass on what
   clients say: the socket itself speaks no word of the protocol.  */

#ifndef ASSUANCTL_PLACE_H
#define ASSUANCTL_PLACE_H

#include "address.h"
#include "status.h"

#include <sys/types.h>

struct place;

/* A client came by FD, not blocking, which is the callback's; PID is what the kernel tells.  */
typedef void (*place_cb) (void *arg, int fd, pid_t pid);

/* Listens on ADDRESS, of a Unix socket, which only we and root may reach; the file of a socket that
   no process listens at any more is replaced.  */
enum status place_new (const struct address *address, place_cb cb, void *arg, struct place **ret);

/* Listens in a directory that is made for it.  */
enum status place_new_private (place_cb cb, void *arg, struct place **ret);

/* Its address, and the path in that.  */
const char *place_get_address (const struct place *place);
const char *place_get_path (const struct place *place);

/* Removes the socket's file and its directory now: clients reach the socket by another name.  */
void place_hide (struct place *place);

/* Removes the socket's file.  NULL is allowed.  */
void place_free (struct place *place);

/* Stores the path of the socket of the server at ADDRESS, which is resolved, at RET_PATH, to be
   freed; if the file there redirects, that of the socket it names.  STATUS_LOCAL if it has
   none.  */
enum status place_of_server (const struct address *address, char **ret_path);

#endif /* ASSUANCTL_PLACE_H */
