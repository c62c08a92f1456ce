/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tell.h - what the example servers tell the user.  */

#ifndef EXAMPLES_TELL_H
#define EXAMPLES_TELL_H

#include <eva.h>

/* Prints how to call the program.  Returns 2, its exit status then.  */
int tell_usage (void);

/* Prints that the loop fails, because of what is in errno.  Returns 1, the exit status.  */
int tell_loop_failure (void);

/* Prints why no client can be served in LOOP, because of ERR, and what to do.  Returns 1, the exit
   status.  */
int tell_failure (eva_loop *loop, gpg_error_t err);

/* Prints where SERVER listens.  */
void tell_listening (eva_server *server);

/* Prints what SERVER, which has to end, still waits for, if anything.  */
void tell_draining (eva_server *server);

#endif /* EXAMPLES_TELL_H */
