/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* process.c - which process this is.

   To ask for the process id would cost a system call, and another process may get the same one
   later.  So there is a mark that is gone in a child, which then takes the next number.  The kernel
   clears the mark in children of every kind (MADV_WIPEONFORK).  Not all kernels and emulators do,
   so a handler of pthread_atfork clears it as well, in children that fork made.  */

#include "io/process.h"

#include <pthread.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

static _Atomic unsigned char plain_mark;
_Atomic unsigned char *eva__io_process_mark = &plain_mark;
_Atomic unsigned int eva__io_process_number;
_Atomic pid_t eva__io_process_id;

void
eva__io_count_process (void) {
  atomic_store (&eva__io_process_id, getpid ()); /* before the mark: other threads go by that */
  if (!atomic_exchange (eva__io_process_mark, 1)) atomic_fetch_add (&eva__io_process_number, 1);
}

/* Does it at once, because there is one thread only.  */
static void
forked (void) {
  atomic_store (eva__io_process_mark, 0);
  eva__io_count_process ();
}

/* Returns a page that children find zeroed, or NULL.  */
static void *
map_page (void) {
#ifdef MADV_WIPEONFORK
  size_t len = (size_t) sysconf (_SC_PAGESIZE);
  void *page = mmap (NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

  if (page == MAP_FAILED) return NULL;
  if (!madvise (page, len, MADV_WIPEONFORK)) return page;
  munmap (page, len);
#endif
  return NULL;
}

/* Runs before main, or before dlopen returns, when no thread can ask yet.  */
static void __attribute__ ((constructor))
begin (void) {
  _Atomic unsigned char *page = map_page ();

  eva__io_count_process ();
  if (page) {
    atomic_store (page, 1);
    eva__io_process_mark = page;
  }
  pthread_atfork (NULL, NULL, forked);
}
