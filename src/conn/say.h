/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* say.h - what a client says of its own accord.  */

#ifndef EVA__CONN_SAY_H
#define EVA__CONN_SAY_H

#include "eva-conn.h"

/* Says CAN whatever the state: the answer to an inquiry in a reply that nobody wants.  */
int eva__conn_say_can (eva_conn *c);

#endif /* EVA__CONN_SAY_H */
