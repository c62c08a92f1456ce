/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* timeout.h - how long a blocking context waits for its peer (eva_set_timeouts).

   A step is what the peer has one limit of time for: the greeting, a reply, an answer.  It adds up
   what its waits took, so the time that callbacks of the program take does not count.  */

#ifndef EVA__ASSUAN_TIMEOUT_H
#define EVA__ASSUAN_TIMEOUT_H

#include "eva.h"

#include "io/sys.h"

struct eva__step {
  unsigned int limit_ms; /* 0: none */
  uint64_t waited_ns;
  uint64_t since_ns; /* when the wait under way began */
};

struct eva__timeouts {
  struct eva_timeouts set; /* by the program; 0: none */
  struct eva__step step;   /* under way; outside of steps nothing is limited */
};

/* Begins a step of LIMIT_MS, within another one or not.  Returns the outer one, for
   eva__timeouts_end_step.  */
struct eva__step eva__timeouts_begin_step (struct eva__timeouts *timeouts, unsigned int limit_ms);
void eva__timeouts_end_step (struct eva__timeouts *timeouts, struct eva__step outer);

/* Gives the step under way its whole time anew.  */
void eva__timeouts_renew_step (struct eva__timeouts *timeouts);

/* Call them around calls through SYS that wait for the peer: they set its deadline, and count.  The
   second one keeps errno.  */
void eva__timeouts_begin_wait (struct eva__timeouts *timeouts, struct eva__io_sys *sys);
void eva__timeouts_end_wait (struct eva__timeouts *timeouts, struct eva__io_sys *sys);

#endif /* EVA__ASSUAN_TIMEOUT_H */
