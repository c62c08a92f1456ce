/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* message.h - what the tool itself has to say: one line each, on stderr, as `assuanctl: ...`; with
   --json the last failure is an object on stdout besides.

   A message says what failed, on what, why, and what to do.  */

#ifndef ASSUANCTL_MESSAGE_H
#define ASSUANCTL_MESSAGE_H

#include "status.h"

/* Says what failed, and returns STATUS, for `return message_fail (...)`.  The one of STATUS_ERR is
   not told as a failure in JSON: the server's ERR is there already.  */
enum status message_fail (enum status status, const char *format, ...)
    __attribute__ ((format (printf, 2, 3)));

/* The same for a break of the protocol.  */
enum status message_fail_protocol (const char *format, ...) __attribute__ ((format (printf, 1, 2)));

/* Says something that is no failure; nothing with --quiet.  */
void message_note (const char *format, ...) __attribute__ ((format (printf, 1, 2)));

#endif /* ASSUANCTL_MESSAGE_H */
