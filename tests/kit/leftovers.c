/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* leftovers.c - what a test leaves behind.  See leftovers.h.  */

#include "leftovers.h"

#include "children.h"
#include "fds.h"
#include "tmpdir.h"

static unsigned int n_fds;

void
leftovers_begin (void) {
  n_fds = fds_count ();
}

void
leftovers_check (void) {
  tmpdir_remove ();
  assert_int_equal (fds_count (), n_fds);
  children_expect_none ();
}
