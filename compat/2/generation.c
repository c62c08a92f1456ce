/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* generation.c - libassuan.so.0 is libassuan 2.5.  */

#include "assuan/generation.h"

const struct eva__generation eva__generation = {
  .version = "2.5.5",
  .greets_with_own_pid = false,
  .adds_pid_to_hello = false,
  .has_timeout = false,
  .clamps = false,
};
