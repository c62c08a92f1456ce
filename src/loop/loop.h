/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* loop.h - what the rooms above use of a loop besides eva-loop.h: timers and work put off that need
   no memory of their own, because they are part of something else.  */

#ifndef EVA__LOOP_LOOP_H
#define EVA__LOOP_LOOP_H

#include "loop/timers.h"

/* Work put off.  Zero-initialized it is not queued.  */
struct eva__task {
  struct eva__task *next, *prev; /* NULL: not queued */
  void (*cb) (struct eva__task *task);
};

/* Promises that LOOP can hold N more (or, negative, N fewer) timers than before, so that setting
   one cannot fail.  Returns 0, or -1 with errno ENOMEM.  */
int eva__loop_reserve_timers (eva_loop *loop, int n);

/* Sets TIMER to DUE_NS (as eva_now), in place of an earlier setting.  It is called once, not before
   that time, and is not set any more then.  */
void eva__loop_set_timer (eva_loop *loop, struct eva__timer *timer, uint64_t due_ns);

/* Cancels TIMER, if it is set.  */
void eva__loop_cancel_timer (eva_loop *loop, struct eva__timer *timer);

/* Queues TASK to run before LOOP waits the next time.  Does nothing if it is queued.  */
void eva__loop_run_soon (eva_loop *loop, struct eva__task *task);

/* Call it from the callback of a descriptor that is ready and stays so.  It queues TASK, which lets
   a client in, or sees one off, to run when the connections that are there had their turn.  They
   wait for few of such tasks between two looks at the descriptors, and both kinds take turns.  Does
   nothing if TASK is queued.  If the program's loop waits for the descriptors, or callbacks may
   wait, TASK runs at once: such a loop would report the descriptor again and again meanwhile, which
   costs more than it saves.  */
void eva__loop_let_in (eva_loop *loop, struct eva__task *task);
void eva__loop_see_off (eva_loop *loop, struct eva__task *task);

/* Returns true if these two put TASK off in LOOP.  */
bool eva__loop_is_patient (const eva_loop *loop);

/* Queues TASK to run when everything else that is ready had its turn: of such tasks one runs
   between two looks at the descriptors.  Does nothing if it is queued.  */
void eva__loop_run_later (eva_loop *loop, struct eva__task *task);

/* Takes TASK out of its queue, if it is in one.  */
void eva__loop_cancel_task (eva_loop *loop, struct eva__task *task);

/* Returns true if LOOP reports EVA_HANGUP where nothing is watched for
   (eva_loop_ops.tells_hangup).  */
bool eva__loop_tells_hangup (const eva_loop *loop);

/* Returns true if LOOP belongs to this process, which was the last to use or make it.  In another
   process what lives in it is given back silently, and without any callback.  */
bool eva__loop_is_ours (const eva_loop *loop);

/* Call it before LOOP is used.  In a child LOOP belongs to the child from then on, with all that
   lives in it, and shares nothing with the parent any more.  Returns 0 or an errno value.  */
int eva__loop_take_over (eva_loop *loop);

/* Returns true if clients that come or leave are all there is to do, as far as LOOP has seen, and
   no connection waits for a turn.  */
bool eva__loop_is_quiet (const eva_loop *loop);

/* A pointer that the rooms above keep with LOOP, NULL at first, and the function that eva_loop_free
   calls with it if it is not NULL.  */
struct eva__loop_attachment {
  void *data;
  void (*free) (void *data);
};
struct eva__loop_attachment *eva__loop_get_attachment (eva_loop *loop);

/* Makes TEXT, memory of malloc or NULL, what eva_loop_get_failure returns for LOOP, which frees
   it.  */
void eva__loop_take_failure (eva_loop *loop, char *text);

/* Marks SOURCE, of eva_loop_add_fd, as a listening socket that several loops watch: where the loop
   can, it wakes up one of them only.  Before its first event.  */
void eva__loop_set_exclusive (eva_source *source);

/* Makes SOURCE, of eva_loop_add_fd, not count where a foreign loop's own function returns when it
   has nothing left to wait for.  */
void eva__loop_set_background (eva_source *source);

/* Lets the callback of SOURCE, of eva_loop_add_fd, run within itself if it runs the loop.  The
   callback makes sure that SOURCE does not stay ready forever; other sources are not watched until
   their callback has returned.  */
void eva__loop_set_reentrant (eva_source *source);

/* A callback under way, which may run the loop; CB is called whenever it does, before the loop
   waits.  */
struct eva__frame {
  struct eva__frame *outer;
  void (*cb) (struct eva__frame *frame);
};

/* Returns true if callbacks may run LOOP.  Only then frames are needed: begin and end one around a
   callback.  */
bool eva__loop_recurses (const eva_loop *loop);
void eva__loop_push_frame (eva_loop *loop, struct eva__frame *frame);
void eva__loop_pop_frame (eva_loop *loop);

#endif /* EVA__LOOP_LOOP_H */
