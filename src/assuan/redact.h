/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* redact.h - what log and monitor see of the lines of a secret command.  */

#ifndef EVA__ASSUAN_REDACT_H
#define EVA__ASSUAN_REDACT_H

#include "eva-conn.h"

#include <stdbool.h>
#include <stddef.h>

/* Stands for what is not shown.  */
#define EVA__REDACTION "[confidential]"

/* Octets of a line as it is shown, with its NUL.  */
#define EVA__REDACTED_SIZE (EVA_LINE_SIZE + sizeof EVA__REDACTION)

/* Each writes to BUF what may be shown of the LEN octets of LINE, and a NUL behind it, and returns
   its length.  It shows which line that is, but neither what the line says nor how long it is.  */

/* Of a request.  */
size_t eva__redact_request (const char *line, size_t len, char buf[EVA__REDACTED_SIZE]);

/* Of a line that came in place of an answer to an inquiry.  */
size_t eva__redact_answer (char *line, size_t len, char buf[EVA__REDACTED_SIZE]);

/* Of a line of the server.  */
size_t eva__redact_response (const char *line, size_t len, char buf[EVA__REDACTED_SIZE]);

#endif /* EVA__ASSUAN_REDACT_H */
