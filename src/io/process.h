/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* process.h - which process this is, so that what a child of fork has copies of can tell that it is
   the parent's.  */

#ifndef EVA__IO_PROCESS_H
#define EVA__IO_PROCESS_H

/* Returns the number of this process: all that it has inherited was made by processes of smaller
   ones.  No system call: it is asked for in every turn of a loop.  From every thread.  */
unsigned int eva__io_this_process (void);

#endif /* EVA__IO_PROCESS_H */
