/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* directory.h - a lock on the directory that a file stands in.  */

#ifndef EVA__IO_DIRECTORY_H
#define EVA__IO_DIRECTORY_H

/* Locks the directory of PATH, which is absolute, and waits at most 190 ms for that.
   Returns the lock; -1 with errno ENOENT or ENOTDIR if there is no directory, and with other values
   if there is, but no lock: it may be unreadable, or busy.  */
int eva__io_directory_lock (const char *path);

/* Ends LOCK, which may be -1.  Keeps errno.  */
void eva__io_directory_unlock (int lock);

#endif /* EVA__IO_DIRECTORY_H */
