/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* turn.h - so many may be at work at a time, and the others wait for their turn, first come first
   served.  */

#ifndef ASSUANCTL_TURN_H
#define ASSUANCTL_TURN_H

#include <stdbool.h>

/* One that works, or waits.  It is the caller's, and stays where it is until turn_end.  */
struct turn {
  struct turn *previous, *next; /* of those that wait */
  void (*begin) (void *arg);    /* its turn has come; called within turn_take or turn_end */
  void *arg;
  bool is_waiting;
};

void turn_set_max (unsigned long max);

/* Calls TURN's begin, now or later.  */
void turn_take (struct turn *turn, void (*begin) (void *arg), void *arg);

/* TURN works or waits no more, and others may begin.  */
void turn_end (struct turn *turn);

#endif /* ASSUANCTL_TURN_H */
