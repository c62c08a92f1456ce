/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bulk.h - commands that are pumps, and who feeds or reads their descriptors.  */

#ifndef EVA_TESTS_WORLD_BULK_H
#define EVA_TESTS_WORLD_BULK_H

#include "session.h"

enum bulk_kind { BULK_OUT, BULK_IN, BULK_THROUGH };

/* For handlers: pumps the LEN octets of KEY out of a descriptor into data lines, out of an
   inquiry's answer into a descriptor, or from one descriptor to another.  Returns what the handler
   returns.  */
gpg_error_t bulk_pump (struct session *session, enum bulk_kind kind, unsigned int key, size_t len);

/* A party that feeds or reads a descriptor does so as far as it goes.  Returns true if there was
   something to do.  */
bool bulk_move_all (void);

/* One of them, chosen by the dice, leaves in the middle of it.  */
void bulk_break (void);

/* Closes what is left, and forgets.  */
void bulk_clear (void);

#endif /* EVA_TESTS_WORLD_BULK_H */
