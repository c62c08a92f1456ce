/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hand.c - contexts that are driven by hand.  */

#include "hand.h"

#include <poll.h>

#include "assuan/context.h"
#include "fake-clock.h"

unsigned int hand_process;

/* What CTX is ready for.  The end of a pipe that nothing is wanted of is left out.  */
static unsigned int
look (assuan_context_t ctx) {
  unsigned int events = eva_get_events (ctx), revents = 0;
  struct pollfd p[2] = { { .fd = eva_get_fd (ctx, EVA_READABLE) },
                         { .fd = eva_get_fd (ctx, EVA_WRITABLE) } };
  bool is_socket = p[0].fd == p[1].fd;

  p[0].events = (short) (is_socket ? events : events & EVA_READABLE);
  p[1].events = (short) (events & EVA_WRITABLE);
  if (ppoll (p, is_socket ? 1 : 2, &(struct timespec) { 0 }, NULL) < 1) return 0;
  for (int i = 0; i < 2; i++)
    if (p[i].events || is_socket) revents |= (unsigned int) p[i].revents;
  return revents;
}

/* One that was detached in a callback of its own is not over yet.  */
bool
hand_may_turn (const struct hand *hand, assuan_context_t ctx) {
  return !hand->is_busy && !ctx->depth;
}

bool
hand_turn (struct hand *hand, assuan_context_t ctx, gpg_error_t *ret_err) {
  bool is_due = hand->process != hand_process || eva_get_deadline (ctx) <= fake_clock_now ();
  unsigned int revents = look (ctx);

  if (!revents && !is_due) return false;
  hand->process = hand_process;
  hand->is_busy = true;
  *ret_err = eva_process (ctx, revents, fake_clock_now ());
  hand->is_busy = false;
  return true;
}
