/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* job.c - a command of a client of `serve` that is under way.

   Data come through one pipe and reports through another, so their order is not known.  But what
   the program wrote to its stdout before a report is in that pipe when the report is read, and goes
   to the client first.

   Nothing is read from either pipe while the client has much to take, or answers.  */

#include "job.h"
#include "answer.h"
#include "message.h"
#include "program.h"
#include "report.h"
#include "secret.h"
#include "text.h"
#include "worker.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHUNK_LEN 16384u
#define MAX_STEPS 64 /* in a turn of the loop */

/* A pipe that is read.  */
struct stream {
  int fd; /* -1: none, or at its end */
  eva_source *source;
  size_t n_left; /* octets that the program left in it when it ended */
};

struct job {
  struct peer *peer;
  assuan_context_t ctx;
  const struct catalog_entry *entry; /* of the peer's catalog */
  char *args;
  struct worker *worker; /* NULL: waits for its turn, or has ended */
  struct stream out, reports;
  size_t n_due;  /* octets of out that go in front of the reports that were read */
  int answer_fd; /* the writing end of the program's 4, or -1 */
  struct answer *answer;
  struct report_buffer buffer;
  bool has_begun; /* its program, or that failed */
  bool has_ended;
  int status; /* of waitpid */
  bool has_result;
  gpg_error_t result;
  char *text; /* behind OK, or of ERR */
};

/* --- Life ------------------------------------------------------------------------------------- */

static void
close_stream (struct stream *stream) {
  eva_source_free (stream->source);
  if (stream->fd >= 0) close (stream->fd);
  *stream = (struct stream) { .fd = -1 };
}

static void
free_job (struct job *j) {
  answer_abandon (j->answer);
  close_stream (&j->out);
  close_stream (&j->reports);
  if (j->answer_fd >= 0) close (j->answer_fd);
  j->peer->job = NULL;
  secret_free (j->args);
  secret_free (j->text);
  explicit_bzero (&j->buffer, sizeof j->buffer);
  free (j);
}

static gpg_error_t
user_error (gpg_err_code_t code) {
  return gpg_err_make (GPG_ERR_SOURCE_USER_1, code);
}

/* --- Results ---------------------------------------------------------------------------------- */

static gpg_err_code_t
code_of (int exit_status) {
  static const struct {
    int status;
    gpg_err_code_t code;
  } table[] = { { 0, GPG_ERR_NO_ERROR },
                { 1, GPG_ERR_GENERAL },
                { 2, GPG_ERR_ASS_PARAMETER },
                { 75, GPG_ERR_EAGAIN },
                { 77, GPG_ERR_FORBIDDEN },
                { 78, GPG_ERR_NOT_SUPPORTED },
                { 126, GPG_ERR_ASSUAN_SERVER_FAULT },
                { 127, GPG_ERR_ASSUAN_SERVER_FAULT } };

  for (size_t i = 0; i < sizeof table / sizeof *table; i++)
    if (table[i].status == exit_status) return table[i].code;
  return GPG_ERR_GENERAL;
}

/* What the program's end says, unless it has said OK or ERR itself.  */
static void
judge (struct job *j) {
  int exit_status = WIFEXITED (j->status) ? WEXITSTATUS (j->status) : -1;

  if (j->has_result) return;
  j->result = exit_status ? user_error (GPG_ERR_ASSUAN_SERVER_FAULT) : 0;
  if (exit_status > 0) j->result = user_error (code_of (exit_status));
  if (exit_status < 0)
    j->text = text_format ("killed by signal %d", WTERMSIG (j->status));
  else if (exit_status > 2 && exit_status != 75 && exit_status != 77 && exit_status != 78)
    j->text = text_format ("exit status %d", exit_status);
}

static void
finish (struct job *j) {
  assuan_context_t ctx = j->ctx;
  gpg_error_t err;

  judge (j);
  err = j->result;
  if (err)
    assuan_set_error (ctx, err, j->text);
  else if (j->text && *j->text)
    assuan_set_okay_line (ctx, j->text);
  assuan_close_input_fd (ctx);
  assuan_close_output_fd (ctx);
  free_job (j);
  assuan_process_done (ctx, err);
}

