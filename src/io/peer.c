/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* peer.c - the process at the other end of a socket.  */

#include "io/peer.h"

#include <errno.h>
#include <sys/socket.h>

int
eva__io_peer_credentials (assuan_fd_t fd, struct _assuan_peercred *ret_cred) {
  struct ucred cred;
  socklen_t len = sizeof cred;

  if (getsockopt (fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0) return -1;
  /* TCP sockets, and Unix ones without a peer, do not fail: the kernel answers pid 0 and uid
     -1.  */
  if (cred.uid == (uid_t) -1) {
    errno = ENOTSUP;
    return -1;
  }
  ret_cred->pid = cred.pid;
  ret_cred->uid = cred.uid;
  ret_cred->gid = cred.gid;
  return 0;
}
