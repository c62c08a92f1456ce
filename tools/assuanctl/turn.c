/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* turn.c - so many may be at work at a time.  */

#include "turn.h"

#include <stddef.h>

static unsigned long max_working, n_working;
static struct turn *first, *last;

void
turn_set_max (unsigned long max) {
  max_working = max;
}

static void
push (struct turn *turn) {
  turn->is_waiting = true;
  turn->previous = last;
  turn->next = NULL;
  if (last)
    last->next = turn;
  else
    first = turn;
  last = turn;
}

static void
pull (struct turn *turn) {
  turn->is_waiting = false;
  if (turn->previous)
    turn->previous->next = turn->next;
  else
    first = turn->next;
  if (turn->next)
    turn->next->previous = turn->previous;
  else
    last = turn->previous;
}

/* One that begins may end at once, which lets the next ones begin within: then nothing is left to
   do here.  */
static void
begin_next (void) {
  while (first && n_working < max_working) {
    struct turn *turn = first;
    pull (turn);
    n_working++;
    turn->begin (turn->arg);
  }
}

void
turn_take (struct turn *turn, void (*begin) (void *arg), void *arg) {
  turn->begin = begin;
  turn->arg = arg;
  push (turn);
  begin_next ();
}

void
turn_end (struct turn *turn) {
  if (turn->is_waiting) {
    pull (turn);
    return;
  }
  n_working--;
  begin_next ();
}
