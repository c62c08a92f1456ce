/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* view.h - which lines of the dialogue log and monitor see.  */

#ifndef EVA__ASSUAN_VIEW_H
#define EVA__ASSUAN_VIEW_H

#include "assuan/context.h"

/* Shows the line that is used next to log and monitor, once.  Returns false if the monitor wants
   it ignored.  */
bool eva__ctx_show_input (assuan_context_t ctx);

/* Shows log and monitor, of which there is one, the lines that were queued.  */
void eva__ctx_show_lines (assuan_context_t ctx);

/* The same if there is one, as seldom.  */
static inline void
eva__ctx_show_output (assuan_context_t ctx) {
  if (EVA__SELDOM (eva__ctx_is_watched (ctx))) eva__ctx_show_lines (ctx);
}

#endif /* EVA__ASSUAN_VIEW_H */
