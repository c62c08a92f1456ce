/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fail.h - how functions of this room fail, and those of assuan.h that wrap calls of the
   system.  */

#ifndef EVA__IO_FAIL_H
#define EVA__IO_FAIL_H

#include <errno.h>

/* Sets errno to ERROR and returns -1.  */
static inline int
eva__io_fail (int error) {
  errno = error;
  return -1;
}

#endif /* EVA__IO_FAIL_H */