/* --- Reports ---------------------------------------------------------------------------------- */

static void go_on (struct job *j);
static void on_readable (void *arg, unsigned int revents);

/* What follows the first word may be meant for the client alone.  */
static void
complain (const struct job *j, const char *line) {
  int len = (int) strcspn (line, " ");

  message_note ("%s: on descriptor 3 '%.*s' is none of S KEYWORD, #, D, INQUIRE KEYWORD, OK, ERR "
                "CODE",
                j->entry->name, len < 20 ? len : 20, line);
}

static void
complain_of_length (const struct job *j) {
  message_note ("%s: a line on descriptor 3 is too long, and is dropped", j->entry->name);
}

static void
on_answered (void *arg) {
  struct job *j = arg;

  j->answer = NULL;
  go_on (j);
}

static void
inquire (struct job *j, const char *text) {
  static const char refusal[] = "CAN\n";

  if (j->has_ended) return; /* it does not wait for the answer */
  assuan_send_data (j->ctx, NULL, 0);
  j->answer = answer_begin (j->ctx, text, j->answer_fd, on_answered, j);
  if (!j->answer && write (j->answer_fd, refusal, strlen (refusal)) < 0) {}
}

static void
set_result (struct job *j, gpg_error_t err, const char *text) {
  secret_free (j->text);
  j->has_result = true;
  j->result = err;
  j->text = *text ? text_dup (text) : NULL;
}

static void
handle (struct job *j, char *line, size_t len) {
  char *copy = text_part (line, len);
  struct report report = report_parse (line, len);

  if (len > ASSUAN_LINELENGTH - 2 && report.kind != REPORT_DATA) {
    complain_of_length (j);
    secret_free (copy);
    return;
  }
  switch (report.kind) {
  case REPORT_STATUS:
    assuan_write_status (j->ctx, report.word, report.text);
    break;
  case REPORT_COMMENT:
    assuan_write_line (j->ctx, report.text);
    break;
  case REPORT_DATA:
    assuan_send_data (j->ctx, report.text, report.len);
    break;
  case REPORT_INQUIRE:
    inquire (j, report.text);
    break;
  case REPORT_OK:
  case REPORT_ERR:
    set_result (j, report.err, report.text);
    break;
  default:
    complain (j, copy);
  }
  secret_free (copy);
}

/* Handles the next report.  Returns false if there is none.  */
static bool
handle_next (struct job *j) {
  bool is_last = j->reports.fd < 0 || (j->has_ended && !j->reports.n_left), is_too_long;
  size_t len;
  char *line = report_next (&j->buffer, is_last, &len, &is_too_long);

  if (is_too_long) complain_of_length (j);
  if (!line) return is_too_long;
  handle (j, line, len);
  return true;
}

/* --- Reading ---------------------------------------------------------------------------------- */

static size_t
waiting_in (const struct stream *stream) {
  int n = 0;

  if (stream->fd < 0 || ioctl (stream->fd, FIONREAD, &n) || n < 0) return 0;
  return (size_t) n;
}

/* Reads from STREAM.  Returns how many octets came, 0 if none did.  */
static size_t
read_stream (struct job *j, struct stream *stream, char *buf, size_t size) {
  ssize_t n;

  if (stream->fd < 0 || (j->has_ended && !stream->n_left)) return 0;
  n = read (stream->fd, buf, size);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
  if (n <= 0) {
    close_stream (stream);
    return 0;
  }
  stream->n_left -= (size_t) n < stream->n_left ? (size_t) n : stream->n_left;
  return (size_t) n;
}

static bool
read_reports (struct job *j) {
  size_t size, n;
  char *room = report_room (&j->buffer, &size);

  if (!size) return false;
  n = read_stream (j, &j->reports, room, size);
  report_fed (&j->buffer, n);
  if (n) j->n_due = waiting_in (&j->out);
  return n > 0;
}

