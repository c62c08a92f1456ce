/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* dial.c - how a client gets its connection without waiting for it.

   Until then there is no eva_conn and nothing to drive: the client has a socket, a source and a
   timer of its own here.  If dialling ends, it ends by the same function as a connection that
   breaks, so that programs see one way of failing.

   Dialling is one try, or with retry_ms several with pauses between them.  A try has a deadline of
   its own (dial_deadline_ns), the next look has a time (dial_again_ns), and one timer is for
   both.  */

#include "client/dial.h"

#include "assuan/connection.h"
#include "assuan/error.h"
#include "assuan/lifetime.h"
#include "client/calls.h"
#include "client/launch.h"
#include "client/stderr.h"
#include "client/tunnel.h"
#include "io/dial.h"
#include "io/duration.h"
#include "io/process.h"
#include "io/program.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* A Unix socket whose queue is full is tried again after this time: the kernel does not tell when
   it has room.  */
#define BUSY_NS 10000000u

/* The pauses between two tries: the first, and the longest.  A daemon takes some milliseconds to
   start; one that takes seconds does not notice clients that ask twice a second.  */
#define FIRST_PAUSE_NS 20000000u
#define MAX_PAUSE_NS   500000000u

/* While dialling this is not known yet, and the address has to do.  */
bool
eva__client_passes_fds (const struct eva__client *client) {
  assuan_context_t ctx = client->driven.at.drive.ctx;

  if (ctx->conn) return ctx->channel.passes_fds;
  return client->is_local && (client->config.flags & EVA_CONNECT_FDPASSING);
}

/* The error that programs look for when they start a server that is not there.  */
static gpg_error_t
dial_error (struct eva__client *client) {
  assuan_context_t ctx = client->driven.at.drive.ctx;

  client->dial_error = errno;
  switch (errno) {
  case ENOENT:
  case ECONNREFUSED:
  case ENOTSOCK:
  case EPROTOTYPE:
  case EHOSTUNREACH:
  case ENETUNREACH:
    return eva__ctx_error (ctx, GPG_ERR_ASS_CONNECT_FAILED);
  case EINVAL:
    return eva__ctx_error (ctx, GPG_ERR_INV_ARG);
  default:
    return eva__ctx_syserror (ctx);
  }
}

/* Returns the path of the file at which CLIENT connects, or NULL if it is none.  */
static const char *
path_of (const struct eva__client *client) {
  const char *address = client->address;

  if (!strncmp (address, "unix:", 5))
    address += 5;
  else if (!strncmp (address, "file://", 7))
    address += 7;
  return *address == '/' ? address : NULL;
}

/* Returns true if errno is what a client gets whose server is about to start.  ENAMETOOLONG is that
   of a path at which such a server makes a file that leads to its socket.  */
static bool
may_come_up (const struct eva__client *client) {
  if (errno == ENAMETOOLONG) return !strncmp (client->address, "unix:/", 6);
  return errno == ENOENT || errno == ECONNREFUSED || errno == ETIMEDOUT;
}

/* --- Giving up -------------------------------------------------------------------------------- */

/* Ends a try.  */
static void
hang_up (struct eva__client *client) {
  eva_source_free (client->dial_source);
  client->dial_source = NULL;
  if (client->dial_fd >= 0) close (client->dial_fd);
  client->dial_fd = -1;
  client->dial_deadline_ns = EVA_NO_DEADLINE;
}

void
eva__dial_stop (struct eva__client *client) {
  hang_up (client);
  eva__launch_rest (client);
  if (client->home) eva__loop_cancel_timer (client->home, &client->dial_timer);
}

/* The connection could not be made.  */
static void
fail (struct eva__client *client, gpg_error_t err) {
  assuan_context_t ctx = client->driven.at.drive.ctx;

  eva__dial_stop (client);
  eva__tunnel_free (client);
  client->driven.at.drive.over = err;
  if (client->driven.at.is_told) return;
  client->driven.at.is_told = true;
  eva__ctx_enter (ctx);
  client->driven.at.drive.class->ops->over (&client->driven.at.drive);
  eva__ctx_leave (ctx);
}

static void on_dial_timer (struct eva__timer *timer);

/* A client may fail before it dials at all, so this is where the timer gets its function.  */
static void
set_timer (struct eva__client *client, uint64_t due_ns) {
  client->dial_timer.cb = on_dial_timer;
  eva__loop_set_timer (client->home, &client->dial_timer, due_ns);
}

