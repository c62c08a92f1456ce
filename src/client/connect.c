/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* connect.c - clients that are made for a connection which is still to come.  */

#include "assuan/error.h"
#include "client/dial.h"
#include "client/launch.h"
#include "client/reason.h"
#include "io/duration.h"
#include "io/program.h"

#include <stdlib.h>
#include <string.h>

/* Replaces the zeros of the configuration by the defaults.  */
static void
configure (struct eva__client *client, const struct eva_connect_config *config) {
  struct eva_connect_config *c = &client->config;

  if (config) *c = *config;
  if (!c->connect_timeout_ms) c->connect_timeout_ms = EVA_DEFAULT_CONNECT_TIMEOUT_MS;
  if (!c->greeting_timeout_ms) c->greeting_timeout_ms = EVA_DEFAULT_GREETING_TIMEOUT_MS;
  if (c->start_argv && !c->retry_ms) c->retry_ms = EVA_DEFAULT_START_TIMEOUT_MS;
  client->driven.limits = c->limits;
  eva__drive_complete_limits (&client->driven.limits);
  client->driven.over = c->closed;
  client->driven.over_arg = c->arg;
  client->dial_deadline_ns = EVA_NO_DEADLINE;
  if (c->retry_ms) client->dial_until_ns = eva_now () + eva__io_ns_of_ms (c->retry_ms);
}

/* Makes the client and its context; from here on releasing the context frees both.  */
static struct eva__client *
make (eva_loop *loop, const char *address, const struct eva_connect_config *config,
      gpg_error_t *ret_err) {
  struct eva__client *client = eva__client_new ();
  assuan_context_t ctx = NULL;

  *ret_err = client ? assuan_new (&ctx) : eva__ctx_error (NULL, GPG_ERR_ENOMEM);
  if (*ret_err || !ctx) {
    free (client);
    return NULL;
  }
  eva__io_sys_init (&ctx->shared->sys, ctx, eva__io_sys_default ());
  ctx->kind = EVA__CTX_CLIENT;
  ctx->drive = &client->driven.at.drive;
  ctx->drive->ctx = ctx;
  configure (client, config);
  client->address = strdup (address);
  if (client->address && !eva__launch_init (client, config) && !eva__loop_reserve_timers (loop, 1))
    client->home = loop;
  if (client->home) return client;
  *ret_err = eva__ctx_error (ctx, GPG_ERR_ENOMEM);
  assuan_release (ctx);
  return NULL;
}

#define KNOWN_FLAGS                                                                                \
  (EVA_CONNECT_FDPASSING | EVA_CONNECT_STDERR | EVA_CONNECT_LAST_STDERR | EVA_CONNECT_LATE_ERRORS)

/* Returns true if what CONFIG tells of programs makes sense.  */
static bool
is_possible (const struct eva_connect_config *config) {
  if (!config) return true;
  return (!config->start_argv || config->start_argv[0])
         && eva__io_program_can_set (config->environment);
}

/* What these point to is there within eva_connect alone.  */
static void
forget_words (struct eva__client *client) {
  struct eva_connect_config *c = &client->config;

  c->argv = c->environment = c->start_argv = NULL;
  c->directory = NULL;
}

gpg_error_t
eva_connect (eva_loop *loop, const char *address, const struct eva_connect_config *config,
             assuan_context_t *ret_ctx) {
  struct eva__client *client;
  assuan_context_t ctx;
  gpg_error_t err;

  if (loop) eva__loop_take_failure (loop, NULL);
  if (!loop || !address || !ret_ctx || (config && config->flags & ~KNOWN_FLAGS))
    return eva__ctx_error (NULL, GPG_ERR_ASS_INV_VALUE);
  client = make (loop, address, config, &err);
  if (!client) return err;
  ctx = client->driven.at.drive.ctx;
  err = is_possible (config) ? eva__dial (client) : eva__ctx_error (ctx, GPG_ERR_INV_ARG);
  if (err) eva__reason_find (client, EVA__CLIENT_DIALLING, err);
  forget_words (client);
  if (err && client->config.flags & EVA_CONNECT_LATE_ERRORS) {
    client->fails_late = true;
    eva__dial_fail_soon (client, err);
    err = 0;
  }
  if (err) {
    eva__loop_take_failure (loop, client->reason);
    client->reason = NULL;
    assuan_release (ctx); /* the program has not seen it: no callback runs */
    return err;
  }
  if (client->stage == EVA__CLIENT_DIALLING) eva__dial_set_timer (client);
  *ret_ctx = ctx;
  return 0;
}
