/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* connect.c - how clients get their connections: sockets, and servers that are started for
   them.  */

#include "assuan/client.h"
#include "assuan/connection.h"
#include "assuan/drive.h"
#include "assuan/error.h"
#include "assuan/lifetime.h"
#include "assuan/log.h"
#include "io/address.h"
#include "io/child.h"
#include "io/spawn.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

/* Returns ERR, or another error if a monitor or the log has released CTX meanwhile.  */
static gpg_error_t
unless_released (assuan_context_t ctx, gpg_error_t err) {
  return ctx->released ? eva__ctx_error (ctx, GPG_ERR_CANCELED) : err;
}

/* Waits for the greeting.  If there is none, takes leave, closes the connection and waits for
   the child, if there is one.  */
static gpg_error_t
shake_hands (assuan_context_t ctx) {
  gpg_error_t err = unless_released (ctx, eva__ctx_hear_greeting (ctx));

  if (err) eva__ctx_hang_up (ctx);
  eva__ctx_forget_line (ctx);
  return err;
}

/* A context has one connection: before the next one it takes leave of the one that it has, and of
   its child.  Returns an error if that was the end of CTX.  */
static gpg_error_t
leave_old (assuan_context_t ctx) {
  if (ctx->conn || ctx->is_child) eva__ctx_hang_up (ctx);
  return unless_released (ctx, 0);
}

/* Makes socket FD the connection of CTX.  FD is closed on failure.  */
static gpg_error_t
connect_socket (assuan_context_t ctx, assuan_fd_t fd, bool pass_fds) {
  gpg_error_t err = leave_old (ctx);

  if (err) {
    eva__io_sys_close (&ctx->shared->sys, fd);
    return err;
  }
  eva__ctx_connect (ctx, EVA__CTX_CLIENT, fd, fd, pass_fds);
  eva__ctx_learn_server_pid (ctx);
  return shake_hands (ctx);
}

/* Returns the error of a connection that could not be made.  Programs look for CONNECT_FAILED and
   start the server.  */
static gpg_error_t
connect_error (assuan_context_t ctx, const char *name) {
  gpg_err_code_t code = GPG_ERR_ASS_CONNECT_FAILED;
  bool is_uri = !strncmp (name, "assuan://", 9);

  if (errno == ETIME) code = GPG_ERR_TIMEOUT;
  if (errno == EINVAL) code = is_uri && name[9] ? GPG_ERR_BAD_URI : GPG_ERR_ASS_INV_VALUE;
  if (errno == ENAMETOOLONG || errno == ENOMEM || errno == EMFILE || errno == ENFILE)
    code = gpg_err_code_from_syserror ();
  eva__ctx_log (ctx, ASSUAN_LOG_SYSIO, "can't connect to `%s': %s", name, strerror (errno));
  return eva__ctx_error (ctx, code);
}

/* Returns as eva__io_address_connect.  */
static int
connect_in_time (assuan_context_t ctx, const char *name, assuan_fd_t *ret_fd) {
  struct eva__timeouts *timeouts = &ctx->shared->timeouts;
  struct eva__step outer = eva__timeouts_begin_step (timeouts, timeouts->set.connect_timeout_ms);
  bool is_local;
  int rc;

  eva__timeouts_begin_wait (timeouts, &ctx->shared->sys);
  rc = eva__io_address_connect (&ctx->shared->sys, name, &is_local, ret_fd);
  eva__timeouts_end_wait (timeouts, &ctx->shared->sys);
  eva__timeouts_end_step (timeouts, outer);
  return rc;
}

static gpg_error_t
connect_name (assuan_context_t ctx, const char *name, bool pass_fds) {
  assuan_fd_t fd;

  if (connect_in_time (ctx, name, &fd)) return connect_error (ctx, name);
  return connect_socket (ctx, fd, pass_fds);
}

gpg_error_t
assuan_socket_connect (assuan_context_t ctx, const char *name, pid_t server_pid,
                       unsigned int flags) {
  bool pass_fds = flags & ASSUAN_SOCKET_CONNECT_FDPASSING;

  (void) server_pid;
  if (!ctx || !name) return eva__ctx_error (ctx, GPG_ERR_ASS_INV_VALUE);
  if (ctx->drive) return eva__drive_refuse_connection (ctx);
  eva__ctx_enter (ctx);
  return eva__ctx_leave_with (ctx, connect_name (ctx, name, pass_fds));
}