/* Fails later: the program is in a call of its own, and may not expect its callbacks there.  */
void
eva__dial_fail_soon (struct eva__client *client, gpg_error_t err) {
  eva__dial_stop (client);
  eva__tunnel_free (client);
  client->driven.at.drive.over = err;
  set_timer (client, 0);
}

/* A try has failed with ERR.  Returns 0 if there will be another one, for which the timer has to be
   set, or ERR.  */
static gpg_error_t
try_again (struct eva__client *client, gpg_error_t err) {
  uint64_t now_ns = eva_now ();
  uint64_t pause_ns = client->dial_pause_ns ? client->dial_pause_ns : FIRST_PAUSE_NS;

  if (now_ns >= client->dial_until_ns) return err;
  hang_up (client);
  client->dial_again_ns = now_ns + pause_ns;
  if (client->dial_again_ns > client->dial_until_ns) client->dial_again_ns = client->dial_until_ns;
  client->dial_pause_ns = 2 * pause_ns < MAX_PAUSE_NS ? 2 * pause_ns : MAX_PAUSE_NS;
  return 0;
}

/* The same after what errno says.  */
static gpg_error_t
failed_try (struct eva__client *client) {
  bool is_early = may_come_up (client);
  gpg_error_t err = dial_error (client);

  return is_early ? try_again (client, err) : err;
}

/* The command has failed.  */
static void
try_at_once (struct eva__client *client) {
  client->dial_again_ns = 0;
  eva__dial_set_timer (client);
}

/* The same for an address whose server may have to be started.  */
static gpg_error_t
failed_dial (struct eva__client *client) {
  bool is_early = may_come_up (client);
  bool starts = client->launch && is_early && eva_now () < client->dial_until_ns;
  gpg_error_t err = dial_error (client), launch_err = 0;

  switch (starts ? eva__launch (client, path_of (client), try_at_once, &launch_err)
                 : EVA__LAUNCH_WAIT) {
  case EVA__LAUNCH_FAIL:
    return launch_err;
  case EVA__LAUNCH_TRY:
    hang_up (client);
    client->dial_again_ns = 0;
    return 0;
  default:
    if (is_early) err = try_again (client, err);
    if (err) eva__launch_explain (client);
    return err;
  }
}

/* --- The connection --------------------------------------------------------------------------- */

/* The descriptors are the context's on success.  On failure they are the caller's again, which
   knows whether it made them.  */
static gpg_error_t
connected (struct eva__client *client, int in_fd, int out_fd) {
  assuan_context_t ctx = client->driven.at.drive.ctx;
  bool passes_fds = eva__client_passes_fds (client);
  gpg_error_t err;

  eva__ctx_connect (ctx, EVA__CTX_CLIENT, in_fd, out_fd, passes_fds);
  if (client->child == ASSUAN_INVALID_PID && !client->tunnel) eva__ctx_learn_server_pid (ctx);
  eva__drive_init (&client->driven.at.drive, ctx);
  err = eva__attached_start (&client->driven.at, client->home);
  if (err) {
    ctx->channel.in_fd = ctx->channel.out_fd = ASSUAN_INVALID_FD;
    eva__ctx_disconnect (ctx);
    return err;
  }
  client->stage = EVA__CLIENT_GREETING;
  client->greeting_deadline_ns = eva_now () + eva__io_ns_of_ms (client->config.greeting_timeout_ms);
  return 0;
}

/* --- Waiting for it --------------------------------------------------------------------------- */

/* The socket is connected, or cannot be.  */
static void
decided (void *arg, unsigned int revents) {
  struct eva__client *client = arg;
  int rc = eva__io_dial_finish (client->dial_fd);
  int fd = client->dial_fd;
  gpg_error_t err;

  (void) revents;
  if (rc == EVA__IO_DIAL_PENDING) return;
  if (rc < 0) {
    err = failed_try (client);
    if (err)
      fail (client, err);
    else
      eva__dial_set_timer (client);
    return;
  }
  client->dial_fd = -1;
  eva__dial_stop (client);
  err = connected (client, fd, fd);
  if (!err) return;
  close (fd);
  fail (client, err);
}

void
eva__dial_set_timer (struct eva__client *client) {
  uint64_t due_ns = client->dial_deadline_ns;

  if (client->driven.at.drive.over) return; /* set already, by eva__dial_fail_soon */
  if (client->deadline_ns < due_ns) due_ns = client->deadline_ns;
  if (client->dial_again_ns < due_ns) due_ns = client->dial_again_ns;
  set_timer (client, due_ns);
}

