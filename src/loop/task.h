/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* task.h - running the work that was put off.  */

#ifndef EVA__LOOP_TASK_H
#define EVA__LOOP_TASK_H

#include "loop/backend.h"

/* Makes the queues of LOOP, empty.  */
void eva__loop_init_tasks (eva_loop *loop);

/* Run tasks: all soon ones; those, some that let clients in or see them off, and a later one.  */
void eva__loop_run_soon_tasks (eva_loop *loop);
void eva__loop_run_tasks (eva_loop *loop);

#endif /* EVA__LOOP_TASK_H */
