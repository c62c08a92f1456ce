/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* secret.h - which lines of the peer are confidential.  */

#ifndef EVA__ASSUAN_SECRET_H
#define EVA__ASSUAN_SECRET_H

#include "assuan/context.h"
#include "assuan/redact.h"

/* Returns true if LINE, of LEN octets, which comes next, belongs to what was asked for
   confidentially: an answer to an inquiry, even one that was given up, or a reply.  */
bool eva__secret_input (assuan_context_t ctx, char *line, size_t len);

/* Writes to BUF what may be shown of LINE, of LEN octets, which comes next, because it belongs to a
   secret command.  Returns the length of that; 0 if the line belongs to none, or is empty.  */
size_t eva__secret_redact_input (assuan_context_t ctx, char *line, size_t len,
                                 char buf[EVA__REDACTED_SIZE]);

#endif /* EVA__ASSUAN_SECRET_H */
