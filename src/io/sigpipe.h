/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* sigpipe.h - writing to a pipe whose reader may be gone, without SIGPIPE.

   A socket has MSG_NOSIGNAL, a pipe has nothing of the kind.  The signal's disposition belongs to
   the program, so SIGPIPE is blocked in the calling thread around the write, and taken if the
   write raised it: the signal of a write is always directed at the thread that wrote.  */

#ifndef EVA__IO_SIGPIPE_H
#define EVA__IO_SIGPIPE_H

#include <signal.h>
#include <stdbool.h>

struct eva__io_sigpipe {
  sigset_t old_mask;
  bool was_blocked;
  bool was_pending; /* one that the program waits for itself: not ours to take */
};

/* Blocks SIGPIPE in the calling thread and remembers in GUARD how it was.  */
void eva__io_sigpipe_block (struct eva__io_sigpipe *guard);

/* Puts back what GUARD says.  RAISED: the write failed with EPIPE.  errno is kept.  */
void eva__io_sigpipe_restore (const struct eva__io_sigpipe *guard, bool raised);

#endif /* EVA__IO_SIGPIPE_H */
