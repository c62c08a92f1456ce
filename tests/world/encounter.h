/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* encounter.h - how clients and servers of a world meet.  */

#ifndef EVA_TESTS_WORLD_ENCOUNTER_H
#define EVA_TESTS_WORLD_ENCOUNTER_H

#include "session.h"

/* A session of KIND serves LINK.  Returns the other end of a socket for it, or stores those of two
   pipes.  */
int encounter_open_socket (enum session_kind kind, struct link *link);
void encounter_open_pipes (enum session_kind kind, struct link *link, int *ret_in, int *ret_out);

/* A client of eva_connect comes to a session of a kind that the dice choose, or to an address.  */
void encounter_connect (void);

/* A client of assuan.h comes, and is attached, or waits for its answers and leaves.  Not within
   callbacks.  */
void encounter_attach (void);
void encounter_wait (void);

#endif /* EVA_TESTS_WORLD_ENCOUNTER_H */