gpg_error_t
assuan_socket_connect_fd (assuan_context_t ctx, int fd, unsigned int flags) {
  if (!ctx || fd < 0) return GPG_ERR_INV_ARG;
  if (ctx->drive) return eva__drive_refuse_connection (ctx);
  eva__ctx_enter (ctx);
  return eva__ctx_leave_with (ctx,
                              connect_socket (ctx, fd, flags & ASSUAN_SOCKET_CONNECT_FDPASSING));
}

/* Starts a child as HOW says, and connects to it.  */
static gpg_error_t
connect_child (assuan_context_t ctx, const struct eva__io_spawn *how) {
  gpg_error_t err = leave_old (ctx);
  assuan_fd_t in_fd, out_fd;
  pid_t pid;
  int rc;

  if (err) return err;
  rc = eva__io_spawn (&ctx->shared->sys, how, &in_fd, &out_fd, &pid);
  if (rc < 0) return eva__ctx_syserror (ctx);
  if (rc > 0) return 0; /* the child of a fork: its server is a context of its own */
  ctx->pid = pid;
  ctx->is_child = true;
  ctx->was_reaped = false;
  eva__ctx_connect (ctx, EVA__CTX_CLIENT, in_fd, out_fd, how->socketpair);
  return shake_hands (ctx);
}

gpg_error_t
assuan_pipe_connect (assuan_context_t ctx, const char *name, const char *argv[],
                     assuan_fd_t *fd_child_list, void (*atfork) (void *, int), void *atforkvalue,
                     unsigned int flags) {
  struct eva__io_spawn how = {
    .name = name,
    .argv = argv,
    .fd_list = fd_child_list,
    .atfork = atfork,
    .atfork_value = atforkvalue,
    .flags = flags & ASSUAN_PIPE_CONNECT_DETACHED ? ASSUAN_SPAWN_DETACHED : 0,
    .socketpair = flags & ASSUAN_PIPE_CONNECT_FDPASSING,
  };

  if (!ctx || !argv || (name ? !argv[0] : !how.socketpair))
    return eva__ctx_error (ctx, GPG_ERR_ASS_INV_VALUE);
  if (ctx->drive) return eva__drive_refuse_connection (ctx);
  eva__ctx_enter (ctx);
  return eva__ctx_leave_with (ctx, connect_child (ctx, &how));
}

/* --- The process of a server ------------------------------------------------------------------ */

/* If another part of the program has waited for the child, or the program ignores SIGCHLD, the
   number of the child means nothing any more.  */
static gpg_error_t
wait_error (assuan_context_t ctx) {
  if (errno == ECHILD) ctx->was_reaped = true;
  return eva__ctx_syserror (ctx);
}

gpg_error_t
assuan_pipe_wait_server_termination (assuan_context_t ctx, int *status, int no_hang) {
  int result = 0;
  pid_t pid;

  if (!ctx) return eva__ctx_error (ctx, GPG_ERR_ASS_INV_VALUE);
  if (!ctx->is_child || ctx->pid == ASSUAN_INVALID_PID)
    return eva__ctx_error (ctx, GPG_ERR_NO_SERVICE);
  if (ctx->was_reaped) return eva__ctx_error (ctx, GPG_ERR_ECHILD);
  if (!no_hang) {
    gpg_error_t err = eva__drive_may_wait (ctx);
    if (err) return err;
  }
  pid = ctx->shared->sys.hooks.waitpid (ctx, ctx->pid, 0, &result, no_hang ? WNOHANG : 0);
  if (pid < 0) return wait_error (ctx);
  if (!pid && no_hang) return eva__ctx_error (ctx, GPG_ERR_TIMEOUT);
  ctx->was_reaped = true;
  if (status) *status = result;
  return 0;
}

/* Returns true if the number of CTX's server is still that of its process.  It is a child until
   something waits for it.  What a waitpid hook of the program waits for may be no child.  */
static bool
has_server (assuan_context_t ctx) {
  if (!ctx->is_child || ctx->pid <= 0 || ctx->was_reaped) return false;
  return eva__io_sys_has_own_waitpid (&ctx->shared->sys) || eva__io_child_is_there (ctx->pid);
}

gpg_error_t
assuan_pipe_kill_server (assuan_context_t ctx) {
  if (!ctx) return eva__ctx_error (ctx, GPG_ERR_ASS_INV_VALUE);
  if (has_server (ctx)) kill (ctx->pid, SIGINT);
  return 0;
}
