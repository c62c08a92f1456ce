/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* listen.c - how clients come to a server: it listens, or the program gives it their
   descriptors.  */

#include "assuan/accept.h"
#include "io/activation.h"
#include "io/explain.h"
#include "io/peer.h"
#include "server/acceptor.h"
#include "server/end.h"
#include "server/lost.h"
#include "server/session.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define KNOWN_FLAGS (EVA_LISTEN_FDPASSING | EVA_LISTEN_ANY_ADDRESS | EVA_LISTEN_TAKE_OVER)

/* The system's reason.  */
static gpg_error_t
syserror (const eva_server *server) {
  return eva__server_error (server, gpg_err_code_from_syserror ());
}

/* Notes what the program did wrong.  */
static gpg_error_t
blame (eva_server *server, gpg_err_code_t code, const char *fault) {
  server->fault = fault;
  return eva__server_error (server, code);
}

static gpg_error_t
blame_users (eva_server *server) {
  return blame (server, GPG_ERR_EACCES,
                "the kernel does not tell who the peers of TCP are; let every user in "
                "(eva_server_allow_uid, EVA_ANY_UID), or take a Unix socket");
}

static gpg_error_t
blame_address (eva_server *server) {
  return blame (server, GPG_ERR_EACCES,
                "other hosts reach this address; take a loopback address, or let them in "
                "(EVA_LISTEN_ANY_ADDRESS)");
}

static gpg_error_t
blame_drain (eva_server *server) {
  return blame (server, GPG_ERR_ASS_GENERAL, "the server is draining");
}

/* --- Listening -------------------------------------------------------------------------------- */

/* Returns 0 if the clients of LISTENER may come in at all.  The kernel does not tell which user a
   peer of TCP belongs to, and every user of the machine reaches loopback.  So the program has to
   ask for both: that every user may come in, and that clients may come from elsewhere.  */
static gpg_error_t
check_allowed (eva_server *server, const struct eva__io_listener *listener, unsigned int flags) {
  if (listener->is_unix) return 0;
  if (!eva__users_may_enter (&server->users, EVA_ANY_UID, false)) return blame_users (server);
  if (listener->is_loopback || (flags & EVA_LISTEN_ANY_ADDRESS)) return 0;
  return blame_address (server);
}

/* Makes LISTENER an acceptor, or closes it.  */
static gpg_error_t
add_listener (eva_server *server, struct eva__io_listener *listener, unsigned int flags) {
  gpg_error_t err = check_allowed (server, listener, flags);

  if (!err) err = eva__acceptor_new (server, listener, flags);
  if (err)
    eva__io_listener_close (listener);
  else
    eva__lost_update (server);
  return err;
}

/* FD is a socket that listens, or one that is connected: programs that start servers on demand pass
   the one or the other.  It stays the caller's.  */
static gpg_error_t
listen_on_fd (eva_server *server, int fd, unsigned int flags) {
  struct eva__io_listener listener;
  gpg_error_t err;
  int copy;

  if (!eva__io_listener_take (fd, &listener)) return add_listener (server, &listener, flags);
  if (errno != EINVAL) return syserror (server);
  copy = fcntl (fd, F_DUPFD_CLOEXEC, 3);
  if (copy < 0) return syserror (server);
  err = eva_server_adopt (server, copy, flags, NULL);
  if (err) close (copy);
  return err;
}

/* Listens on all sockets that systemd passed under NAME, or on all that it passed.  The service
   sees the clients of connected ones, and may drain the server, or free it: then the rest
   stays.  */
static gpg_error_t
listen_on_activated (eva_server *server, const char *name, unsigned int flags) {
  int fd = EVA__IO_ACTIVATION_START;
  gpg_error_t err = 0;
  bool found = false;

  eva__server_ref (server);
  while (!err && (fd = eva__io_activation_next (name, fd)) >= 0) {
    found = true;
    err = server->is_draining ? blame_drain (server) : listen_on_fd (server, fd, flags);
  }
  if (!err && (!found || errno != ENOENT)) err = syserror (server);
  eva__server_unref (server);
  return err;
}

