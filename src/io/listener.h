/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* listener.h - a socket that servers accept their clients from.  */

#ifndef EVA__IO_LISTENER_H
#define EVA__IO_LISTENER_H

#include "io/alias.h"

#include <stdbool.h>

struct eva__io_listener {
  int fd;           /* -1: closed */
  bool is_unix;     /* else of the internet */
  bool is_loopback; /* of the internet, and reached from this host only */
  bool is_taken;    /* others have the socket, too: it goes on without this one */
  struct eva__io_sockfile file;
  struct eva__io_alias *alias; /* of a path that is too long for the socket; or NULL */
};

/* The initializer of a listener that eva__io_listener_close has nothing to do with.  */
#define EVA__IO_LISTENER_NONE { .fd = -1 }

/* Listens on ENDPOINT, of kind UNIX, INTERNET, or FD as eva__io_listener_take.  The socket is
   non-blocking and close-on-exec.  It replaces the file of a stale socket: if several servers try
   that at the same time, one wins.  TAKES_OVER: it replaces that of a live one, too.
   Returns 0 and RET, or -1 with errno: EINVAL for an endpoint that cannot be listened on; what
   eva__io_sockfile_listen, eva__io_listener_take or the system gives.  */
int eva__io_listener_open (const struct eva__io_endpoint *endpoint, bool takes_over,
                           struct eva__io_listener *ret);

/* The same for the absolute PATH, TAKES_OVER as well.  If a redirection file stands there, listens
   where that leads to.  Else a PATH that is too long for the address of a socket gets an alias, at
   which clients that follow redirections find the socket.
   Returns 0 and RET, or -1 with errno as eva__io_listener_open, eva__io_redirect_find and
   eva__io_alias_new.  */
int eva__io_listener_open_path (const char *path, bool takes_over, struct eva__io_listener *ret);

/* Returns what became of the file of LISTENER, which has one, and of its alias.  */
enum eva__io_sockfile_state eva__io_listener_look (const struct eva__io_listener *listener);

/* Removes the file of LISTENER, and its alias, if they still are those that were made.  A
   successor's socket goes on with the alias of its predecessor.  */
void eva__io_listener_leave (struct eva__io_listener *listener);

/* Listens on a copy of FD, a listening stream socket, which stays the caller's.  The copy becomes
   non-blocking and FD with it, because that belongs to the socket.  The file of the socket, if it
   has one, is left alone.
   Returns 0 and RET, or -1 with errno: EBADF; ENOTSOCK; EPROTOTYPE for another type of socket;
   EAFNOSUPPORT for another family than Unix and internet; EINVAL if FD is a stream socket, but does
   not listen: it may be a connection; EMFILE.  */
int eva__io_listener_take (int fd, struct eva__io_listener *ret);

/* Removes the file of LISTENER if it is still the one that was made, and closes.  In a child of the
   process that made it, removes it only if no process listens there any more: the parent, or
   another child of it, may.  Does nothing the second time.  Keeps errno.  */
void eva__io_listener_close (struct eva__io_listener *listener);

/* Leaves the socket, and its file, to others that have it, too, when LISTENER is closed.  */
static inline void
eva__io_listener_share (struct eva__io_listener *listener) {
  listener->is_taken = true;
  *listener->file.path = 0;
  if (listener->alias) eva__io_private_leave (&listener->alias->target);
}

/* Only closes: another process goes on with the socket.  */
void eva__io_listener_drop (struct eva__io_listener *listener);

/* Accepts a client: a connected socket, non-blocking, close-on-exec, without Nagle's delay.
   Returns it, or -1 with errno: EAGAIN if no client waits, or those that waited have left; EMFILE,
   ENFILE, ENOBUFS, ENOMEM if the client is there and the system has no room for it; or what else
   the system gives.  */
int eva__io_listener_accept (const struct eva__io_listener *listener);

#endif /* EVA__IO_LISTENER_H */
