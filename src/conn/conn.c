/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* conn.c - the life of an eva_conn, and questions to it.  */

#include "conn/conn.h"

#include "conn/input.h"
#include "wire/wipe.h"

/* An eva_conn with a configuration of its own.  */
struct owned {
  eva_conn conn;
  struct eva_conn_config config;
};

void
eva__conn_complete_config (struct eva_conn_config *config) {
  if (!config->max_output_len) config->max_output_len = EVA_DEFAULT_MAX_OUTPUT;
  if (!config->max_fds) config->max_fds = EVA_DEFAULT_MAX_FDS;
  if (config->max_input_len < EVA_INPUT_SIZE) config->max_input_len = EVA_INPUT_SIZE;
  if (config->max_input_len > EVA_MOST_INPUT) config->max_input_len = EVA_MOST_INPUT;
}

/* There is no default allocator: the core does not use libc's, and an owner that keeps a pool must
   not get memory from elsewhere.  */
static bool
is_good (const struct eva_conn_config *config) {
  if (config->role != EVA_ROLE_SERVER && config->role != EVA_ROLE_CLIENT) return false;
  return config->alloc && config->release;
}

int
eva_conn_new (const struct eva_conn_config *config, eva_conn **ret_conn) {
  struct owned *owned;

  if (!is_good (config)) return EVA_E_STATE;
  owned = config->alloc (config->arg, sizeof *owned);
  if (!owned) return EVA_E_NOMEM;
  owned->config = *config;
  owned->config.flags &= ~EVA__CONN_BULK;
  eva__conn_complete_config (&owned->config);
  owned->conn = (eva_conn) { .owner = { .config = &owned->config, .arg = config->arg },
                             .state = EVA_STATE_GREETING };
  *ret_conn = &owned->conn;
  return 0;
}

void
eva__conn_init_shared (eva_conn *c, const struct eva_conn_config *config, void *arg) {
  *c = (eva_conn) { .owner = { .config = config, .arg = arg }, .state = EVA_STATE_GREETING };
}

void
eva__conn_set_config (eva_conn *c, const struct eva_conn_config *config) {
  c->owner.config = config;
}

void
eva__conn_move (eva_conn *c, char *from, char *to) {
  if (c->in.base == from)
    eva__wire_lines_move (&c->in, to, c->in.size);
  else
    eva__conn_queue_move (&c->out, from, to);
}

/* Gives back all that C has, through OWNER.  */
static void
clear (eva_conn *c, const struct eva__conn_owner *owner) {
  eva__conn_drop_input (c);
  eva__conn_fds_clear (&c->in_fds, owner);
  eva__conn_fds_clear (&c->out_fds, owner);
  eva__conn_queue_clear (&c->out, owner);
}

/* Copies the configuration first: it needs the allocator until the very end.  */
void
eva_conn_free (eva_conn *c) {
  struct eva__conn_owner owner;
  struct eva_conn_config config;

  if (!c) return;
  config = *c->owner.config;
  owner = (struct eva__conn_owner) { .config = &config, .arg = c->owner.arg };
  clear (c, &owner);
  eva__conn_release (&owner, c, sizeof (struct owned));
}

void
eva__conn_deinit (eva_conn *c) {
  clear (c, &c->owner);
  eva__wire_wipe (c, sizeof *c);
}

void
eva__conn_set_confidential (eva_conn *c, bool is_confidential) {
  c->out.is_secret = is_confidential;
}

enum eva_conn_state
eva_conn_get_state (const eva_conn *c) {
  return eva__conn_get_state (c);
}

void
eva_conn_close (eva_conn *c) {
  eva__conn_queue_close_line (&c->out);
  eva__conn_drop_input (c);
  eva__conn_set_state (c, EVA_STATE_CLOSED);
}
