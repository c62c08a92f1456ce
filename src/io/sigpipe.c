/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* sigpipe.c - writing to a pipe whose reader may be gone, without SIGPIPE.  */

#include "io/sigpipe.h"

#include <errno.h>
#include <time.h>

void
eva__io_sigpipe_block (struct eva__io_sigpipe *guard) {
  sigset_t set;

  sigemptyset (&set);
  sigaddset (&set, SIGPIPE);
  pthread_sigmask (SIG_BLOCK, &set, &guard->old_mask);
  guard->was_blocked = sigismember (&guard->old_mask, SIGPIPE) > 0;
  guard->was_pending = false;
  /* Only a signal that was blocked can have been pending: this saves a system call.  */
  if (guard->was_blocked && !sigpending (&set))
    guard->was_pending = sigismember (&set, SIGPIPE) > 0;
}

void
eva__io_sigpipe_restore (const struct eva__io_sigpipe *guard, bool raised) {
  const struct timespec at_once = { 0, 0 };
  int saved = errno;
  sigset_t set;

  if (raised && !guard->was_pending) {
    sigemptyset (&set);
    sigaddset (&set, SIGPIPE);
    while (sigtimedwait (&set, NULL, &at_once) < 0 && errno == EINTR)
      ;
  }
  if (!guard->was_blocked) pthread_sigmask (SIG_SETMASK, &guard->old_mask, NULL);
  errno = saved;
}
