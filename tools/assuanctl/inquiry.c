/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* inquiry.c - answers to inquiries.

   Every source but a text is a descriptor.  The loop reads a chunk of it when it is readable and
   the connection has not much to send; a file is always readable, so whenever there is room.  */

#include "inquiry.h"
#include "message.h"
#include "options.h"
#include "program.h"
#include "text.h"
#include "tty.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHUNK_LEN 16384u

static const char *const kind_names[] = { "file", "exec", "fd", "text", "env", "ask", "cancel" };

/* --- Rules ------------------------------------------------------------------------------------ */

static bool
is_fd (const char *text) {
  unsigned long number;

  return text_parse_number (text, INT_MAX, &number);
}

enum status
inquiry_rule_parse (const char *text, struct inquiry_rule *ret) {
  const char *equals = strchr (text, '='), *colon = equals ? strchr (equals, ':') : NULL;
  size_t kind = 0;

  if (colon)
    for (; kind < N_ELEMENTS (kind_names); kind++)
      if (!strncmp (equals + 1, kind_names[kind], (size_t) (colon - equals - 1))
          && strlen (kind_names[kind]) == (size_t) (colon - equals - 1))
        break;
  if (!colon || equals == text || kind == N_ELEMENTS (kind_names)
      || (kind == INQUIRY_FD && !is_fd (colon + 1)))
    return message_fail (
        STATUS_USAGE, "--inquiry: KEYWORD=SOURCE, where SOURCE is file:PATH, exec:PROGRAM, fd:N, "
                      "text:STRING, env:NAME, ask: or cancel:");
  *ret = (struct inquiry_rule) { .keyword = text_part (text, (size_t) (equals - text)),
                                 .kind = (enum inquiry_kind) kind,
                                 .value = text_dup (colon + 1) };
  return STATUS_OK;
}

void
inquiry_rule_deinit (struct inquiry_rule *rule) {
  if (rule->value) explicit_bzero (rule->value, strlen (rule->value));
  free (rule->keyword);
  free (rule->value);
}

const struct inquiry_rule *
inquiry_find (const struct inquiry_rule *rules, size_t n, const char *text) {
  size_t len = strcspn (text, " ");

  for (size_t i = 0; i < n; i++) {
    const char *keyword = rules[i].keyword;
    if (!strcmp (keyword, "*") || (strlen (keyword) == len && !strncmp (keyword, text, len)))
      return &rules[i];
  }
  return NULL;
}

const char *
inquiry_kind_name (const struct inquiry_rule *rule) {
  return kind_names[rule->kind];
}

/* --- An answer -------------------------------------------------------------------------------- */

struct inquiry_answer {
  const struct inquiry_rule *rule;
  struct eva_pending_call *pending;
  assuan_context_t ctx;
  char *keyword;
  int fd;             /* -1: none, or at its end */
  eva_source *source; /* NULL: a file */
  pid_t pid;          /* of a program that was not reaped; -1: none */
  int pidfd;
  eva_source *pid_source;
  struct inquiry_client *client;
};

static void
close_fd (struct inquiry_answer *a) {
  eva_source_free (a->source);
  a->source = NULL;
  if (a->fd < 0) return;
  if (a->rule->kind == INQUIRY_ASK)
    tty_done (a->fd);
  else if (a->fd > STDERR_FILENO && a->rule->kind != INQUIRY_FD)
    close (a->fd);
  a->fd = -1;
}

void
inquiry_answer_free (struct inquiry_answer *a) {
  if (!a) return;
  close_fd (a);
  eva_set_writable (a->ctx, NULL, NULL);
  eva_source_free (a->pid_source);
  if (a->pidfd >= 0) close (a->pidfd);
  if (a->pid > 0) kill (a->pid, SIGTERM);
  a->client->answer = NULL;
  free (a->keyword);
  free (a);
}

/* The answer is over, with CAN or END; A is gone behind it.  */
static void
end_answer (struct inquiry_answer *a, bool is_cancelled, enum status status) {
  struct eva_pending_call *pending = a->pending;
  struct inquiry_client *client = a->client;

  inquiry_answer_free (a);
  if (is_cancelled)
    eva_answer_cancel (pending);
  else
    eva_answer_end (pending);
  client->done (client->arg, status);
}

static void
finish (struct inquiry_answer *a, enum status status) {
  end_answer (a, status != STATUS_OK, status);
}

static void
fail (struct inquiry_answer *a, const char *what) {
  finish (a, message_fail (STATUS_LOCAL, "the answer to %s fails: %s %s: %s", a->keyword,
                           kind_names[a->rule->kind], what, strerror (errno)));
}

/* --- Programs --------------------------------------------------------------------------------- */

static void
program_ended (struct inquiry_answer *a) {
  int status = program_wait (a->pid);

  a->pid = -1;
  if (WIFEXITED (status) && !WEXITSTATUS (status))
    finish (a, STATUS_OK);
  else if (WIFEXITED (status))
    finish (a, message_fail (STATUS_LOCAL, "the answer to %s fails: %s: exit status %d", a->keyword,
                             a->rule->value, WEXITSTATUS (status)));
  else
    finish (a, message_fail (STATUS_LOCAL, "the answer to %s fails: %s: killed by signal %d",
                             a->keyword, a->rule->value, WTERMSIG (status)));
}

static void
on_program_end (void *arg, unsigned int revents) {
  (void) revents;
  program_ended (arg);
}

