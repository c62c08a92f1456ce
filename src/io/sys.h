/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* sys.h - the system hooks that a context works with.

   Every system call that concerns a connection goes through this table, because programs bring
   their own: nPth's wrappers let other threads run meanwhile, GPGME's keep a table of descriptors.
   The default functions are __assuan_read and its like, in sys.c, and __assuan_spawn in child.c;
   the macros of assuan.h call them by name.  */

#ifndef EVA__IO_SYS_H
#define EVA__IO_SYS_H

#include "assuan.h"
#include "io/clamp.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct eva__io_sys {
  struct assuan_system_hooks hooks; /* always complete, version 2 */
  assuan_context_t ctx;             /* first argument of every hook */
  bool is_clamped;                  /* the default functions, between those of clamp.h */
  bool is_own;                      /* it reads, writes and sleeps with the default functions */

  /* Until when calls through this table may wait, on the clock of eva__io_now_ns; 0: forever.  What
     waits longer fails with errno ETIME, which no socket gives.  */
  uint64_t deadline_ns;
};

/* Makes SYS work with HOOKS on behalf of CTX.  HOOKS NULL: the default functions.  Version 1 of the
   table ends before socket and connect, which are then the default ones, as is every member
   that is NULL.  HOOKS is copied.  */
void eva__io_sys_init (struct eva__io_sys *sys, assuan_context_t ctx,
                       const struct assuan_system_hooks *hooks);

/* Makes SYS work with the default functions on behalf of CTX, each system call that may wait
   between the functions of clamp.h.  */
void eva__io_sys_init_clamped (struct eva__io_sys *sys, assuan_context_t ctx);

/* Call them around a system call of the library that may wait.  If SYS is not clamped they do
   nothing.  */
void eva__io_sys_begin_call (const struct eva__io_sys *sys, struct eva__io_clamp *clamp);
void eva__io_sys_end_call (const struct eva__io_sys *sys, struct eva__io_clamp *clamp);

/* Returns the table of the default functions.  */
const struct assuan_system_hooks *eva__io_sys_default (void);

/* Returns true if SYS reads, writes and sleeps with the default functions, so that the library may
   use the kernel's own ways to wait and to send.  With foreign hooks a wait must go through their
   usleep: a poll in the library would stop all of nPth's threads.  */
static inline bool
eva__io_sys_is_own (const struct eva__io_sys *sys) {
  return sys->is_own;
}

/* Returns true if SYS waits for children with a function of the program.  */
static inline bool
eva__io_sys_has_own_waitpid (const struct eva__io_sys *sys) {
  return !sys->is_clamped && sys->hooks.waitpid != __assuan_waitpid;
}

/* Closes FD through SYS, unless it is ASSUAN_INVALID_FD, and keeps errno.  */
void eva__io_sys_close (const struct eva__io_sys *sys, assuan_fd_t fd);

/* Returns true if FD is ready for EVENTS (poll's POLLIN, POLLOUT), or in error, which the next call
   with it will report.  Never waits.  */
bool eva__io_sys_is_ready (int fd, short events);

/* Waits until FD is ready for EVENTS or in error; without end.  */
void eva__io_sys_wait (const struct eva__io_sys *sys, int fd, short events);

/* The same for at most TIMEOUT_MS, as far as poll or the usleep hook measure time.  Returns false
   if that went by.  */
bool eva__io_sys_wait_for (const struct eva__io_sys *sys, int fd, short events,
                           unsigned int timeout_ms);

/* Waits until FD is ready for EVENTS or in error, at most until the deadline of SYS, which is set.
   With foreign hooks it waits by poll if that holds up no other thread: if the program has set a
   clamp, or its usleep hook is the default function; else through the usleep hook.
   Returns 0, or -1 with errno ETIME.  */
int eva__io_sys_await (const struct eva__io_sys *sys, int fd, short events);

/* Connects FD to ADDR through the connect hook, at most until the deadline of SYS, if one is set.
   FD then does not block meanwhile.  Returns as connect; errno ETIME.  */
int eva__io_sys_connect (const struct eva__io_sys *sys, int fd, struct sockaddr *addr,
                         socklen_t addr_len);

/* Returns how many descriptors this process may have now.  */
unsigned int eva__io_sys_max_fds (void);

/* Sleeps through the usleep hook: 1 ms if *STEP_US is 0, else twice as long as it says, at most 20
   ms, and stores there how long it was.  For loops that cannot poll: short waits stay short, long
   ones stay cheap.  */
void eva__io_sys_pause (const struct eva__io_sys *sys, unsigned int *step_us);

#endif /* EVA__IO_SYS_H */
