/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* sock.c - assuan_sock_*: the socket wrappers, which daemons use without a context.

   They go through system hooks as well, of an internal context that assuan_sock_init makes; a
   program that forgets to call that gets the default functions.  Init, deinit, and setting hooks
   and flags are not thread-safe: a program does that before its second thread.  */

#include "assuan/defaults.h"
#include "assuan/generation.h"
#include "io/address.h"
#include "io/fail.h"
#include "io/redirect.h"
#include "io/socks.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>

static assuan_context_t sock_ctx; /* what hooks get, or NULL */
static struct eva__io_sys sock_sys;

/* Returns what to work with.  Before assuan_sock_init it makes that in LOCAL and does not keep it:
   several threads may come here for the first time together.  */
static const struct eva__io_sys *
get_sys (struct eva__io_sys *local) {
  if (sock_sys.hooks.version) return &sock_sys;
  eva__default_sys_init (local, NULL);
  return local;
}

gpg_error_t
assuan_sock_init (void) {
  gpg_error_t rc;

  if (sock_ctx) return 0;
  rc = assuan_new (&sock_ctx);
  if (!rc) eva__default_sys_init (&sock_sys, sock_ctx);
  return rc;
}

void
assuan_sock_deinit (void) {
  assuan_release (sock_ctx);
  sock_ctx = NULL;
  memset (&sock_sys, 0, sizeof sock_sys);
}

void
assuan_sock_set_system_hooks (assuan_system_hooks_t system_hooks) {
  eva__io_sys_init (&sock_sys, sock_ctx, system_hooks);
}

int
assuan_sock_close (assuan_fd_t fd) {
  struct eva__io_sys local;
  const struct eva__io_sys *sys = get_sys (&local);

  return sys->hooks.close (sys->ctx, fd);
}

assuan_fd_t
assuan_sock_new (int domain, int type, int proto) {
  struct eva__io_sys local;
  const struct eva__io_sys *sys = get_sys (&local);

  return sys->hooks.socket (sys->ctx, domain, type, proto);
}

/* Returns the proxy's port that flag NAME stands for, or 0.  */
static unsigned short
proxy_of_flag (const char *name) {
  if (!strcmp (name, "tor-mode")) return EVA__IO_SOCKS_TOR_PORT;
  if (!strcmp (name, "socks")) return EVA__IO_SOCKS_PORT;
  return 0;
}

/* Options of the kernel, of any socket.  */

static int
set_linger (assuan_fd_t fd, int seconds) {
  struct linger linger = { .l_onoff = seconds >= 0, .l_linger = seconds >= 0 ? seconds : 0 };

  return setsockopt (fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
}

static int
get_linger (assuan_fd_t fd, int *r_seconds) {
  struct linger linger;
  socklen_t len = sizeof linger;

  if (getsockopt (fd, SOL_SOCKET, SO_LINGER, &linger, &len) < 0) return -1;
  *r_seconds = linger.l_onoff ? linger.l_linger : -1;
  return 0;
}

static int
set_reuse (assuan_fd_t fd, int value) {
  int on = value != 0;

  return setsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
}

static int
get_reuse (assuan_fd_t fd, int *r_value) {
  int on;
  socklen_t len = sizeof on;

  if (getsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &on, &len) < 0) return -1;
  *r_value = on != 0;
  return 0;
}

/* The proxy modes are for the whole process and cannot be taken back: a connection that was meant
   to be anonymous must not go out openly because another part of the program decided otherwise.
   With a mode on, setting it for one socket changes nothing and is no error.  */
int
assuan_sock_set_flag (assuan_fd_t sockfd, const char *name, int value) {
  unsigned short port = proxy_of_flag (name), now = eva__io_address_get_proxy ();

  if (!strcmp (name, "cygwin")) return 0;
  if (!strcmp (name, "linger")) return set_linger (sockfd, value);
  if (!strcmp (name, "reuseaddr")) return set_reuse (sockfd, value);
  if (!port) return eva__io_fail (EINVAL);
  if (sockfd != ASSUAN_INVALID_FD) return now ? 0 : eva__io_fail (EINVAL);
  if (!value) return now ? eva__io_fail (EPERM) : 0;
  eva__io_address_set_proxy (port);
  return 0;
}

