/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* turn.h - the turns of a drive, and what to wait for between them.  */

#ifndef EVA__ASSUAN_TURN_H
#define EVA__ASSUAN_TURN_H

#include "assuan/drive.h"

/* As eva_get_events, eva_get_deadline, eva_process; the latter's result stays in over.  CTX may be
   gone behind eva__drive_turn, and DRIVE with it, if it returns an error.  */
unsigned int eva__drive_get_events (const struct eva__drive *drive);
uint64_t eva__drive_get_deadline (const struct eva__drive *drive);
gpg_error_t eva__drive_turn (struct eva__drive *drive, unsigned int revents, uint64_t now_ns);

/* Tells whoever waits for the end of the command under way that it cannot be finished; each is told
   once.  */
void eva__drive_cancel (struct eva__drive *drive, gpg_error_t reason);

#endif /* EVA__ASSUAN_TURN_H */