/* Returns false if the connection was made, could not be made, or is not wanted any more.  */
static bool
is_dialling (const struct eva__client *client) {
  return client->stage == EVA__CLIENT_DIALLING && !client->driven.at.drive.ctx->released;
}

static void
on_dial_timer (struct eva__timer *timer) {
  struct eva__client *client = EVA__CONTAINER (struct eva__client, dial_timer, timer);
  assuan_context_t ctx = client->driven.at.drive.ctx;
  uint64_t now_ns = eva_loop_now (client->home);
  gpg_error_t err = client->driven.at.drive.over;
  bool is_late = !err && now_ns >= client->dial_deadline_ns;

  eva__ctx_enter (ctx);
  /* A socket that was connected in time counts, though the loop may report the deadline first.  */
  if (is_late && client->dial_fd >= 0) decided (client, 0);
  if (is_late && is_dialling (client) && now_ns >= client->dial_deadline_ns)
    err = try_again (client, eva__ctx_error (ctx, GPG_ERR_TIMEOUT));
  if (!err && is_dialling (client) && now_ns >= client->dial_again_ns) err = eva__dial (client);
  if (err)
    fail (client, err);
  else if (is_dialling (client))
    eva__call_expire (client, now_ns);
  if (is_dialling (client)) eva__dial_set_timer (client);
  eva__ctx_leave (ctx);
}

/* --- Once more -------------------------------------------------------------------------------- */

bool
eva__dial_may_begin_anew (const struct eva__client *client) {
  switch (gpg_err_code (client->driven.at.drive.over)) {
  case GPG_ERR_EOF:
  case GPG_ERR_EPIPE:
  case GPG_ERR_ECONNRESET:
    return eva_now () < client->dial_until_ns;
  default:
    return false;
  }
}

void
eva__dial_anew (struct eva__client *client) {
  gpg_error_t err = client->driven.at.drive.over;

  eva__ctx_disconnect (client->driven.at.drive.ctx);
  eva__drive_restart (&client->driven.at.drive);
  client->driven.at.is_told = client->dials_anew = false;
  client->stage = EVA__CLIENT_DIALLING;
  client->greeting_deadline_ns = EVA_NO_DEADLINE;
  if (try_again (client, err)) client->dial_again_ns = 0; /* for the last time */
  eva__dial_set_timer (client);
}

/* --- Dialling --------------------------------------------------------------------------------- */

/* Starts the program that START tells, with a pipe for its stderr if that is wanted.  Returns as
   eva__io_program_start.  */
static int
start_with_stderr (struct eva__client *client, struct eva__io_program_start *start, int *ret_in_fd,
                   int *ret_out_fd) {
  int rc;

  if (!(client->config.flags & EVA_CONNECT_LAST_STDERR) && !client->config.on_stderr)
    return eva__io_program_start (start, ret_in_fd, ret_out_fd, &client->child);
  if (eva__stderr_open (client, start)) return -1;
  rc = eva__io_program_start (start, ret_in_fd, ret_out_fd, &client->child);
  eva__stderr_opened (client);
  return rc;
}

/* The program could not be started, as errno says.  */
static gpg_error_t
program_error (struct eva__client *client) {
  assuan_context_t ctx = client->driven.at.drive.ctx;

  client->dial_error = errno;
  switch (errno) {
  case EINVAL:
    return eva__ctx_error (ctx, GPG_ERR_INV_ARG);
  case EBADMSG:
    return eva__ctx_error (ctx, GPG_ERR_SYNTAX);
  default:
    return eva__ctx_syserror (ctx);
  }
}

/* Starts the program of COMMAND, or if that is NULL of the configuration.  The caller of
   eva_connect acts on a program that is not there.  */
static gpg_error_t
start_program (struct eva__client *client, const char *command) {
  assuan_context_t ctx = client->driven.at.drive.ctx;
  struct eva__io_program_start start = {
    .command = command,
    .argv = command ? NULL : client->config.argv,
    .socketpair = client->config.flags & EVA_CONNECT_FDPASSING,
    .keeps_stderr = client->config.flags & EVA_CONNECT_STDERR,
    .environment = client->config.environment,
    .directory = client->config.directory,
  };
  int in_fd, out_fd;
  gpg_error_t err;

  if (start_with_stderr (client, &start, &in_fd, &out_fd)) return program_error (client);
  ctx->pid = client->child;
  client->child_of = eva__io_this_process ();
  client->reaper = client->home;
  err = connected (client, in_fd, out_fd);
  if (!err) return 0;
  close (in_fd);
  if (out_fd != in_fd) close (out_fd);
  return err;
}

