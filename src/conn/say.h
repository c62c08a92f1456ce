/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* say.h - what a client says on its own.  */

#ifndef EVA__CONN_SAY_H
#define EVA__CONN_SAY_H

#include "eva-conn.h"

/* Says CAN in any state: the answer to an inquiry in a reply that was given up.  */
int eva__conn_say_can (eva_conn *c);

#endif /* EVA__CONN_SAY_H */
