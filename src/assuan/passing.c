/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* passing.c - descriptors that are passed, and how commands name them.  */

#include "assuan/connection.h"
#include "assuan/drive.h"
#include "assuan/error.h"
#include "assuan/lifetime.h"
#include "assuan/outgoing.h"
#include "assuan/say.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Returns an error with a text for the client, which sent the wrong line.  */
static gpg_error_t
fd_error (assuan_context_t ctx, gpg_err_code_t code, const char *text) {
  return assuan_set_error (ctx, eva__ctx_error (ctx, code), text);
}

/* Not a Unix socket, or the program did not ask for descriptor passing.  */
static gpg_error_t
cannot_pass (assuan_context_t ctx) {
  return fd_error (ctx, GPG_ERR_NOT_IMPLEMENTED,
                   "server does not support sending and receiving of file descriptors");
}

/* Queues FD, which leaves with the next octet.  A context that waits until it has left needs no
   copy.  */
static gpg_error_t
queue_fd (assuan_context_t ctx, assuan_fd_t fd) {
  int copy, rc;

  if (!ctx->drive) return eva__ctx_conn_error (ctx, eva_conn_send_fd (ctx->conn, fd));
  copy = fcntl (fd, F_DUPFD_CLOEXEC, 3);
  if (copy < 0) return eva__ctx_syserror (ctx);
  rc = eva__outgoing_fd_send (ctx, copy);
  if (rc) close (copy);
  return eva__ctx_conn_error (ctx, rc);
}

/* The octets for a queued FD could not be queued.  In a loop other descriptors may stand before it,
   and it must not leave with what is said next.  */
static gpg_error_t
unqueue_fd (assuan_context_t ctx, assuan_fd_t fd, int rc) {
  gpg_error_t err = eva__ctx_conn_error (ctx, rc);

  if (ctx->drive)
    eva__drive_fail (ctx->drive, err);
  else
    eva_conn_take_output_fd (ctx->conn, &fd);
  return err;
}

static gpg_error_t
send_fd (assuan_context_t ctx, assuan_fd_t fd) {
  const char *line;
  char text[64];
  gpg_error_t err;
  size_t len;
  int rc;

  if (!ctx->conn || !ctx->channel.passes_fds) return cannot_pass (ctx);
  err = eva__ctx_may_say (ctx);
  if (err) return err;
  if (fcntl (fd, F_GETFD) < 0) return eva__ctx_syserror (ctx);
  eva_conn_flush (ctx->conn);
  eva__ctx_show_output (ctx); /* data said before it */
  err = queue_fd (ctx, fd);
  if (err) return err;
  /* A descriptor needs octets to travel with; a comment is what every peer ignores.  */
  snprintf (text, sizeof text, "descriptor %d is in flight", fd);
  rc = eva_conn_comment (ctx->conn, text);
  if (rc) return unqueue_fd (ctx, fd, rc);
  while (eva_conn_inspect (ctx->conn, &line, &len))
    ; /* it is no line of the dialogue: neither logged nor monitored */
  /* The caller may close FD at once.  */
  return ctx->drive ? eva__ctx_said (ctx, 0) : eva__ctx_flush (ctx);
}

gpg_error_t
assuan_sendfd (assuan_context_t ctx, assuan_fd_t fd) {
  if (!ctx && fd == ASSUAN_INVALID_FD) return 0; /* yes, it is implemented */
  if (!ctx) return eva__ctx_error (ctx, GPG_ERR_ASS_INV_VALUE);
  eva__ctx_enter (ctx);
  return eva__ctx_leave_with (ctx, send_fd (ctx, fd));
}

gpg_error_t
assuan_receivefd (assuan_context_t ctx, assuan_fd_t *fd) {
  int received;

  if (!ctx || !fd) return eva__ctx_error (ctx, GPG_ERR_ASS_INV_VALUE);
  if (!ctx->conn || !ctx->channel.passes_fds) return cannot_pass (ctx);
  if (!eva_conn_take_fd (ctx->conn, &received)) return eva__ctx_error (ctx, GPG_ERR_ASS_GENERAL);
  *fd = received;
  return 0;
}

/* Reads the digits at TEXT into RET_FD, and blanks them.  Returns false if there are none or too
   many.  */
static bool
parse_number (char *text, assuan_fd_t *ret_fd) {
  int number = 0;
  char *p;

  for (p = text; *p >= '0' && *p <= '9'; p++) {
    if (number > (INT32_MAX - 9) / 10) return false;
    number = number * 10 + (*p - '0');
  }
  if (p == text) return false;
  memset (text, ' ', (size_t) (p - text));
  *ret_fd = number;
  return true;
}

/* `FD=n` names a descriptor that this process inherited.  The client of a socket cannot know such a
   number: it would name a descriptor of ours, or of another client.  */
static gpg_error_t
parse_inherited (assuan_context_t ctx, char *number, assuan_fd_t *ret_fd) {
  assuan_fd_t fd;

  if (!parse_number (number, &fd)) return fd_error (ctx, GPG_ERR_ASS_SYNTAX, "number required");
  if (ctx->kind == EVA__CTX_SERVER && !ctx->is_pipe)
    return fd_error (ctx, GPG_ERR_ASS_PARAMETER,
                     "a number means nothing over a socket: send the descriptor");
  if (fd == ctx->channel.in_fd)
    return fd_error (ctx, GPG_ERR_ASS_PARAMETER, "fd same as inbound fd");
  if (fd == ctx->channel.out_fd)
    return fd_error (ctx, GPG_ERR_ASS_PARAMETER, "fd same as outbound fd");
  *ret_fd = fd;
  return 0;
}

gpg_error_t
assuan_command_parse_fd (assuan_context_t ctx, char *line, assuan_fd_t *rfd) {
  if (!ctx || !line || !rfd) return eva__ctx_error (ctx, GPG_ERR_ASS_INV_VALUE);
  if (strncasecmp (line, "FD", 2) || !strchr (" \t=", line[2]))
    return fd_error (ctx, GPG_ERR_ASS_SYNTAX, "FD[=<n>] expected");
  if (line[2] == '=') return parse_inherited (ctx, line + 3, rfd);
  return assuan_receivefd (ctx, rfd);
}