/* Waits in the loop until FD is connected.  */
static gpg_error_t
await (struct eva__client *client, int fd) {
  client->dial_fd = fd;
  client->dial_source = eva_loop_add_fd (client->home, fd, EVA_WRITABLE, decided, client);
  return client->dial_source ? 0 : eva__ctx_syserror (client->driven.at.drive.ctx);
}

/* Returns true if the words of a program stand in for what the address lacks.  */
static bool
has_words (const struct eva__client *client) {
  return client->config.argv && !strcmp (client->address, "exec:");
}

/* ssh has ended.  */
static void
tunnel_ended (void *arg) {
  struct eva__client *client = arg;

  if (client->stage == EVA__CLIENT_DIALLING) try_at_once (client);
}

/* Starts ssh for NAME, or looks whether it has made its socket.  */
static gpg_error_t
dial_tunnel (struct eva__client *client, const char *name) {
  assuan_context_t ctx = client->driven.at.drive.ctx;
  struct eva__io_endpoint endpoint;
  const char *path;
  gpg_error_t err;
  int fd, rc;

  if (!client->tunnel) {
    /* That ssh has ended by then is for the loop to tell, however soon it does.  */
    client->dial_again_ns = eva_now () + FIRST_PAUSE_NS;
    return eva__tunnel_new (client, name, tunnel_ended);
  }
  path = eva__tunnel_get_path (client);
  if (!path) return eva__ctx_error (ctx, GPG_ERR_ASS_CONNECT_FAILED);
  if (eva__io_endpoint_parse (path, &endpoint)) return eva__ctx_syserror (ctx);
  rc = eva__io_dial (&endpoint, &fd);
  if (rc < 0 && !may_come_up (client)) return dial_error (client);
  if (rc == EVA__IO_DIAL_CONNECTED) {
    err = connected (client, fd, fd);
    if (err)
      close (fd);
    else
      eva__dial_stop (client);
    eva__tunnel_settle (client);
    return err;
  }
  client->dial_again_ns = eva_now () + FIRST_PAUSE_NS;
  return 0;
}

/* The address cannot be taken apart, as errno says.  If it is a path that is too long, a server may
   come up there.  */
static gpg_error_t
failed_parse (struct eva__client *client) {
  if (!may_come_up (client)) return dial_error (client);
  client->is_local = true;
  return failed_dial (client);
}

/* Begins to connect, or begins anew: a server that is starting up may have another socket by then,
   so the address is looked at each time.  */
gpg_error_t
eva__dial (struct eva__client *client) {
  assuan_context_t ctx = client->driven.at.drive.ctx;
  struct eva__io_endpoint endpoint;
  gpg_error_t err;
  int fd, rc;

  client->dial_again_ns = EVA_NO_DEADLINE;
  if (client->dial_deadline_ns == EVA_NO_DEADLINE)
    client->dial_deadline_ns = eva_now () + eva__io_ns_of_ms (client->config.connect_timeout_ms);
  if (client->launch && has_words (client)) return eva__ctx_error (ctx, GPG_ERR_INV_ARG);
  if (has_words (client)) {
    client->dial_until_ns = 0;
    client->is_local = true;
    return start_program (client, NULL);
  }
  if (eva__io_endpoint_parse (client->address, &endpoint)) return failed_parse (client);
  if (client->launch && !path_of (client)) return eva__ctx_error (ctx, GPG_ERR_INV_ARG);
  client->is_local =
      endpoint.kind != EVA__IO_ENDPOINT_INTERNET && endpoint.kind != EVA__IO_ENDPOINT_SSH;
  if (endpoint.kind != EVA__IO_ENDPOINT_UNIX && endpoint.kind != EVA__IO_ENDPOINT_INTERNET)
    client->dial_until_ns = 0;
  if (endpoint.kind == EVA__IO_ENDPOINT_SSH) return dial_tunnel (client, endpoint.name);
  if (endpoint.kind == EVA__IO_ENDPOINT_EXEC) return start_program (client, endpoint.name);
  rc = eva__io_dial (&endpoint, &fd);
  switch (rc) {
  case EVA__IO_DIAL_CONNECTED:
    err = connected (client, fd, fd);
    if (!err)
      eva__dial_stop (client);
    else if (endpoint.kind != EVA__IO_ENDPOINT_FD)
      close (fd);
    return err;
  case EVA__IO_DIAL_PENDING:
    return await (client, fd);
  case EVA__IO_DIAL_BUSY:
    client->dial_again_ns = eva_now () + BUSY_NS;
    return 0;
  default:
    return failed_dial (client);
  }
}
