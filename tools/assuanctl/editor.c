/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* editor.c - lines that are typed at a terminal, on libedit.

   libedit is loaded when a line is to be typed: it and what it needs would cost each short call a
   third of its time.  It gets a character from a function of ours, which runs the loop until there
   is one.  So the editor shows at once what a server says at the prompt.  */

#include "editor.h"
#include "secret.h"
#include "terminal.h"
#include "text.h"
#include "wait.h"

#include <dlfcn.h>
#include <histedit.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wchar.h>

#define HISTORY_LINES 1000

/* How long a Ctrl-C may go unseen that comes just before the loop waits.  */
#define INTERRUPT_LOOK_MS 1000u

/* Kills the line, in emacs's keys and in vi's.  */
#define CTRL_U L'\025'
#define CTRL_D L'\004'

struct editor {
  EditLine *el;
  History *history;
  char *file;
  const char *prompt;
  bool is_readable;
  bool is_reading;
  mbstate_t state;
  char *(*complete) (void *arg, const char *line, size_t start, size_t index);
  void *arg;
};

/* --- The library ------------------------------------------------------------------------------ */

#define FUNCTIONS(X)                                                                               \
  X (el_end)                                                                                       \
  X (el_get)                                                                                       \
  X (el_gets)                                                                                      \
  X (el_init)                                                                                      \
  X (el_insertstr)                                                                                 \
  X (el_line)                                                                                      \
  X (el_set)                                                                                       \
  X (el_source)                                                                                    \
  X (el_wset)                                                                                      \
  X (history)                                                                                      \
  X (history_end)                                                                                  \
  X (history_init)

#define DECLARE(name) __typeof__ (name) *(name);

static struct {
  FUNCTIONS (DECLARE)
  bool is_there;
} edit;

/* Returns false if NAME is not in LIBRARY; else stores at RET a pointer to it.  */
static bool
find (void *library, const char *name, void *ret) {
  void *function = dlsym (library, name);

  memcpy (ret, &function, sizeof function);
  return function != NULL;
}

#define FIND(name) edit.is_there = find (library, #name, &edit.name) && edit.is_there;

/* Returns true if libedit can be used.  It stays loaded.  */
static bool
load (void) {
  static const char *const names[] = { "libedit.so.2", "libedit.so.0" }; /* Debian's, and others */
  void *library = NULL;

  for (size_t i = 0; i < 2 && !library && !edit.is_there; i++)
    library = dlopen (names[i], RTLD_NOW | RTLD_LOCAL);
  if (!library) return edit.is_there;
  edit.is_there = true;
  FUNCTIONS (FIND)
  return edit.is_there;
}

static struct editor *
self (EditLine *el) {
  void *data = NULL;

  edit.el_get (el, EL_CLIENTDATA, &data);
  return data;
}

static char *
prompt (EditLine *el) {
  static char none[] = "";
  struct editor *e = self (el);

  return e->prompt ? (char *) (size_t) e->prompt : none;
}

/* --- Characters ------------------------------------------------------------------------------- */

static void
on_key (void *arg, unsigned int revents) {
  struct editor *e = arg;

  (void) revents;
  e->is_readable = true;
}

/* Ctrl-C clears the line.  */
static int
interrupted (struct editor *e, wchar_t *c) {
  wait_forget_interrupt ();
  fputs ("^C", stdout);
  fflush (stdout);
  (void) e;
  *c = CTRL_U;
  return 1;
}

/* Returns 1 with a character, 0 at the end.  */
static int
get_char (EditLine *el, wchar_t *c) {
  struct editor *e = self (el);
  eva_source *source = eva_loop_add_fd (wait_loop (), STDIN_FILENO, EVA_READABLE, on_key, e);
  enum status status = STATUS_OK;
  size_t n;
  char octet;

  for (;;) {
    e->is_readable = !source;
    /* A Ctrl-C just before the loop waits does not end the waiting: so the editor looks for it
       again and again.  */
    while (!e->is_readable && !wait_was_interrupted ())
      (void) wait_at_most (&e->is_readable, INTERRUPT_LOOK_MS);
    if (wait_was_interrupted ()) status = STATUS_INTERRUPTED;
    if (status || read (STDIN_FILENO, &octet, 1) != 1) break;
    n = mbrtowc (c, &octet, 1, &e->state);
    if (n == (size_t) -2) continue;
    if (n == (size_t) -1) {
      memset (&e->state, 0, sizeof e->state);
      continue;
    }
    if (!octet) *c = CTRL_D; /* one that was typed while the terminal had its own mode */
    eva_source_free (source);
    return 1;
  }
  eva_source_free (source);
  return status ? interrupted (e, c) : 0;
}

/* --- Completion ------------------------------------------------------------------------------- */

/* The candidates for one word.  */
struct candidates {
  char **words;
  size_t n;
  size_t common_len; /* octets that all of them begin with */
};

