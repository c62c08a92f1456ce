/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* session.h - what gpg-agent is told of this session, so that its dialogs show where the user
   is.  */

#ifndef ASSUANCTL_SESSION_H
#define ASSUANCTL_SESSION_H

#include "connection.h"

/* Tells the agent at the other end of C.  An option that the agent does not know is no failure.  */
enum status session_tell (struct connection *c);

#endif /* ASSUANCTL_SESSION_H */