/* Checks for loopback before the socket exists: no client may get in meanwhile.  */
static gpg_error_t
listen_on_socket (eva_server *server, const struct eva__io_endpoint *endpoint, unsigned int flags) {
  struct eva__io_listener listener = { .is_unix = endpoint->kind == EVA__IO_ENDPOINT_UNIX,
                                       .is_loopback = endpoint->is_loopback };
  gpg_error_t err = check_allowed (server, &listener, flags);

  if (err) return err;
  if (eva__io_listener_open (endpoint, flags & EVA_LISTEN_TAKE_OVER, &listener))
    return syserror (server);
  return add_listener (server, &listener, flags);
}

static gpg_error_t
listen_at_path (eva_server *server, const char *path, unsigned int flags) {
  struct eva__io_listener listener;

  if (eva__io_listener_open_path (path, flags & EVA_LISTEN_TAKE_OVER, &listener))
    return syserror (server);
  return add_listener (server, &listener, flags);
}

static gpg_error_t
listen_on (eva_server *server, const char *address, unsigned int flags) {
  struct eva__io_endpoint endpoint;

  if (server->is_draining) return blame_drain (server);
  if (!strncmp (address, "unix:/", 6)) return listen_at_path (server, address + 5, flags);
  if (eva__io_endpoint_parse (address, &endpoint))
    return errno == EINVAL ? eva__server_error (server, GPG_ERR_INV_ARG) : syserror (server);
  switch (endpoint.kind) {
  case EVA__IO_ENDPOINT_FD:
    return listen_on_fd (server, endpoint.fd, flags);
  case EVA__IO_ENDPOINT_SYSTEMD:
    return listen_on_activated (server, endpoint.name, flags);
  case EVA__IO_ENDPOINT_EXEC:
  case EVA__IO_ENDPOINT_SSH:
    return eva__server_error (server, GPG_ERR_INV_ARG);
  default:
    if (endpoint.is_for_clients) return eva__server_error (server, GPG_ERR_INV_ARG);
    return listen_on_socket (server, &endpoint, flags);
  }
}

/* Returns the sentence for ERR, or NULL without memory.  */
static char *
explain (const eva_server *server, const char *address, gpg_error_t err) {
  int error = gpg_err_code_to_errno (gpg_err_code (err));
  char text[100];

  if (server->fault) return eva__io_explain_as (EVA__IO_LISTEN, address, server->fault);
  if (gpg_err_code (err) == GPG_ERR_INV_ARG) error = EINVAL;
  if (error) return eva__io_explain (EVA__IO_LISTEN, address, NULL, error);
  gpg_strerror_r (err, text, sizeof text);
  return eva__io_explain_as (EVA__IO_LISTEN, address, text);
}

gpg_error_t
eva_server_listen (eva_server *server, const char *address, unsigned int flags) {
  gpg_error_t err;

  if (server) eva__loop_take_failure (server->loop, NULL);
  if (!server || !address || flags & ~KNOWN_FLAGS)
    return eva__server_error (server, GPG_ERR_ASS_INV_VALUE);
  server->fault = NULL;
  eva__server_ref (server); /* the open function of a connected one may free it */
  err = listen_on (server, address, flags);
  eva__loop_take_failure (server->loop, err ? explain (server, address, err) : NULL);
  eva__server_unref (server);
  return err;
}

static struct eva__acceptor *
find_acceptor (eva_server *server, size_t index) {
  struct eva__acceptor *acceptor = server ? server->acceptors : NULL;

  while (acceptor && index--)
    acceptor = acceptor->next;
  return acceptor;
}

const char *
eva_server_get_address (eva_server *server, size_t index) {
  struct eva__acceptor *acceptor = find_acceptor (server, index);

  return acceptor ? acceptor->address : NULL;
}

int
eva_server_get_fd (eva_server *server, size_t index) {
  struct eva__acceptor *acceptor = find_acceptor (server, index);

  return acceptor ? acceptor->listener.fd : ASSUAN_INVALID_FD;
}

