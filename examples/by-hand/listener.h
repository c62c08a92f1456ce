/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* listener.h - a listening Unix domain socket in the file system, for one user.  */

#ifndef EXAMPLES_BY_HAND_LISTENER_H
#define EXAMPLES_BY_HAND_LISTENER_H

#include <sys/stat.h>
#include <sys/un.h>

struct listener {
  int fd; /* non-blocking; -1 if there is none */
  struct sockaddr_un address;
  dev_t device; /* with `inode`: the socket file that we made */
  ino_t inode;
};

/* Listens at PATH.  A socket file that a dead server left there is replaced; a server that is
   alive, and a file that is no socket, are left alone.  Returns 0, or -1 after a message on
   standard error.  */
int listener_open (struct listener *listener, const char *path);

/* Closes the socket and removes its file, unless another one stands in its place.  */
void listener_close (struct listener *listener);

#endif /* EXAMPLES_BY_HAND_LISTENER_H */
