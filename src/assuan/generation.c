/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* generation.c - libevassuan is of libassuan's newest generation.  The tables of the drop-in
   libraries are in compat/.  */

#include "assuan/generation.h"

#include "assuan.h"

const struct eva__generation eva__generation = {
  .version = ASSUAN_VERSION,
  .greets_with_own_pid = true,
  .adds_pid_to_hello = true,
  .has_timeout = true,
  .clamps = true,
};
