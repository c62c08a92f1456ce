/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* generation.c - libassuan.so.9 is libassuan 3.0.  */

#include "assuan/generation.h"

const struct eva__generation eva__generation = {
  .version = "3.0.2",
  .greets_with_own_pid = true,
  .adds_pid_to_hello = true,
  .has_timeout = true,
  .clamps = true,
};
