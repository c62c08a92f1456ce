/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* lock.h - a lock that one at a time has, in this process or another, with a file for it.

   The kernel lets go of the lock when its owner ends, however that happens, so a file that was left
   behind locks nothing.  The owner removes the file while it has the lock.  */

#ifndef EVA__IO_LOCK_H
#define EVA__IO_LOCK_H

#include <stdbool.h>

/* Takes the lock of file PATH, which this makes if there is none, without waiting.  Returns a
   descriptor, close-on-exec, that is the lock; or -1 with errno: EWOULDBLOCK if it is taken,
   EEXIST if PATH is no file for a lock, or what open gives.  */
int eva__io_lock_take (const char *path);

/* Removes the file PATH of LOCK and lets go of LOCK, unless LOCK is a copy (IS_COPY) that fork made
   of another process's: then this only closes it.  Does nothing for -1.  */
void eva__io_lock_release (const char *path, int lock, bool is_copy);

#endif /* EVA__IO_LOCK_H */
