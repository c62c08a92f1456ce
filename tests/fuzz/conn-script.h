/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* conn-script.h - fuzz input as a script for an eva_conn.  */

#ifndef EVA_TESTS_FUZZ_CONN_SCRIPT_H
#define EVA_TESTS_FUZZ_CONN_SCRIPT_H

#include <stddef.h>
#include <stdint.h>

#include "eva-conn.h"

/* Plays the LEN octets at DATA as a script with an eva_conn of ROLE, once with the input as
   whole as possible and once in pieces, and compares what came out.  Aborts if anything is not
   as it should be.  */
void script_play (enum eva_role role, const uint8_t *data, size_t len);

#endif /* EVA_TESTS_FUZZ_CONN_SCRIPT_H */