static void
find_candidates (struct editor *e, const char *line, size_t start, struct candidates *ret) {
  char *word;

  *ret = (struct candidates) { 0 };
  while ((word = e->complete (e->arg, line, start, ret->n))) {
    char **words = realloc (ret->words, (ret->n + 1) * sizeof *words);
    size_t len = 0;
    if (!words) abort ();
    words[ret->n] = word;
    ret->words = words;
    while (ret->n && word[len] && word[len] == words[0][len] && len < ret->common_len)
      len++;
    ret->common_len = ret->n ? len : strlen (word);
    ret->n++;
  }
}

static void
free_candidates (struct candidates *c) {
  for (size_t i = 0; i < c->n; i++)
    free (c->words[i]);
  free (c->words);
}

static void
show_candidates (const struct candidates *c) {
  putchar ('\n');
  for (size_t i = 0; i < c->n; i++) {
    text_print (stdout, c->words[i], strlen (c->words[i]), false);
    fputs (i + 1 < c->n ? "  " : "\n", stdout);
  }
}

static unsigned char
complete (EditLine *el, int ch) {
  struct editor *e = self (el);
  const LineInfo *info = edit.el_line (el);
  size_t len = (size_t) (info->cursor - info->buffer), start = len;
  char *line = text_part (info->buffer, len), *insertion;
  unsigned char result = CC_ERROR;
  struct candidates c;

  (void) ch;
  while (start && line[start - 1] != ' ')
    start--;
  find_candidates (e, line, start, &c);
  if (c.n && c.common_len > len - start) {
    insertion = text_part (c.words[0] + (len - start), c.common_len - (len - start));
    edit.el_insertstr (el, insertion);
    free (insertion);
    result = CC_REFRESH;
  }
  if (c.n == 1) {
    if (!strchr ("/=", c.words[0][c.common_len - 1])) edit.el_insertstr (el, " ");
    result = CC_REFRESH;
  } else if (c.n && result == CC_ERROR) {
    show_candidates (&c);
    result = CC_REDISPLAY;
  }
  free_candidates (&c);
  free (line);
  return result;
}

/* --- The interface ---------------------------------------------------------------------------- */

static void
load_history (struct editor *e) {
  HistEvent event;

  e->history = edit.history_init ();
  if (!e->history) return;
  edit.history (e->history, &event, H_SETSIZE, HISTORY_LINES);
  edit.history (e->history, &event, H_SETUNIQUE, 1);
  if (e->file) edit.history (e->history, &event, H_LOAD, e->file);
  edit.el_set (e->el, EL_HIST, edit.history, e->history);
}

struct editor *
editor_new (const char *file,
            char *(*complete_word) (void *arg, const char *line, size_t start, size_t index),
            void *arg) {
  struct editor *e = text_alloc (sizeof *e);
  const char *term = getenv ("TERM");

  e->complete = complete_word;
  e->arg = arg;
  e->file = file ? text_dup (file) : NULL;
  if (!term || !strcmp (term, "dumb") || !load ()) return e;
  e->el = edit.el_init ("assuanctl", stdin, stdout, stderr);
  if (!e->el) return e;
  edit.el_set (e->el, EL_CLIENTDATA, e);
  edit.el_set (e->el, EL_PROMPT, prompt);
  edit.el_set (e->el, EL_EDITOR, "emacs");
  edit.el_set (e->el, EL_SIGNAL, 0);
  edit.el_set (e->el, EL_GETCFN, get_char);
  /* The narrow function would copy the strings, and never free them.  */
  edit.el_wset (e->el, EL_ADDFN, L"assuan-complete", L"complete a word", complete);
  edit.el_set (e->el, EL_BIND, "^I", "assuan-complete", NULL);
  edit.el_source (e->el, NULL);
  load_history (e);
  return e;
}

void
editor_free (struct editor *e) {
  if (!e) return;
  if (e->history) edit.history_end (e->history);
  if (e->el) edit.el_end (e->el);
  free (e->file);
  free (e);
}

/* The history has no line that begins with a blank, and no secret.  The editor writes the file at
   once: a shell that is killed loses nothing.  */
static void
remember (struct editor *e, const char *line) {
  HistEvent event;
  mode_t old;

  if (!e->history || !*line || *line == ' ' || secret_is_command (line)) return;
  edit.history (e->history, &event, H_ENTER, line);
  if (!e->file) return;
  old = umask (077);
  edit.history (e->history, &event, H_SAVE, e->file);
  umask (old);
}

char *
editor_read (struct editor *e, const char *text) {
  const char *got;
  char *line;
  int len;

  fflush (stdout);
  if (!e->el) return terminal_read (text);
  e->prompt = text;
  e->is_reading = true;
  /* Before the prompt shows: libedit does it after that, and a Ctrl-D in between would be lost.  */
  edit.el_set (e->el, EL_PREP_TERM, 1);
  got = edit.el_gets (e->el, &len);
  e->is_reading = false;
  if (!got || len <= 0) {
    putchar ('\n');
    return NULL;
  }
  line = text_part (got, (size_t) len - (got[len - 1] == '\n'));
  remember (e, line);
  return line;
}

void
editor_interject (struct editor *e, const char *text, size_t len) {
  fputs (e->is_reading ? "\r\033[K" : "", stdout);
  text_print (stdout, text, len, false);
  putchar ('\n');
  fflush (stdout);
  if (e->is_reading) edit.el_set (e->el, EL_REFRESH);
}
