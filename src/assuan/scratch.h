/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* scratch.h - buffers on the stack, which a context borrows for a call.

   A turn of assuan_process_next needs a buffer for what comes and one for what is said, and mostly
   neither after it; assuan_accept needs one for the greeting.  Buffers of the heap would cost more
   than what is done with them, and leave holes between contexts.  What is left in a buffer at the
   end of the call moves to the heap.  */

#ifndef EVA__ASSUAN_SCRATCH_H
#define EVA__ASSUAN_SCRATCH_H

#include "assuan/context.h"

#include <stdbool.h>
#include <stddef.h>

struct eva__scratch {
  bool has_lent_small, has_lent_large;
  _Alignas (max_align_t) char small[EVA_SMALL_SIZE];
  _Alignas (max_align_t) char large[EVA_INPUT_SIZE];
};

/* Takes the buffer of LEN octets out of SCRATCH; NULL if there is none, or not any more.  */
static inline void *
eva__scratch_take (struct eva__scratch *scratch, size_t len) {
  if (len == sizeof scratch->small && !scratch->has_lent_small) {
    scratch->has_lent_small = true;
    return scratch->small;
  }
  if (len != sizeof scratch->large || scratch->has_lent_large) return NULL;
  scratch->has_lent_large = true;
  return scratch->large;
}

/* Gives PTR, which is wiped, back to SCRATCH.  Returns false if it was not taken out of it.  */
static inline bool
eva__scratch_give (struct eva__scratch *scratch, const void *ptr) {
  if (ptr == scratch->small)
    scratch->has_lent_small = false;
  else if (ptr == scratch->large)
    scratch->has_lent_large = false;
  else
    return false;
  return true;
}

/* Lends SCRATCH, which nothing has to be written to before, to CTX.  Returns false, and does
   nothing, within another call with CTX, and where the program has its own functions for memory: it
   may want all octets there.  */
bool eva__scratch_lend (assuan_context_t ctx, struct eva__scratch *scratch);

/* Ends the loan, before the eva__ctx_leave of the call.  All octets that SCRATCH had were wiped.
   Returns 0, or ENOMEM: what was left in it is lost, and the connection closed.  */
gpg_error_t eva__scratch_settle (assuan_context_t ctx, struct eva__scratch *scratch);

#endif /* EVA__ASSUAN_SCRATCH_H */
