/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* answer.c - the answer of a client of `serve` to an inquiry.

   The pump of the library writes the octets of the answer into a pipe, out of which they become
   lines here.  */

#include "answer.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Octets of data in a line: they fit even if each of them is escaped.  */
#define DATA_LEN  300u
#define CHUNK_LEN (16 * DATA_LEN)

struct answer {
  assuan_context_t ctx;
  void (*over) (void *arg); /* NULL: abandoned */
  void *arg;
  int from_fd; /* the reading end of the pump's pipe, or -1 */
  eva_source *from;
  int to_fd; /* -1: the command reads no more */
  eva_source *to;
  bool is_pumped; /* the pump has ended */
  bool is_ended;  /* END or CAN is among the lines */
  gpg_error_t err;
  char lines[CHUNK_LEN * 3 + 16 * 3 + 8];
  size_t begin, end; /* what waits to be written */
};

/* --- Life ------------------------------------------------------------------------------------- */

static void
close_from (struct answer *a) {
  eva_source_free (a->from);
  a->from = NULL;
  if (a->from_fd >= 0) close (a->from_fd);
  a->from_fd = -1;
}

static void
stop_writing (struct answer *a) {
  eva_source_free (a->to);
  a->to = NULL;
  a->to_fd = -1;
  explicit_bzero (a->lines, sizeof a->lines);
  a->begin = a->end = 0;
}

static void
free_answer (struct answer *a) {
  stop_writing (a);
  close_from (a);
  free (a);
}

void
answer_abandon (struct answer *a) {
  if (!a) return;
  a->over = NULL;
  stop_writing (a);
  close_from (a); /* which ends the pump, if the client goes on */
  if (a->is_pumped) free_answer (a);
}

/* --- Lines ------------------------------------------------------------------------------------ */

/* LEN octets of data, escaped.  */
static void
put_data (struct answer *a, const char *buf, size_t len) {
  for (size_t i = 0; i < len; i++) {
    unsigned char c = (unsigned char) buf[i];
    if (i % DATA_LEN == 0) a->end += (size_t) sprintf (a->lines + a->end, "%sD ", i ? "\n" : "");
    if (c == '%' || c == '\r' || c == '\n')
      a->end += (size_t) sprintf (a->lines + a->end, "%%%02X", c);
    else
      a->lines[a->end++] = (char) c;
  }
  a->lines[a->end++] = '\n';
}

static void
put_end (struct answer *a) {
  a->end += (size_t) sprintf (a->lines + a->end, "%s\n", a->err ? "CAN" : "END");
  a->is_ended = true;
}

/* Reads a chunk, or the end.  Returns false if nothing has come.  */
static bool
read_chunk (struct answer *a) {
  char buf[CHUNK_LEN];
  ssize_t n = read (a->from_fd, buf, sizeof buf);

  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  if (n <= 0) {
    close_from (a);
    return true;
  }
  if (a->to_fd >= 0) put_data (a, buf, (size_t) n);
  explicit_bzero (buf, (size_t) n);
  return true;
}

/* Writes what waits.  Returns false if the command has to read first.  */
static bool
write_lines (struct answer *a) {
  ssize_t n = write (a->to_fd, a->lines + a->begin, a->end - a->begin);

  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  if (n < 0) {
    stop_writing (a);
    return true;
  }
  a->begin += (size_t) n;
  if (a->begin < a->end) return false;
  explicit_bzero (a->lines, a->end);
  a->begin = a->end = 0;
  return true;
}

/* One step.  Returns false if A has to wait, or is over.  */
static bool
step (struct answer *a) {
  if (a->begin < a->end) return write_lines (a);
  if (a->is_ended) return false;
  if (a->from_fd >= 0) return read_chunk (a);
  if (!a->is_pumped) return false;
  put_end (a);
  return a->to_fd >= 0;
}

static void go_on (struct answer *a);

static void
on_ready (void *arg, unsigned int revents) {
  (void) revents;
  go_on (arg);
}

/* The loop reports a pipe whose other end is closed again and again; so A watches it only while it
   wants something of it.  */
static void
watch_from (struct answer *a, bool is_wanted) {
  if (is_wanted && a->from_fd >= 0 && !a->from)
    a->from = eva_loop_add_fd (eva_get_loop (a->ctx), a->from_fd, EVA_READABLE, on_ready, a);
  if (is_wanted) return;
  eva_source_free (a->from);
  a->from = NULL;
}

static void
go_on (struct answer *a) {
  void (*over) (void *arg) = a->over;
  void *arg = a->arg;

  if (!over) return;
  while (step (a)) {}
  if (a->is_ended && (a->begin == a->end || a->to_fd < 0)) {
    free_answer (a);
    over (arg);
    return;
  }
  watch_from (a, a->begin == a->end);
  if (a->to) eva_source_set_events (a->to, a->begin < a->end ? EVA_WRITABLE : 0);
}

/* The command does not read 4 any more: A drops what comes.  */
static void
on_reader (void *arg, unsigned int revents) {
  struct answer *a = arg;

  if (revents & EVA_HANGUP) stop_writing (a);
  go_on (a);
}

/* --- The pump --------------------------------------------------------------------------------- */

static void
on_pumped (assuan_context_t ctx, void *arg, gpg_error_t err, uint64_t n_pumped) {
  struct answer *a = arg;

  (void) ctx;
  (void) n_pumped;
  a->is_pumped = true;
  a->err = err;
  if (a->over)
    go_on (a);
  else
    free_answer (a);
}

struct answer *
answer_begin (assuan_context_t ctx, const char *text, int to_fd, void (*over) (void *arg),
              void *arg) {
  struct eva_pump_config pump = {
    .from_fd = EVA_PUMP_CONNECTION, .flags = EVA_PUMP_CLOSE_TO, .inquiry = text, .done = on_pumped
  };
  struct answer *a = text_alloc (sizeof *a);
  int fd[2];

  *a = (struct answer) { .ctx = ctx, .over = over, .arg = arg, .from_fd = -1, .to_fd = to_fd };
  if (pipe2 (fd, O_CLOEXEC | O_NONBLOCK)) goto fail;
  a->from_fd = fd[0];
  a->from = eva_loop_add_fd (eva_get_loop (ctx), fd[0], EVA_READABLE, on_ready, a);
  a->to = eva_loop_add_fd (eva_get_loop (ctx), to_fd, 0, on_reader, a);
  pump.to_fd = fd[1];
  pump.arg = a;
  if (a->from && a->to && !eva_pump (ctx, &pump)) return a;
  close (fd[1]);
fail:
  free_answer (a);
  return NULL;
}