/* Its output has ended; it may work on.  */
static void
await_program (struct inquiry_answer *a) {
  a->pidfd = (int) syscall (SYS_pidfd_open, a->pid, 0);
  if (a->pidfd >= 0) {
    fcntl (a->pidfd, F_SETFD, FD_CLOEXEC);
    a->pid_source =
        eva_loop_add_fd (eva_get_loop (a->ctx), a->pidfd, EVA_READABLE, on_program_end, a);
  }
  if (!a->pid_source) program_ended (a);
}

/* --- Reading ---------------------------------------------------------------------------------- */

static void on_room (assuan_context_t ctx, void *arg);

static void
at_end (struct inquiry_answer *a) {
  close_fd (a);
  if (a->pid > 0)
    await_program (a);
  else
    finish (a, STATUS_OK);
}

/* Says what was read.  A line that was typed is the whole answer, without its LF.  */
static void
say (struct inquiry_answer *a, const char *buf, size_t len) {
  bool is_typed = a->rule->kind == INQUIRY_ASK;

  if (is_typed && len && buf[len - 1] == '\n') len--;
  if (a->rule->may_cancel && len == 7 && !memcmp (buf, "/cancel", 7)) {
    close_fd (a);
    end_answer (a, true, STATUS_OK);
    return;
  }
  if (eva_answer_data (a->pending, buf, len)) return; /* the end of the call is told elsewhere */
  if (is_typed) {
    at_end (a);
    return;
  }
  if (a->source && eva_get_queued_len (a->ctx) < EVA_DEFAULT_HIGH_WATER_LEN) return;
  if (a->source) eva_source_set_events (a->source, 0);
  eva_set_writable (a->ctx, on_room, a);
}

static void
read_chunk (struct inquiry_answer *a) {
  char buf[CHUNK_LEN];
  ssize_t n = read (a->fd, buf, sizeof buf);

  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n < 0)
    fail (a, a->rule->value);
  else if (!n)
    at_end (a);
  else
    say (a, buf, (size_t) n);
  explicit_bzero (buf, sizeof buf);
}

static void
on_readable (void *arg, unsigned int revents) {
  (void) revents;
  read_chunk (arg);
}

static void
on_room (assuan_context_t ctx, void *arg) {
  struct inquiry_answer *a = arg;

  (void) ctx;
  if (a->source)
    eva_source_set_events (a->source, EVA_READABLE);
  else
    read_chunk (a);
}

/* --- Sources ---------------------------------------------------------------------------------- */

static int
open_program (struct inquiry_answer *a, const char *parameters) {
  const char **argv = program_parse (a->rule->value);
  int fd[2];

  errno = EINVAL;
  if (!argv || !argv[0] || pipe2 (fd, O_CLOEXEC)) {
    free (argv);
    return -1;
  }
  a->pid = program_start (argv, fd[1], "ASSUAN_INQUIRY", parameters);
  close (fd[1]);
  free (argv);
  if (a->pid >= 0) return fd[0];
  close (fd[0]);
  return -1;
}

static int
open_source (struct inquiry_answer *a, const char *text) {
  const char *value = a->rule->value, *parameters = text + strcspn (text, " ");
  char *prompt;
  int fd;

  switch (a->rule->kind) {
  case INQUIRY_FILE:
    return strcmp (value, "-") ? open (value, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
  case INQUIRY_EXEC:
    return open_program (a, parameters + (*parameters == ' '));
  case INQUIRY_FD:
    fd = atoi (value);
    return fcntl (fd, F_GETFD) < 0 ? -1 : fd;
  default:
    prompt = text_format ("%s> ", text);
    fd = tty_ask (prompt, a->rule->echoes);
    free (prompt);
    return fd;
  }
}

/* Answers with a text that is there.  */
static void
answer_text (struct inquiry_answer *a) {
  const char *value = a->rule->value;

  if (a->rule->kind == INQUIRY_ENV) {
    value = getenv (value);
    if (!value) {
      finish (a, message_fail (STATUS_LOCAL, "the answer to %s fails: $%s is not set", a->keyword,
                               a->rule->value));
      return;
    }
  }
  if (*value) eva_answer_data (a->pending, value, strlen (value));
  finish (a, STATUS_OK);
}

static void
start (struct inquiry_answer *a, const char *text) {
  a->fd = open_source (a, text);
  if (a->fd < 0) {
    fail (a, a->rule->value ? a->rule->value : "");
    return;
  }
  a->source = eva_loop_add_fd (eva_get_loop (a->ctx), a->fd, EVA_READABLE, on_readable, a);
  if (!a->source && errno != EPERM)
    fail (a, a->rule->value);
  else if (!a->source)
    eva_set_writable (a->ctx, on_room, a);
}

void
inquiry_answer (const struct inquiry_rule *rule, struct eva_pending_call *pending, const char *text,
                struct inquiry_client *client) {
  struct inquiry_answer *a = text_alloc (sizeof *a);

  *a = (struct inquiry_answer) { .rule = rule,
                                 .pending = pending,
                                 .ctx = eva_call_get_context (pending),
                                 .keyword = text_part (text, strcspn (text, " ")),
                                 .fd = -1,
                                 .pid = -1,
                                 .pidfd = -1,
                                 .client = client };
  client->answer = a;
  if (rule->kind == INQUIRY_TEXT || rule->kind == INQUIRY_ENV)
    answer_text (a);
  else if (rule->kind == INQUIRY_CANCEL)
    end_answer (a, true, STATUS_OK);
  else
    start (a, text);
}
