/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* descriptor.c - the descriptors of INPUT and OUTPUT.  */

#include "assuan/descriptor.h"

#include "assuan/error.h"

#include <fcntl.h>

assuan_fd_t
assuan_get_input_fd (assuan_context_t ctx) {
  return ctx && ctx->extra ? ctx->extra->input_fd : ASSUAN_INVALID_FD;
}

assuan_fd_t
assuan_get_output_fd (assuan_context_t ctx) {
  return ctx && ctx->extra ? ctx->extra->output_fd : ASSUAN_INVALID_FD;
}

void
eva__ctx_close_unused (assuan_context_t ctx, assuan_fd_t fd) {
  if (fd != assuan_get_input_fd (ctx) && fd != assuan_get_output_fd (ctx))
    eva__io_sys_close (&ctx->shared->sys, fd);
}

/* Closes the descriptor at PLACE, through the program's hook, and forgets its number.  */
static gpg_error_t
close_fd (assuan_context_t ctx, assuan_fd_t *place) {
  assuan_fd_t fd = *place;

  if (fd == ASSUAN_INVALID_FD) return eva__ctx_error (ctx, GPG_ERR_ASS_INV_VALUE);
  *place = ASSUAN_INVALID_FD;
  eva__ctx_close_unused (ctx, fd);
  return 0;
}

gpg_error_t
assuan_close_input_fd (assuan_context_t ctx) {
  if (!ctx || !ctx->extra) return eva__ctx_error (ctx, GPG_ERR_ASS_INV_VALUE);
  return close_fd (ctx, &ctx->extra->input_fd);
}

gpg_error_t
assuan_close_output_fd (assuan_context_t ctx) {
  if (!ctx || !ctx->extra) return eva__ctx_error (ctx, GPG_ERR_ASS_INV_VALUE);
  return close_fd (ctx, &ctx->extra->output_fd);
}

void
eva__ctx_close_fds (assuan_context_t ctx) {
  int fd;

  assuan_close_input_fd (ctx);
  assuan_close_output_fd (ctx);
  while (ctx->conn && eva_conn_take_fd (ctx->conn, &fd))
    eva__io_sys_close (&ctx->shared->sys, fd);
}

assuan_fd_t
assuan_fdopen (int fd) {
  return fcntl (fd, F_DUPFD_CLOEXEC, 0);
}
