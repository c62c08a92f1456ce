/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tell.h - what the example servers tell the user.  */

#ifndef EXAMPLES_TELL_H
#define EXAMPLES_TELL_H

#include <eva.h>

/* How the program is called.  Returns 2, its exit status then.  */
int tell_usage (void);

/* That the loop fails, because of what is in errno.  Returns 1, the exit status.  */
int tell_loop_failure (void);

/* Tells that no client can be served at ADDRESS because of ERR, and what to do.  Returns 1, the
   exit status.  */
int tell_failure (const char *address, gpg_error_t err);

/* Where SERVER listens.  */
void tell_listening (eva_server *server);

/* What SERVER, which is to end, still waits for, if anything.  */
void tell_draining (eva_server *server);

#endif /* EXAMPLES_TELL_H */
