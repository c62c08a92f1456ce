/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* stranger.h - peers that keep to no rule: they say lines and octets at random, read or do not, and
   leave.  */

#ifndef EVA_TESTS_WORLD_STRANGER_H
#define EVA_TESTS_WORLD_STRANGER_H

#include <stdbool.h>

/* A party that talks to a session of a kind that the dice choose; or to a client.  */
void stranger_new_client (void);
void stranger_new_server (void);

/* One of them does something.  */
void stranger_act_any (void);

/* All leave.  */
void stranger_leave_all (void);

void stranger_clear (void);

#endif /* EVA_TESTS_WORLD_STRANGER_H */
