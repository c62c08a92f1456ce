/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* session.c - what gpg-agent is told of this session.

   What gpg-connect-agent does: RESET, then OPTION for the terminal, the display, the locale, and
   the variables that a pinentry's toolkit looks at.  All of it is sent ahead, in one write; errors
   are ignored, since an agent may know less, and a restricted socket forbids some.  */

#include "session.h"
#include "text.h"
#include "wait.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What `GETINFO std_env_names` of gpg-agent tells, but for those with options of their own.  */
static const char *const variables[] = {
  "GTK_IM_MODULE",   "QT_IM_MODULE",     "XMODIFIERS",
  "WAYLAND_DISPLAY", "XDG_SESSION_TYPE", "DBUS_SESSION_BUS_ADDRESS",
  "XAUTHORITY",      "INSIDE_EMACS",     "PINENTRY_USER_DATA",
};

struct telling {
  size_t n_open;
  bool is_done;
};

static void
told (void *arg, gpg_error_t err, const char *text) {
  struct telling *t = arg;

  (void) err;
  (void) text;
  if (!--t->n_open) t->is_done = true;
}

/* Takes LINE.  What is too long for a line, or has a line feed, is not told.  */
static void
tell (struct connection *c, struct telling *t, char *line) {
  static const struct eva_callbacks callbacks = { .done = told, .flags = EVA_CALL_AHEAD };

  t->n_open++;
  if (eva_call (c->ctx, line, &callbacks, t, NULL)) t->n_open--;
  free (line);
}

static void
tell_option (struct connection *c, struct telling *t, const char *name, const char *value) {
  if (value && *value) tell (c, t, text_format ("OPTION %s=%s", name, value));
}

static const char *
find_terminal (void) {
  const char *name = getenv ("GPG_TTY");

  for (int fd = 0; fd < 3 && !(name && *name); fd++)
    name = ttyname (fd);
  return name;
}

static void
tell_terminal (struct connection *c, struct telling *t) {
  const char *terminal = find_terminal ();

  tell_option (c, t, "ttyname", terminal);
  if (terminal) tell_option (c, t, "ttytype", getenv ("TERM"));
  tell_option (c, t, "display", getenv ("DISPLAY"));
  tell_option (c, t, "lc-ctype", setlocale (LC_CTYPE, NULL));
}

/* Messages of the tool are English; a dialog speaks the user's language.  */
static void
tell_locale (struct connection *c, struct telling *t) {
  static const char *const names[] = { "LC_ALL", "LC_MESSAGES", "LANG" };
  const char *value = NULL;

  for (size_t i = 0; i < N_ELEMENTS (names) && !(value && *value); i++)
    value = getenv (names[i]);
  tell_option (c, t, "lc-messages", value);
}

static void
tell_variables (struct connection *c, struct telling *t) {
  for (size_t i = 0; i < N_ELEMENTS (variables); i++) {
    const char *value = getenv (variables[i]);
    if (value && *value) tell (c, t, text_format ("OPTION putenv=%s=%s", variables[i], value));
  }
}

enum status
session_tell (struct connection *c) {
  struct telling t = { .n_open = 1 }; /* so that it does not end before all are told */
  enum status status;

  tell (c, &t, text_dup ("RESET"));
  tell_terminal (c, &t);
  tell_locale (c, &t);
  tell_variables (c, &t);
  told (&t, 0, NULL);
  status = wait_until (&t.is_done);
  if (!t.is_done) connection_close (c); /* T goes away, and nothing may look for it */
  return !status && c->is_over ? connection_fail_over (c, NULL) : status;
}
