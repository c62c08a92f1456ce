/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* reaper.h - children whose client is gone.  */

#ifndef EVA__CLIENT_REAPER_H
#define EVA__CLIENT_REAPER_H

#include "eva-loop.h"

#include <sys/types.h>

/* Lets LOOP reap the child PID when it ends.  */
void eva__reaper_new (eva_loop *loop, pid_t pid);

#endif /* EVA__CLIENT_REAPER_H */
