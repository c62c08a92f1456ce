/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* obstacle.h - what stands in the way of a path, in words.  */

#ifndef EVA__IO_OBSTACLE_H
#define EVA__IO_OBSTACLE_H

#include "io/sentence.h"

#include <stdbool.h>
#include <sys/types.h>

/* Returns what a file of MODE is, as `a directory`.  */
const char *eva__io_obstacle_kind (mode_t mode);

/* Writes to S which of the directories of PATH is missing, none, or closed to this user.  Returns
   false if all of them are as they should be.  */
bool eva__io_obstacle_in_way (struct eva__io_sentence *s, const char *path);

/* Writes to S that this user may not ACTION (`write to`) FNAME, and whose it is.  Returns
   false if there is no such file.  */
bool eva__io_obstacle_rights (struct eva__io_sentence *s, const char *action, const char *fname);

#endif /* EVA__IO_OBSTACLE_H */
