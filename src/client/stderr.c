/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* stderr.c - the lines that a started program writes to its stderr.

   A program that cannot go on says there why, and leaves.  The pipe is read all the time, or a
   program that says much would wait forever.  It may be hostile: a line has a limit, a turn reads
   one piece, and nothing grows.  */

#include "client/stderr.h"

#include "assuan/lifetime.h"
#include "loop/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What a turn reads, and the most that is read when the connection is over: by then the program has
   said what it had to, but another one may have the pipe, too.  */
#define READ_SIZE     4096
#define MAX_LAST_SIZE ((size_t) 64 * 1024)

/* Of a longer line the beginning is kept.  */
struct eva__stderr {
  struct eva__client *client;
  int fd;
  int program_fd; /* until the program has it */
  eva_source *source;
  bool is_telling; /* its callback runs, which may run the loop */
  bool is_over;    /* nothing is told any more */
  size_t len;      /* of the line that has not ended */
  char line[EVA_LINE_MAX + 1];
  char last[EVA_LINE_MAX + 1]; /* that was not empty */
};

static void
close_pipe (struct eva__stderr *err) {
  eva_source_free (err->source);
  err->source = NULL;
  if (err->fd >= 0) close (err->fd);
  err->fd = -1;
}

static void
tell (struct eva__stderr *err) {
  const struct eva_connect_config *config = &err->client->config;
  assuan_context_t ctx = eva__client_context (err->client);

  if (!config->on_stderr || err->is_over || ctx->released) return;
  eva__ctx_enter (ctx);
  err->is_telling = true;
  config->on_stderr (ctx, config->arg, err->line);
  err->is_telling = false;
  eva__ctx_leave (ctx);
}

/* The text is a string, so a NUL in it is told as another octet.  */
static void
end_line (struct eva__stderr *err) {
  if (err->len && err->line[err->len - 1] == '\r') err->len--;
  for (size_t i = 0; i < err->len; i++)
    if (!err->line[i]) err->line[i] = '?';
  err->line[err->len] = 0;
  if (err->len) memcpy (err->last, err->line, err->len + 1);
  err->len = 0;
  tell (err);
}

/* The program may not want the lines any more when it was told one.  */
static void
take (struct eva__stderr *err, const char *octets, size_t len) {
  for (size_t i = 0; i < len; i++)
    if (octets[i] == '\n')
      end_line (err);
    else if (err->len < EVA_LINE_MAX)
      err->line[err->len++] = octets[i];
}

/* Returns how many octets came; 0 if none are there, or none will come.  */
static size_t
read_some (struct eva__stderr *err) {
  char octets[READ_SIZE];
  ssize_t n = read (err->fd, octets, sizeof octets);

  if (n > 0) take (err, octets, (size_t) n);
  if (!n || (n < 0 && errno != EAGAIN && errno != EINTR)) close_pipe (err);
  return n > 0 ? (size_t) n : 0;
}

static void
ready (void *arg, unsigned int revents) {
  struct eva__stderr *err = arg;
  assuan_context_t ctx = eva__client_context (err->client);

  (void) revents;
  eva__ctx_enter (ctx);
  read_some (err);
  eva__ctx_leave (ctx);
}

/* The pipe alone does not keep the loop going: the program may never close it.  */
int
eva__stderr_open (struct eva__client *client, struct eva__io_program_start *start) {
  struct eva__stderr *err = calloc (1, sizeof *err);
  int fd[2];

  if (!err) return -1;
  err->client = client;
  err->fd = -1;
  client->stderr_lines = err;
  if (pipe2 (fd, O_CLOEXEC) < 0) return -1;
  err->fd = fd[0];
  if (fcntl (fd[0], F_SETFL, O_NONBLOCK) == 0)
    err->source = eva_loop_add_fd (client->home, fd[0], EVA_READABLE, ready, err);
  if (!err->source) {
    close (fd[1]);
    return -1;
  }
  eva__loop_set_background (err->source);
  err->program_fd = fd[1];
  start->stderr_fd = &err->program_fd;
  return 0;
}

void
eva__stderr_opened (struct eva__client *client) {
  int error = errno;

  close (client->stderr_lines->program_fd);
  errno = error;
}

/* Within a callback of these lines it does nothing: it is called again, after that, before the end
   of the connection is told.  */
const char *
eva__stderr_finish (struct eva__client *client) {
  struct eva__stderr *err = client->stderr_lines;

  if (!err || err->is_telling) return NULL;
  for (size_t n_read = 0, n; err->fd >= 0 && n_read < MAX_LAST_SIZE; n_read += n)
    if (!(n = read_some (err))) break;
  if (err->len) end_line (err);
  err->is_over = true;
  return *err->last && client->config.flags & EVA_CONNECT_LAST_STDERR ? err->last : NULL;
}

void
eva__stderr_stop (struct eva__client *client) {
  if (client->stderr_lines) close_pipe (client->stderr_lines);
}

void
eva__stderr_free (struct eva__client *client) {
  if (!client->stderr_lines) return;
  close_pipe (client->stderr_lines);
  free (client->stderr_lines);
  client->stderr_lines = NULL;
}
