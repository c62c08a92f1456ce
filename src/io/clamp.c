/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* clamp.c - the program's pair of functions around system calls that may wait.

   Several threads may come here for the first time together.  Each then asks for the pair and
   stores the same one, so a thread only has to see the flag after it sees the pair.  */

#include "io/clamp.h"

#include <errno.h>
#include <gpg-error.h>
#include <stdatomic.h>

typedef void (*clamp_fn) (void);

static _Atomic (clamp_fn) pre_fn, post_fn;
static atomic_bool is_known;

static void
learn (void) {
  clamp_fn pre = NULL, post = NULL;

  gpgrt_get_syscall_clamp (&pre, &post);
  atomic_store_explicit (&pre_fn, pre, memory_order_relaxed);
  atomic_store_explicit (&post_fn, post, memory_order_relaxed);
  atomic_store_explicit (&is_known, true, memory_order_release);
}

static void
learn_once (void) {
  if (!atomic_load_explicit (&is_known, memory_order_acquire)) learn ();
}

void
eva__io_clamp_begin (struct eva__io_clamp *clamp) {
  clamp_fn pre;

  learn_once ();
  pre = atomic_load_explicit (&pre_fn, memory_order_relaxed);
  clamp->post = atomic_load_explicit (&post_fn, memory_order_relaxed);
  if (pre) pre ();
}

void
eva__io_clamp_end (struct eva__io_clamp *clamp) {
  int saved = errno;

  if (clamp->post) clamp->post ();
  errno = saved;
}

bool
eva__io_clamp_is_set (void) {
  learn_once ();
  return atomic_load_explicit (&pre_fn, memory_order_relaxed) != NULL;
}

void
eva__io_clamp_reinit (void) {
  atomic_store_explicit (&is_known, false, memory_order_release);
}
