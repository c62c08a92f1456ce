/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* defaults.c - what new contexts start with.

   These are the library's only mutable globals.  A program sets them before its second thread.  */

#include "assuan/defaults.h"

#include "assuan/generation.h"
#include "assuan/log.h"

#include <stdlib.h>

static gpg_err_source_t default_err_source = GPG_ERR_SOURCE_USER_1;
static struct assuan_malloc_hooks default_malloc_hooks = { malloc, realloc, free };
static assuan_log_cb_t default_log_cb = eva__log_default_cb;
static void *default_log_cb_data;
static struct assuan_system_hooks default_system_hooks; /* version 0: none were set */

void
assuan_set_gpg_err_source (gpg_err_source_t errsource) {
  default_err_source = errsource;
}

gpg_err_source_t
assuan_get_gpg_err_source (void) {
  return default_err_source;
}

void
assuan_set_malloc_hooks (assuan_malloc_hooks_t malloc_hooks) {
  if (malloc_hooks) default_malloc_hooks = *malloc_hooks;
}

assuan_malloc_hooks_t
assuan_get_malloc_hooks (void) {
  return &default_malloc_hooks;
}

void
assuan_set_log_cb (assuan_log_cb_t log_cb, void *log_cb_data) {
  default_log_cb = log_cb;
  default_log_cb_data = log_cb_data;
}

void
assuan_get_log_cb (assuan_log_cb_t *log_cb, void **log_cb_data) {
  *log_cb = default_log_cb;
  *log_cb_data = default_log_cb_data;
}

void
assuan_set_system_hooks (assuan_system_hooks_t system_hooks) {
  struct eva__io_sys sys;

  if (!system_hooks) return;
  eva__io_sys_init (&sys, NULL, system_hooks);
  default_system_hooks = sys.hooks;
}

/* Hooks of a program are called without the clamp: a program that brings them knows how its threads
   wait.  */
void
eva__default_sys_init (struct eva__io_sys *sys, assuan_context_t ctx) {
  if (default_system_hooks.version)
    eva__io_sys_init (sys, ctx, &default_system_hooks);
  else if (eva__generation.clamps)
    eva__io_sys_init_clamped (sys, ctx);
  else
    eva__io_sys_init (sys, ctx, NULL);
}

gpg_error_t
assuan_control (enum assuan_ctl_cmds cmd, void *arg) {
  (void) arg;
  if (cmd == ASSUAN_CONTROL_REINIT_SYSCALL_CLAMP) eva__io_clamp_reinit ();
  return 0;
}

/* Reads the next number of a version at *TEXT and moves behind it and one dot.  Returns -1 if
   there is none.  */
static long
version_part (const char **text) {
  char *end;
  long number;

  if (**text < '0' || **text > '9') return -1;
  if (**text == '0' && (*text)[1] >= '0' && (*text)[1] <= '9') return -1; /* as libassuan sees it */
  number = strtol (*text, &end, 10);
  *text = *end == '.' ? end + 1 : end;
  return number;
}

const char *
assuan_check_version (const char *req_version) {
  const char *have = eva__generation.version;

  if (!req_version) return eva__generation.version;
  if (req_version[0] == 1 && req_version[1] == 1)
    return "\n\nThis is evassuan, an implementation of the Assuan protocol\n"
           "SPDX-License-Identifier: LGPL-2.1-or-later\n\n";
  for (int i = 0; i < 3; i++) {
    long wanted = version_part (&req_version);
    long ours = version_part (&have);
    if (wanted < 0) return NULL;
    if (wanted != ours) return wanted < ours ? eva__generation.version : NULL;
  }
  return eva__generation.version;
}
