/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* weather.h - what may go wrong in a world: each seed has some of it.  */

#ifndef EVA_TESTS_WORLD_WEATHER_H
#define EVA_TESTS_WORLD_WEATHER_H

#include <stdbool.h>
#include <stddef.h>

#include <gpg-error.h>

struct weather {
  /* Of calls to the system.  */
  bool cuts;       /* reads and writes move few octets */
  bool interrupts; /* EINTR, EAGAIN */
  bool breaks;     /* ECONNRESET, EPIPE */
  bool droughts;   /* for a while there are no descriptors */
  bool shortages;  /* allocations fail */

  /* Of programs.  */
  bool slow;      /* callbacks take their time */
  bool mischief;  /* callbacks close, release, cancel, call */
  bool dialogs;   /* callbacks run the loop, where that is allowed */
  bool watchers;  /* what is shown each line releases its context */
  bool forks;     /* and a child frees everything */
  bool limits;    /* of servers are low */
  bool narrow;    /* queues are kept short, which no party may notice */
  bool strangers; /* some peers keep to no rule */

  bool is_calm;   /* nothing goes wrong any more */
  bool has_moved; /* the world goes on in a child */
};

extern struct weather weather;

/* Leaves out the member NAME of the first two groups in all runs from now on, to find out what a
   failure comes from.  Returns false if there is none of that name.  */
bool weather_leave_out (const char *name);

/* Chooses the weather of a run.  */
void weather_begin (void);

/* The high-water mark for a queue; 0: the usual one.  */
size_t weather_high_water (void);

/* Returns true if a call that makes a descriptor fails, with errno.  */
bool weather_lacks_fds (void);

/* Returns true if ERR tells of what this weather brings, with all that was asked for but not done;
   a party that shares a connection with it is hurt besides.  */
bool weather_explains (gpg_error_t err);

/* Called with the descriptor that a connection was broken at, and, with -1, when memory ran short
   and it is unknown for which party.  */
extern void (*weather_struck) (int fd);

#endif /* EVA_TESTS_WORLD_WEATHER_H */