int
assuan_sock_get_flag (assuan_fd_t sockfd, const char *name, int *r_value) {
  unsigned short port = proxy_of_flag (name);

  if (!strcmp (name, "linger")) return get_linger (sockfd, r_value);
  if (!strcmp (name, "reuseaddr")) return get_reuse (sockfd, r_value);
  if (!port && strcmp (name, "cygwin") != 0) return eva__io_fail (EINVAL);
  *r_value = port && port == eva__io_address_get_proxy ();
  return 0;
}

int
assuan_sock_connect (assuan_fd_t sockfd, struct sockaddr *addr, socklen_t addrlen) {
  struct eva__io_sys local;

  if (addrlen > INT_MAX) return eva__io_fail (EINVAL); /* it was signed once */
  return eva__io_address_connect_fd (get_sys (&local), sockfd, addr, addrlen);
}

/* There is no hook for accept, so with any hooks only the clamp lets other threads run.  */
assuan_fd_t
assuan_sock_accept (assuan_fd_t sockfd, struct sockaddr *addr, socklen_t *p_addrlen) {
  struct eva__io_clamp clamp;
  assuan_fd_t fd;

  if (!eva__generation.clamps) return accept (sockfd, addr, p_addrlen);
  eva__io_clamp_begin (&clamp);
  fd = accept (sockfd, addr, p_addrlen);
  eva__io_clamp_end (&clamp);
  return fd;
}

assuan_fd_t
assuan_sock_connect_byname (const char *host, unsigned short port, int timeout,
                            const char *credentials, unsigned int flags) {
  struct eva__io_sys local;
  const struct eva__io_sys *sys = get_sys (&local);
  struct eva__io_socks_target target = { .host = host,
                                         .port = port,
                                         .credentials = credentials,
                                         .timeout_ms = eva__generation.has_timeout ? timeout : 0 };
  unsigned short proxy = flags & ASSUAN_SOCK_TOR ? EVA__IO_SOCKS_TOR_PORT : EVA__IO_SOCKS_PORT;
  assuan_fd_t fd = ASSUAN_INVALID_FD;

  if (!(flags & (ASSUAN_SOCK_TOR | ASSUAN_SOCK_SOCKS))) {
    errno = ENOTSUP;
    return ASSUAN_INVALID_FD;
  }
  if ((host && !*host) || (!host && port) || (host && target.timeout_ms < -1)) {
    errno = EINVAL;
    return ASSUAN_INVALID_FD;
  }
  fd = sys->hooks.socket (sys->ctx, AF_INET, SOCK_STREAM, 0);
  if (fd == ASSUAN_INVALID_FD) return fd;
  if (eva__io_socks_connect (sys, fd, proxy, &target) < 0) {
    eva__io_sys_close (sys, fd);
    return ASSUAN_INVALID_FD;
  }
  return fd;
}

int
assuan_sock_bind (assuan_fd_t sockfd, struct sockaddr *addr, socklen_t addrlen) {
  return bind (sockfd, addr, addrlen);
}

int
assuan_sock_set_sockaddr_un (const char *fname, struct sockaddr *addr, int *r_redirected) {
  struct sockaddr_un un;
  socklen_t len;

  if (eva__io_redirect_address (fname, false, &un, &len, r_redirected) < 0) return -1;
  memcpy (addr, &un, sizeof un);
  return 0;
}

/* The nonce is for systems without local sockets.  */

int
assuan_sock_get_nonce (struct sockaddr *addr, socklen_t addrlen, assuan_sock_nonce_t *nonce) {
  (void) addr;
  (void) addrlen;
  if (nonce) nonce->length = 0;
  return 0;
}

int
assuan_sock_check_nonce (assuan_fd_t fd, assuan_sock_nonce_t *nonce) {
  (void) fd;
  (void) nonce;
  return 0;
}
