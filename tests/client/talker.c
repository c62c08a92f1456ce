/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* talker.c - an eva client that does what it is told, for tests with real servers.

       talker ADDRESS [pipes]

   reads orders from stdin, and tells what callbacks were told, line by line:

       call COMMAND     ready, data DATA, end, status TEXT, inquire TEXT, done CODE TEXT
       pass FD COMMAND  the same with a descriptor
       limit MS         of the calls that follow
       answer DATA, end, refuse
       cancel           the call that was made last
       close            closed CODE
       release          released

   DATA is percent-escaped in both directions.  The end of stdin ends it.  */

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "eva.h"

static eva_loop *loop;
static assuan_context_t ctx;
static struct eva_pending_call *last_call;
static unsigned int timeout_ms;

static void
tell (const char *what, const char *text, size_t len) {
  printf ("%s", what);
  if (len) putchar (' ');
  for (size_t i = 0; i < len; i++) {
    unsigned char c = (unsigned char) text[i];
    if (isprint (c) && c != '%')
      putchar (c);
    else
      printf ("%%%02x", c);
  }
  putchar ('\n');
  fflush (stdout);
}

/* Undoes the escapes of TEXT in place.  Returns the length.  */
static size_t
unescape (char *text) {
  char *to = text;

  for (char *from = text; *from; from++, to++) {
    *to = *from;
    if (*from != '%') continue;
    *to = (char) strtoul ((char[3]) { from[1], from[2], 0 }, NULL, 16);
    from += 2;
  }
  return (size_t) (to - text);
}

/* --- Callbacks -------------------------------------------------------------------------------- */

static void
on_ready (assuan_context_t c, void *arg) {
  (void) c;
  (void) arg;
  tell ("ready", "", 0);
}

static void
on_closed (assuan_context_t c, void *arg, gpg_error_t err) {
  char text[20];

  (void) c;
  (void) arg;
  snprintf (text, sizeof text, "closed %u", gpg_err_code (err));
  tell (text, "", 0);
}

static gpg_error_t
on_data (void *arg, const void *buf, size_t len) {
  (void) arg;
  tell (buf ? "data" : "end", buf, len);
  return 0;
}

static gpg_error_t
on_status (void *arg, const char *text) {
  (void) arg;
  tell ("status", text, strlen (text));
  return 0;
}

static gpg_error_t
on_inquire (void *arg, struct eva_pending_call *call, const char *text) {
  (void) arg;
  last_call = call;
  tell ("inquire", text, strlen (text));
  return 0;
}

static void
on_done (void *arg, gpg_error_t err, const char *text) {
  char head[20];

  (void) arg;
  last_call = NULL;
  snprintf (head, sizeof head, "done %u", gpg_err_code (err));
  tell (head, text ? text : "", text ? strlen (text) : 0);
}

/* --- Orders ----------------------------------------------------------------------------------- */

static void
check (gpg_error_t err) {
  char text[40];

  if (!err) return;
  snprintf (text, sizeof text, "error %u", gpg_err_code (err));
  tell (text, "", 0);
}

static void
call (const char *command, int fd) {
  struct eva_callbacks cb = { .data = on_data,
                              .status = on_status,
                              .inquire = on_inquire,
                              .done = on_done,
                              .timeout_ms = timeout_ms,
                              .has_fd = fd >= 0,
                              .fd = fd };

  check (eva_call (ctx, command, &cb, NULL, &last_call));
}

static void
obey (char *order) {
  char *text = order + strcspn (order, " ");

  if (*text) *text++ = 0;
  if (!strcmp (order, "call"))
    call (text, -1);
  else if (!strcmp (order, "pass"))
    call (strchr (text, ' ') + 1, atoi (text));
  else if (!strcmp (order, "limit"))
    timeout_ms = (unsigned int) atoi (text);
  else if (!strcmp (order, "cancel"))
    eva_call_cancel (last_call);
  else if (!strcmp (order, "close"))
    eva_close (ctx);
  else if (!last_call && strcmp (order, "release"))
    tell ("error", "", 0);
  else if (!strcmp (order, "answer"))
    check (eva_answer_data (last_call, text, unescape (text)));
  else if (!strcmp (order, "end"))
    check (eva_answer_end (last_call));
  else if (!strcmp (order, "refuse"))
    check (eva_answer_cancel (last_call));
  else if (!strcmp (order, "release")) {
    assuan_release (ctx);
    ctx = NULL;
    tell ("released", "", 0);
  }
}

static void
on_stdin (void *arg, unsigned int revents) {
  static char buf[100000];
  static size_t len;
  ssize_t n = read (0, buf + len, sizeof buf - 1 - len);
  char *start = buf, *end;

  (void) arg;
  (void) revents;
  if (n <= 0) {
    eva_loop_stop (loop);
    return;
  }
  len += (size_t) n;
  buf[len] = 0;
  while ((end = strchr (start, '\n'))) {
    *end = 0;
    obey (start);
    start = end + 1;
  }
  len -= (size_t) (start - buf);
  memmove (buf, start, len);
}

int
main (int argc, char **argv) {
  struct eva_connect_config config = { .flags = EVA_CONNECT_FDPASSING,
                                       .ready = on_ready,
                                       .closed = on_closed };
  eva_source *source;
  gpg_error_t err;

  if (argc > 2) config.flags = 0; /* pipes for a program */
  loop = eva_loop_new ();
  source = loop ? eva_loop_add_fd (loop, 0, EVA_READABLE, on_stdin, NULL) : NULL;
  if (argc < 2 || !source) return 2;
  err = eva_connect (loop, argv[1], &config, &ctx);
  check (err);
  if (!err) eva_loop_run (loop);
  if (!err) assuan_release (ctx);
  eva_source_free (source);
  eva_loop_free (loop);
  return 0;
}
