/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* process.h - which process this is, so that an object that a child of fork has a copy of can tell
   that it is the parent's.  */

#ifndef EVA__IO_PROCESS_H
#define EVA__IO_PROCESS_H

#include <stdatomic.h>
#include <sys/types.h>

/* The mark, 0 in a child that did not ask yet, the number of this process, and its id; for the
   functions below alone.  */
extern _Atomic unsigned char *eva__io_process_mark;
extern _Atomic unsigned int eva__io_process_number;
extern _Atomic pid_t eva__io_process_id;

/* Gives this process the next number, if it is a child that has none yet.  */
void eva__io_count_process (void);

/* Returns the number of this process: processes with smaller numbers made everything that it has
   inherited.  It makes no system call and costs two loads, because every turn of a loop asks.  May
   be called from every thread.  */
static inline unsigned int
eva__io_this_process (void) {
  if (!atomic_load_explicit (eva__io_process_mark, memory_order_acquire)) eva__io_count_process ();
  return atomic_load_explicit (&eva__io_process_number, memory_order_relaxed);
}

/* As getpid, without a system call: every client that comes is greeted with it.  */
static inline pid_t
eva__io_this_pid (void) {
  (void) eva__io_this_process ();
  return atomic_load_explicit (&eva__io_process_id, memory_order_relaxed);
}

#endif /* EVA__IO_PROCESS_H */
