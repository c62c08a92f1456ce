/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whatever a program and its client do to a connection, in whatever order: nothing crashes,
 * nothing blocks, each finished command has one reply, each inquiry one answer.  Seeded, so a
 * failure can be repeated.  */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "loop.h"

/* What happened to one connection.  */
struct story {
  struct conn c;
  bool peer_gone; /* replies do not count any more */
  int n_finished; /* ends of commands that the program was told of */
  int n_replies;  /* OK and ERR lines that the client saw */
  int n_asked;    /* inquiries that were sent */
  int n_answered; /* calls of their callbacks */
  int depth;      /* callbacks under way */
};

static struct story story;
static unsigned int seed;

static unsigned int
random_below (unsigned int n) {
  seed ^= seed << 13;
  seed ^= seed >> 17;
  seed ^= seed << 5;
  return seed % n;
}

static const gpg_err_code_t codes[] = {
  0, 0, 0, GPG_ERR_CANCELED, GPG_ERR_UNFINISHED, GPG_ERR_EOF
};

static gpg_error_t
random_error (void) {
  gpg_err_code_t code = codes[random_below (6)];

  return code ? ERR (code) : 0;
}

static gpg_error_t answered (void *arg, gpg_error_t rc, unsigned char *buf, size_t len);

/* One thing that a program may do to its connection, from within callbacks or from outside.  */
static void
act (void) {
  assuan_context_t ctx = story.c.ctx;
  assuan_fd_t fds[2];

  if (!ctx) return;
  switch (random_below (story.depth ? 40 : 36)) {
  case 0:
  case 1:
  case 2:
  case 3:
  case 4:
  case 5:
    assuan_process_done (ctx, random_error ());
    break;
  case 6:
  case 7:
  case 8:
    if (!assuan_inquire_ext (ctx, "MORE", random_below (3) * 8, answered, NULL)) story.n_asked++;
    break;
  case 9:
  case 10:
    assuan_write_status (ctx, "STATUS", "text");
    break;
  case 11:
  case 12:
    assuan_send_data (ctx, "some % data", 11);
    break;
  case 13:
    assuan_send_data (ctx, NULL, 0);
    break;
  case 14:
    assuan_set_okay_line (ctx, random_below (2) ? "very well" : NULL);
    break;
  case 15:
    assuan_set_error (ctx, ERR (GPG_ERR_CANCELED), "for a reason");
    break;
  case 16:
    assuan_get_active_fds (ctx, (int) random_below (2), fds, 2);
    assuan_pending_line (ctx);
    assuan_get_command_name (ctx);
    break;
  case 17:
    if (assuan_get_data_fp (ctx)) fputs ("stream", assuan_get_data_fp (ctx));
    break;
  case 18:
    if (!random_below (4)) assuan_set_flag (ctx, ASSUAN_FORCE_CLOSE, 1);
    break;
  case 19:
    assuan_begin_confidential (ctx);
    break;
  case 20:
    if (!random_below (4)) conn_release (&story.c);
    break;
  default:
    break;
  }
}

static void
act_some (void) {
  story.depth++;
  for (unsigned int n = random_below (4); n > 0; n--)
    act ();
  story.depth--;
}

static gpg_error_t
answered (void *arg, gpg_error_t rc, unsigned char *buf, size_t len) {
  (void) arg;
  (void) rc;
  if (buf && buf[len]) abort ();
  free (buf);
  story.n_answered++;
  act_some ();
  return random_error ();
}

static gpg_error_t
cmd_anything (assuan_context_t ctx, char *line) {
  (void) ctx;
  (void) line;
  act_some ();
  return random_error ();
}

static void
finished (assuan_context_t ctx, gpg_error_t rc) {
  (void) ctx;
  if (!rc) story.n_finished++;
  act_some ();
}

static gpg_error_t
beginning (assuan_context_t ctx, const char *cmd) {
  (void) ctx;
  (void) cmd;
  return random_below (8) ? 0 : ERR (GPG_ERR_FORBIDDEN);
}

static const char *const sayings[] = {
  "ANY\n",       "ANY\n",         "ANY with text\n", "any",
  "\n",          "D some data\n", "D more%25data\n", "END\n",
  "END\n",       "CAN\n",         "NOP\n",           "BOGUS\n",
  "# comment\n", "RESET\n",       "OPTION a=b\n",    "ANY\nD x\nEND\nANY\nNOP\n",
  "D \n",        " odd\n",        "INQ\n",           "ASYNC\nNOP\n",
  "LATER\n",     "DONE\n",        "HELP\n",          "BYE\n",
};

/* The replies that came so far; lines are whole, as servers write whole lines.  */
static void
count_replies (void) {
  static char buf[200000];
  char *line = buf;

  conn_take (&story.c, buf, sizeof buf);
  while (*line) {
    story.n_replies += !strncmp (line, "OK", 2) || !strncmp (line, "ERR ", 4);
    line = strchr (line, '\n');
    assert_non_null (line);
    line++;
  }
}

/* One thing that the client or the loop may do.  */
static void
step (void) {
  unsigned int what = random_below (100);
  struct conn *c = &story.c;

  if (what < 45 && !story.peer_gone && c->out != -1) {
    const char *text = sayings[random_below (sizeof sayings / sizeof *sayings - (what > 4))];

    /* The server may have closed already: what becomes of it does not matter.  */
    if (write (c->out, text, strlen (text)) < 0) return;
  } else if (what < 75) {
    if (c->ctx) conn_next (c);
  } else if (what < 97) {
    act ();
  } else if (what < 99 && !story.peer_gone) {
    if (c->out != -1) conn_half_close (c);
  } else if (!story.peer_gone) {
    story.peer_gone = true;
    conn_hang_up (c);
  }
  if (!story.peer_gone) count_replies ();
}

static void
tell (unsigned int number) {
  struct conn *c = &story.c;

  memset (&story, 0, sizeof story);
  seed = number * 2654435761u + 1;
  conn_open (c, (enum conn_kind) (number % N_CONN_KINDS));
  if (number % 2) conn_nonblock (c);
  assert_err (assuan_register_command (c->ctx, "ANY", cmd_anything, NULL), 0);
  assert_err (assuan_register_post_cmd_notify (c->ctx, finished), 0);
  assert_err (assuan_register_pre_cmd_notify (c->ctx, beginning), 0);
  c->inquiry.finish = number % 3;
  for (int i = 0; i < 60; i++)
    step ();
  if (c->ctx) conn_release (c);
  if (!story.peer_gone) {
    count_replies ();
    peer_expect_eof (c->in);
    if (story.n_replies != story.n_finished)
      fail_msg ("story %u: %d commands ended, %d replies", number, story.n_finished,
                story.n_replies);
  }
  if (story.n_asked != story.n_answered)
    fail_msg ("story %u: %d inquiries, %d answers", number, story.n_asked, story.n_answered);
  conn_hang_up (c);
}

static void
test_stories (void **state) {
  (void) state;
  /* The reference library uses released contexts, and other things.  */
  if (on_oracle ()) skip ();
  for (unsigned int i = 0; i < 3000; i++)
    tell (i);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    loop_test (test_stories),
  };

  return suite_run (tests);
}
