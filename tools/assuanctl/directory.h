/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* directory.h - directories of our own that no other user can enter.  */

#ifndef ASSUANCTL_DIRECTORY_H
#define ASSUANCTL_DIRECTORY_H

/* Makes one, below $XDG_RUNTIME_DIR, $TMPDIR or /tmp, in which a socket can have its file.  Returns
   its path, to be given to directory_remove, or NULL with errno.  */
char *directory_make (void);

/* Removes PATH and all that is in it, and frees it.  Links are removed, not followed.  NULL is
   allowed.  */
void directory_remove (char *path);

#endif /* ASSUANCTL_DIRECTORY_H */
