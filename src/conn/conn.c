/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* conn.c - the life of an eva_conn, and its memory.  */

#include "conn/conn.h"

#include "wire/wipe.h"

void *
eva__conn_alloc (const struct eva_conn_config *config, size_t len) {
  return config->alloc (config->arg, len);
}

void
eva__conn_release (const struct eva_conn_config *config, void *ptr, size_t len) {
  if (!ptr) return;
  eva__wire_wipe (ptr, len);
  config->release (config->arg, ptr, len);
}

/* There is no default allocator: the core knows no libc, and an owner that keeps a pool must not be
   surprised by memory from elsewhere.  */
int
eva_conn_new (const struct eva_conn_config *config, eva_conn **ret_conn) {
  struct eva_conn_config full = *config;
  eva_conn *c;

  if (full.role != EVA_ROLE_SERVER && full.role != EVA_ROLE_CLIENT) return EVA_E_STATE;
  if (!full.alloc || !full.release) return EVA_E_STATE;
  c = eva__conn_alloc (&full, sizeof *c);
  if (!c) return EVA_E_NOMEM;
  *c = (eva_conn){ .config = full, .state = EVA_STATE_GREETING };
  eva_conn_set_limits (c, full.max_output_len, full.max_fds);
  *ret_conn = c;
  return 0;
}

void
eva_conn_set_limits (eva_conn *c, size_t max_output_len, size_t max_fds) {
  c->config.max_output_len = max_output_len ? max_output_len : EVA_DEFAULT_MAX_OUTPUT;
  c->config.max_fds = max_fds ? max_fds : EVA_DEFAULT_MAX_FDS;
}

/* CONFIG is copied first: the allocator is needed until the very last.  */
void
eva_conn_free (eva_conn *c) {
  struct eva_conn_config config;

  if (!c) return;
  config = c->config;
  eva__conn_drop_input (c);
  eva__conn_fds_clear (&c->in_fds, &config);
  eva__conn_fds_clear (&c->out_fds, &config);
  eva__conn_queue_clear (&c->out, &config);
  eva__conn_release (&config, c, sizeof *c);
}

enum eva_conn_state
eva_conn_get_state (const eva_conn *c) {
  return c->state;
}

void
eva_conn_close (eva_conn *c) {
  eva__conn_queue_close_line (&c->out);
  eva__conn_drop_input (c);
  eva__conn_set_state (c, EVA_STATE_CLOSED);
}
