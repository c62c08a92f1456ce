/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* wait.h - when a pump goes on.  */

#ifndef EVA__ATTACH_WAIT_H
#define EVA__ATTACH_WAIT_H

#include "attach/pump.h"

/* Waits for END, and nothing else: step is called as long as END is ready.  Returns 0, or -1 with
   errno: EAGAIN for an end that cannot be waited for.  */
int eva__pump_wait_for (struct eva__pump *pump, struct eva__pump_end *end);

/* Waits for nothing.  */
void eva__pump_rest (struct eva__pump *pump);

/* Let step be called soon; or when all others that are ready had their turn.  */
void eva__pump_go_on (struct eva__pump *pump);
void eva__pump_go_on_later (struct eva__pump *pump);

#endif /* EVA__ATTACH_WAIT_H */