/* If less than a chunk came, the pipe is empty for now: the client gets it at once.  */
static bool
read_data (struct job *j) {
  char buf[CHUNK_LEN];
  size_t n = read_stream (j, &j->out, buf, sizeof buf);

  if (n) assuan_send_data (j->ctx, buf, n);
  if (n && n < sizeof buf) assuan_send_data (j->ctx, NULL, 0);
  explicit_bzero (buf, n);
  j->n_due -= n < j->n_due ? n : j->n_due;
  if (!n) j->n_due = 0;
  return n > 0;
}

static void
on_room (assuan_context_t ctx, void *arg) {
  (void) ctx;
  go_on (arg);
}

static bool
is_full (struct job *j) {
  return eva_get_queued_len (j->ctx) >= EVA_DEFAULT_HIGH_WATER_LEN;
}

/* One step; returns false if there is nothing to do for now.  */
static bool
step (struct job *j) {
  bool was_due;

  if (j->answer || is_full (j)) return false;
  if (!j->n_due && read_reports (j)) return true;
  if (!j->n_due && handle_next (j)) return true;
  was_due = j->n_due > 0;
  return read_data (j) || was_due;
}

/* The loop reports a pipe whose other end is closed again and again; so a pipe is watched only
   while something is wanted of it.  */
static void
watch (struct job *j, struct stream *stream, bool is_wanted) {
  if (is_wanted && stream->fd >= 0 && !stream->source)
    stream->source =
        eva_loop_add_fd (eva_get_loop (j->ctx), stream->fd, EVA_READABLE, on_readable, j);
  if (is_wanted) return;
  eva_source_free (stream->source);
  stream->source = NULL;
}

/* Returns true if the program has ended, and all that it wrote is with the client.  */
static bool
is_over (struct job *j) {
  return j->has_ended && !j->answer && !j->out.n_left && !j->reports.n_left
         && j->buffer.begin == j->buffer.end;
}

static void
go_on (struct job *j) {
  int n = 0;
  bool is_held;

  while (n < MAX_STEPS && step (j))
    n++;
  if (is_over (j)) {
    finish (j);
    return;
  }
  if (is_full (j) || n == MAX_STEPS) eva_set_writable (j->ctx, on_room, j);
  is_held = j->answer || is_full (j) || j->has_ended;
  watch (j, &j->out, !is_held);
  watch (j, &j->reports, !is_held);
}

static void
on_readable (void *arg, unsigned int revents) {
  (void) revents;
  go_on (arg);
}

/* --- The program ------------------------------------------------------------------------------ */

static void
on_program_ended (void *arg, int status) {
  struct job *j = arg;

  j->worker = NULL;
  j->has_ended = true;
  j->status = status;
  j->reports.n_left = waiting_in (&j->reports);
  j->out.n_left = waiting_in (&j->out);
  answer_abandon (j->answer);
  j->answer = NULL;
  go_on (j);
}

static void on_turn (void *arg);

/* The peer may have a next command that waits for this program to be gone.  */
static void
on_program_gone (void *arg) {
  struct peer *peer = arg;

  peer->has_program = false;
  turn_end (&peer->turn);
  if (peer->job && !peer->job->has_begun) turn_take (&peer->turn, on_turn, peer->job);
  peer_unref (peer);
}

/* A pipe of which FD[0] is read here, without waiting; or written, if IS_WRITTEN.  Returns the
   program's end, or -1 with errno.  */
static int
make_pipe (int *ret_own, bool is_written) {
  int fd[2], own;

  if (pipe2 (fd, O_CLOEXEC)) return -1;
  own = fd[is_written ? 1 : 0];
  fcntl (own, F_SETFL, O_NONBLOCK);
  *ret_own = own;
  return fd[is_written ? 0 : 1];
}

/* What the program has as 0 to 4; RET_PIPES gets those that are closed after its start.  */
static int
open_fds (struct job *j, int fds[5], int pipes[4]) {
  assuan_fd_t in = assuan_get_input_fd (j->ctx), out = assuan_get_output_fd (j->ctx);

  if (in == ASSUAN_INVALID_FD) in = pipes[0] = open ("/dev/null", O_RDONLY | O_CLOEXEC);
  if (out == ASSUAN_INVALID_FD) out = pipes[1] = make_pipe (&j->out.fd, false);
  pipes[2] = make_pipe (&j->reports.fd, false);
  pipes[3] = make_pipe (&j->answer_fd, true);
  fds[0] = in;
  fds[1] = out;
  fds[2] = -1;
  fds[3] = pipes[2];
  fds[4] = pipes[3];
  return in < 0 || out < 0 || pipes[2] < 0 || pipes[3] < 0 ? -1 : 0;
}

