/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tmpdir.h - a directory for one test alone, made when it is first asked for.  Its path is short
   enough for addresses of sockets.  */

#ifndef EVA_TESTS_KIT_TMPDIR_H
#define EVA_TESTS_KIT_TMPDIR_H

#include "assertions.h"

/* The path of the directory, valid until tmpdir_remove.  */
const char *tmpdir_get (void);

/* The path of NAME in it, valid until the next call but 15.  */
const char *tmpdir_path (const char *name);

/* Removes the directory with the files in it, if there is one.  leftovers_check calls it.  */
void tmpdir_remove (void);

#endif /* EVA_TESTS_KIT_TMPDIR_H */
