/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* watch.h - notices that names in a directory came, went or were replaced (inotify(7)).  */

#ifndef EVA__IO_WATCH_H
#define EVA__IO_WATCH_H

/* Returns a descriptor, non-blocking and close-on-exec, that becomes readable when something
   happened; or -1 with errno: EMFILE if this user has too many of them, ENFILE, ENOMEM, ENOSYS.  */
int eva__io_watch_new (void);

/* Lets FD also report on the directory of PATH, which is absolute: files that leave it or are put
   into the place of others, and its own end.  Returns 0, or -1 with errno: ENOENT, ENOSPC if this
   user watches too many directories, or what else the system gives.  */
int eva__io_watch_add (int fd, const char *path);

/* Takes all that FD has to report.  */
void eva__io_watch_clear (int fd);

#endif /* EVA__IO_WATCH_H */
