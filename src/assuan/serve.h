/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* serve.h - serving requests.  */

#ifndef EVA__ASSUAN_SERVE_H
#define EVA__ASSUAN_SERVE_H

#include "assuan/context.h"

/* Hands on an event of a server; RC and EV are what eva__ctx_next gave.  */
gpg_error_t eva__serve_event (assuan_context_t ctx, int rc, const struct eva_event *ev);

/* The same with an error in the middle of the answer.  In a blocking loop, what the continuation
   returned also ends the command.  */
gpg_error_t eva__ctx_fail_inquiry (assuan_context_t ctx, gpg_error_t rc);

#endif /* EVA__ASSUAN_SERVE_H */
