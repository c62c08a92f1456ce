/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* turn.h - the turns of a drive, and what to wait for between them.  */

#ifndef EVA__ASSUAN_TURN_H
#define EVA__ASSUAN_TURN_H

#include "assuan/drive.h"

/* As eva_get_events, eva_get_deadline, eva_process; the result of the latter stays in over.  If
   eva__drive_turn returns an error, CTX may be gone, and DRIVE with it.  NOW_NS may be 0 if DRIVE
   does not need the time.  */
unsigned int eva__drive_get_events (const struct eva__drive *drive);
uint64_t eva__drive_get_deadline (const struct eva__drive *drive);
gpg_error_t eva__drive_turn (struct eva__drive *drive, unsigned int revents, uint64_t now_ns);

/* Cancels what waits for the end of the command under way, because the command cannot be finished;
   each is called once.  */
void eva__drive_cancel (struct eva__drive *drive, gpg_error_t reason);

#endif /* EVA__ASSUAN_TURN_H */
