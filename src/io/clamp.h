/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* clamp.h - the program's pair of functions around system calls that may wait.

   A program with a thread library of its own sets the pair once for the whole process, with
   gpgrt_set_syscall_clamp: nPth's let the other threads run meanwhile.  */

#ifndef EVA__IO_CLAMP_H
#define EVA__IO_CLAMP_H

#include <stdbool.h>

/* A system call under way.  */
struct eva__io_clamp {
  void (*post) (void); /* or NULL */
};

/* Call it before the system call.  It calls the first function of the pair, if there is one.  The
   first call in the process asks libgpg-error for the pair; the library does not see later
   settings.  */
void eva__io_clamp_begin (struct eva__io_clamp *clamp);

/* Call it after the system call.  It calls the second function of the pair that began, and keeps
   errno.  */
void eva__io_clamp_end (struct eva__io_clamp *clamp);

/* Returns true if the program has set the pair.  */
bool eva__io_clamp_is_set (void);

/* The next eva__io_clamp_begin asks again.  */
void eva__io_clamp_reinit (void);

#endif /* EVA__IO_CLAMP_H */
