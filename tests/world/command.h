/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* command.h - the commands that every session knows:

       IAM LINK              tells which link the connection is
       DATA KEY LEN          octets, see pattern.h
       STATUS N              N status lines
       FAIL                  GPG_ERR_USER_1
       LATER MS              answers after a while
       ASK KEY LEN           inquires them
       TAKE KEY              takes a descriptor out of which KEY can be read
       PIECES, OUT, IN, THROUGH KEY LEN, VIA     see job.h and bulk.h: in a loop only  */

#ifndef EVA_TESTS_WORLD_COMMAND_H
#define EVA_TESTS_WORLD_COMMAND_H

#include "eva.h"

/* For an eva_server.  */
extern const struct eva_service command_service;

/* For other contexts.  */
gpg_error_t command_register_all (assuan_context_t ctx);

#endif /* EVA_TESTS_WORLD_COMMAND_H */
