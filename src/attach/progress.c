/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* progress.c - telling the client how far a pump is:

     "S PROGRESS " what " ? " current " " total

   It is the form that GnuPG's clients know; `?` is where it has a character for the kind of
   work.  */

#include "attach/progress.h"

#include "assuan/connection.h"
#include "assuan/lifetime.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char keyword[] = "PROGRESS";

/* Two numbers, the words before them, blanks.  */
#define FIXED_LEN (sizeof "S PROGRESS  ? " + 20 + sizeof " " + 20)
#define WHAT_MAX  (EVA_LINE_MAX - FIXED_LEN)

/* It is one word of the line.  */
bool
eva__pump_is_what (const char *what) {
  size_t len = strlen (what);

  if (!len || len > WHAT_MAX) return false;
  for (const char *p = what; *p; p++)
    if ((unsigned char) *p <= ' ' || *p == 127) return false;
  return true;
}

void
eva__pump_tell_progress (struct eva__pump *pump) {
  assuan_context_t ctx = pump->ctx;
  char text[EVA_LINE_SIZE];

  if (!*pump->what) return;
  snprintf (text, sizeof text, "%s ? %" PRIu64 " %" PRIu64, pump->what, pump->n_pumped,
            pump->total);
  eva__ctx_mark_output (ctx, pump->is_secret);
  assuan_write_status (ctx, keyword,
                       text); /* a write that failed is remembered; PUMP may be gone */
  eva__ctx_mark_output (ctx, false);
}

static void
set_timer (struct eva__pump *pump) {
  uint64_t due_ns = eva_now () + pump->interval_ns;

  eva__loop_set_timer (pump->loop, &pump->timer, due_ns);
}

/* A client that does not even take its data does not have to hear how far they are.  A monitor that
   is shown the line may release the context.  */
static void
on_timer (struct eva__timer *timer) {
  struct eva__pump *pump = EVA__CONTAINER (struct eva__pump, timer, timer);
  assuan_context_t ctx = pump->ctx;

  set_timer (pump);
  eva__ctx_enter (ctx);
  if (!eva__drive_is_above_water (pump->ctx->drive)) eva__pump_tell_progress (pump);
  eva__ctx_leave (ctx);
}

int
eva__pump_start_progress (struct eva__pump *pump) {
  if (!*pump->what) return 0;
  if (eva__loop_reserve_timers (pump->loop, 1)) return -1;
  pump->timer.cb = on_timer;
  set_timer (pump);
  return 0;
}

void
eva__pump_stop_progress (struct eva__pump *pump) {
  if (!pump->timer.cb) return;
  eva__loop_cancel_timer (pump->loop, &pump->timer);
  (void) eva__loop_reserve_timers (pump->loop, -1);
}