gpg_error_t
eva_server_hand_over (eva_server *server, size_t index, int *ret_fd) {
  struct eva__acceptor *acceptor = find_acceptor (server, index);
  int fd;

  if (!acceptor || !ret_fd) return eva__server_error (server, GPG_ERR_ASS_INV_VALUE);
  fd = fcntl (acceptor->listener.fd, F_DUPFD_CLOEXEC, 3);
  if (fd < 0) return syserror (server);
  eva__io_listener_share (&acceptor->listener);
  *ret_fd = fd;
  return 0;
}

/* --- Adopting --------------------------------------------------------------------------------- */

/* Returns 0 if the user of INCOMING may come in, and there is room.  IS_FAR: it is one of those
   that may only come with EVA_LISTEN_ANY_ADDRESS.  */
static gpg_error_t
check_incoming (eva_server *server, const struct eva__incoming *incoming, bool is_far) {
  gpg_error_t err;

  if (is_far) return blame_address (server);
  err = eva__session_check (server, incoming);
  if (gpg_err_code (err) != GPG_ERR_EACCES) return err;
  if (!incoming->is_unix) return blame_users (server);
  return blame (server, GPG_ERR_EACCES,
                "the user of this client may not come in "
                "(eva_server_allow_uid)");
}

static gpg_error_t
adopt (eva_server *server, const struct eva__incoming *incoming, bool is_far,
       assuan_context_t *ret_ctx) {
  gpg_error_t err = check_incoming (server, incoming, is_far);

  if (!err && server->is_draining) err = eva__server_error (server, GPG_ERR_LIMIT_REACHED);
  eva__server_ref (server); /* the open function may free it */
  if (!err) err = eva__session_new (server, incoming, ret_ctx);
  if (err) eva__session_refused (server, incoming, NULL, err);
  eva__server_unref (server);
  return err;
}

/* Finds out what socket FD is.  Returns false with errno if it is not a stream socket.  */
static bool
examine (int fd, bool *ret_is_unix) {
  socklen_t len = sizeof (int);
  int domain, type;

  if (getsockopt (fd, SOL_SOCKET, SO_TYPE, &type, &len)) return false;
  if (getsockopt (fd, SOL_SOCKET, SO_DOMAIN, &domain, &len)) return false;
  errno = EPROTOTYPE;
  *ret_is_unix = domain == AF_UNIX;
  return type == SOCK_STREAM;
}

gpg_error_t
eva_server_adopt (eva_server *server, int fd, unsigned int flags, assuan_context_t *ret_ctx) {
  struct eva__incoming incoming = { .in_fd = fd, .out_fd = fd, .flags = flags };
  bool is_far;

  if (!server || flags & ~KNOWN_FLAGS) return eva__server_error (server, GPG_ERR_ASS_INV_VALUE);
  if (!examine (fd, &incoming.is_unix)) return syserror (server);
  if (incoming.is_unix) incoming.is_known = !eva__io_peer_credentials (fd, &incoming.peer);
  is_far = !incoming.is_unix && !(flags & EVA_LISTEN_ANY_ADDRESS) && !eva__io_endpoint_is_near (fd);
  return adopt (server, &incoming, is_far, ret_ctx);
}

/* A client of libassuan may have passed a socket pair instead of the two pipes, and says so in the
   environment; descriptors can be passed only there.  */
gpg_error_t
eva_server_adopt_pipe (eva_server *server, int in_fd, int out_fd, assuan_context_t *ret_ctx) {
  struct eva__incoming incoming = { .in_fd = in_fd, .out_fd = out_fd, .is_pipe = true };
  assuan_fd_t fd = eva__ctx_inherited_socket (&incoming.peer.pid);

  if (!server) return eva__server_error (NULL, GPG_ERR_ASS_INV_VALUE);
  if (fd != ASSUAN_INVALID_FD) {
    incoming.in_fd = incoming.out_fd = fd;
    incoming.flags = EVA_LISTEN_FDPASSING;
    if (!examine (fd, &incoming.is_unix)) return syserror (server);
  } else if (fcntl (in_fd, F_GETFD) < 0 || fcntl (out_fd, F_GETFD) < 0) {
    return syserror (server);
  }
  return adopt (server, &incoming, false, ret_ctx);
}
