/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* phase.h - what a drive waits for, and how long it may take.  */

#ifndef EVA__ASSUAN_PHASE_H
#define EVA__ASSUAN_PHASE_H

#include "assuan/drive.h"

/* Returns true if the peer has to answer an inquiry.  */
bool eva__drive_awaits_answer (const struct eva__drive *drive);

/* Returns the phase that DRIVE is in, by the state of its dialogue.  */
enum eva__phase eva__phase_find (const struct eva__drive *drive);

/* Begins PHASE, or goes on with it if it is the one of before.  Handlers, of this context or of
   others, may have worked for long since NOW_NS, when the turn was due, so this looks at the clock
   again; but only if the phase has a limit.  An octet now and then makes no new line.  */
void eva__phase_begin (struct eva__drive *drive, enum eva__phase phase, uint64_t now_ns);

/* A command has begun, if there is one: its time begins before its handler runs, or its
   continuation.  */
void eva__phase_begin_command (struct eva__drive *drive, uint64_t now_ns);

/* Returns when the phase that began last has to end, or EVA_NO_DEADLINE.  */
uint64_t eva__phase_deadline (const struct eva__drive *drive);

#endif /* EVA__ASSUAN_PHASE_H */
