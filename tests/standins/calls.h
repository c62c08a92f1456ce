/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* calls.h - reads and writes of the library that a test decides about.

   They are met in two places: in the system hooks of a context, and, because a context with the
   default hooks makes other calls, in front of the C library.  For the latter the program is linked
   with --wrap for each of the calls below: see calls_wrapped in meson.build.  */

#ifndef EVA_TESTS_FAULTS_CALLS_H
#define EVA_TESTS_FAULTS_CALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "assuan.h"

enum call_place { IN_HOOKS, IN_CALLS };

/* The last one is a move within the kernel, between two descriptors.  */
enum call_kind { CALL_READ, CALL_WRITE, CALL_MOVE };

/* What becomes of a call: it is made; it fails, with errno; a read comes to the end of the
   file.  */
enum fate { FATE_GO, FATE_FAIL, FATE_END };

/* Defined by the test: decides about a call on FD, and may lower *LEN, the octets that it may
   move.  */
enum fate calls_decide (enum call_place place, enum call_kind kind, int fd, size_t *len);

/* Defined by the test: what the usleep hook does.  */
void calls_sleep (unsigned int usec);

/* The hooks that ask calls_decide for IN_HOOKS.  */
struct assuan_system_hooks *calls_hooks (void);

/* For what a test does itself.  */
ssize_t __real_read (int fd, void *buf, size_t len);
ssize_t __real_recv (int fd, void *buf, size_t len, int flags);
ssize_t __real_recvmsg (int fd, struct msghdr *msg, int flags);
ssize_t __real_write (int fd, const void *buf, size_t len);
ssize_t __real_writev (int fd, const struct iovec *iov, int n);
ssize_t __real_send (int fd, const void *buf, size_t len, int flags);
ssize_t __real_sendmsg (int fd, const struct msghdr *msg, int flags);

#endif /* EVA_TESTS_FAULTS_CALLS_H */