/* The words of the program's command line, to be freed in one piece: a client's words are never put
   into the text of a shell command.  */
static const char **
make_argv (struct job *j, const char **words) {
  size_t n = 0, n_words = 0;
  const char **argv;

  while (words[n_words])
    n_words++;
  argv = text_alloc ((n_words + 5) * sizeof *argv);
  if (j->entry->program) {
    argv[n++] = j->entry->program;
  } else {
    argv[n++] = "/bin/sh";
    argv[n++] = "-c";
    argv[n++] = j->entry->command;
    argv[n++] = j->entry->name; /* $0 */
  }
  memcpy (argv + n, words, n_words * sizeof *argv);
  return argv;
}

static struct worker *
start (struct job *j) {
  int fds[5], pipes[4] = { -1, -1, -1, -1 };
  char **env = peer_make_env (j->peer, j->entry->name, j->args);
  const char **words = program_split (j->args), **argv = make_argv (j, words);
  struct worker_config config = { .argv = argv,
                                  .env = env,
                                  .fds = fds,
                                  .n_fds = 5,
                                  .ended = on_program_ended,
                                  .arg = j,
                                  .gone = on_program_gone,
                                  .gone_arg = j->peer };
  struct worker *worker = env && !open_fds (j, fds, pipes) ? worker_start (&config) : NULL;
  int error = errno;

  for (size_t i = 0; i < 4; i++)
    if (pipes[i] >= 0) close (pipes[i]);
  if (env) peer_free_env (env);
  free (argv);
  free (words);
  errno = error;
  return worker;
}

/* If the program cannot be started, the answer comes out of the loop, after the handler has
   returned.  */
static void
on_turn (void *arg) {
  struct job *j = arg;

  j->has_begun = true;
  j->worker = start (j);
  if (j->worker) {
    j->peer->has_program = true;
    peer_ref (j->peer);
    watch (j, &j->out, true);
    watch (j, &j->reports, true);
    return;
  }
  j->has_ended = j->has_result = true;
  j->result = user_error (GPG_ERR_ASSUAN_SERVER_FAULT);
  j->text = text_format ("cannot be run: %s", strerror (errno));
  message_note ("%s %s", j->entry->name, j->text);
  close_stream (&j->out);
  close_stream (&j->reports);
  eva_set_writable (j->ctx, on_room, j);
  turn_end (&j->peer->turn);
}

/* --- The command ------------------------------------------------------------------------------ */

/* The client is gone, or the time of the command is over.  */
static void
on_cancel (assuan_context_t ctx, void *arg, gpg_error_t reason) {
  struct job *j = arg;
  int fd = j->reports.fd;

  (void) ctx;
  (void) reason;
  eva_source_free (j->reports.source);
  j->reports = (struct stream) { .fd = -1 };
  if (j->worker)
    worker_end (j->worker, fd);
  else if (fd >= 0)
    close (fd);
  if (j->peer->turn.is_waiting) turn_end (&j->peer->turn);
  free_job (j);
}

gpg_error_t
job_begin (struct peer *peer, const struct catalog_entry *entry, const char *args) {
  struct job *j = text_alloc (sizeof *j);
  gpg_error_t err;

  *j = (struct job) { .peer = peer, .ctx = peer->ctx, .entry = entry, .answer_fd = -1 };
  j->out.fd = j->reports.fd = -1;
  err = eva_set_cancel (peer->ctx, on_cancel, j);
  if (err) {
    free (j);
    return err;
  }
  j->args = text_dup (args);
  peer->job = j;
  if (!peer->has_program) turn_take (&peer->turn, on_turn, j);
  return eva_defer (peer->ctx);
}
