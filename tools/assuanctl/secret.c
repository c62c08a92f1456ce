/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* secret.c - which octets of a dialogue are secret.

   The tables are of what GnuPG's servers say.  Names that stand in none of them are looked at for
   words that tell of a secret.  */

#include "secret.h"
#include "options.h"
#include "settings.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define HIDDEN "[secret]"
#define BLANKS " \t"

/* --- Names ------------------------------------------------------------------------------------ */

static const char *const secret_data[] = { "GETPIN",      "GET_PASSPHRASE", "PKDECRYPT",
                                           "KEYWRAP_KEY", "EXPORT_KEY",     "GENPIN",
                                           "RANDOM",      "GETVAL",         "APDU" };
static const char *const secret_arguments[] = { "PUTVAL",   "SETDATA", "APDU",
                                                "WRITEKEY", "SETATTR", "LDAPSERVER" };
static const char *const open_commands[] = { "GETINFO",         "HELP",     "KEYINFO",
                                             "HAVEKEY",         "READKEY",  "LISTTRUSTED",
                                             "GETEVENTCOUNTER", "SERIALNO", "LEARN",
                                             "KS_SEARCH",       "NOP" };
static const char *const secret_inquiries[] = { "PASSPHRASE", "NEW_PASSPHRASE", "NEEDPIN", "GENPIN",
                                                "KEYDATA" };
static const char *const open_inquiries[] = { "HASHVAL",    "CIPHERTEXT", "KEYPARAM",
                                              "TARGETCERT", "SENDCERT",   "KEYBLOCK" };
static const char *const secret_parameters[] = { "QUALITY", "CHECKPIN" };

/* Names that have such a word in them; only what the tables say is secret of them.  */
static const char *const harmless[] = { "CLEAR_PASSPHRASE",  "PRESET_PASSPHRASE", "PASSWD",
                                        "PINENTRY_LAUNCHED", "CONFIRM",           "OPTION" };

static bool
is_listed (const char *const *list, size_t n, const char *name) {
  for (size_t i = 0; i < n; i++)
    if (!strcasecmp (list[i], name)) return true;
  return false;
}

#define is_in(table, name) is_listed (table, N_ELEMENTS (table), name)

/* PIN counts as a word of its own or at the end of one: PING and PINENTRY are no secrets.  */
static bool
has_pin (const char *name) {
  for (const char *at = name; (at = strcasestr (at, "PIN")); at++)
    if (!at[3] || at[3] == '_' || at[3] == '-') return true;
  return false;
}

static bool
sounds_secret (const char *name) {
  static const char *const words[] = { "PASS", "SECRET", "TOKEN", "KEYDATA" };

  for (size_t i = 0; i < N_ELEMENTS (words); i++)
    if (strcasestr (name, words[i])) return true;
  return has_pin (name);
}

/* --- What the user adds ----------------------------------------------------------------------- */

struct secret_rules {
  const char **secret, **open; /* commands and keywords */
  size_t n_secret, n_open;
  bool shows_data;    /* unknown ones are open */
  bool shows_secrets; /* all are */
};

/* Without shows_secrets, which is for what is shown alone.  */
static struct secret_rules rules;

static struct secret_rules
shown_rules (void) {
  struct secret_rules shown = rules;

  shown.shows_secrets = settings.shows_secrets;
  return shown;
}

static void
add (const char ***names, size_t *n, const char *name) {
  *names = realloc (*names, (*n + 1) * sizeof **names);
  if (!*names) abort ();
  (*names)[(*n)++] = name;
}

void
secret_add (const char *name) {
  add (&rules.secret, &rules.n_secret, name);
}

void
secret_add_open (const char *name) {
  add (&rules.open, &rules.n_open, name);
}

void
secret_open_unknown (void) {
  rules.shows_data = true;
}

/* --- Classes ---------------------------------------------------------------------------------- */

/* How what belongs to a command or an inquiry is shown.  */
struct classes {
  enum secret_class arguments;
  enum secret_class data; /* and answers to inquiries of unknown names */
  enum secret_class text; /* behind OK */
};

static const struct classes all_secret = { SECRET_SECRET, SECRET_SECRET, SECRET_SECRET };
static const struct classes all_open = { SECRET_OPEN, SECRET_OPEN, SECRET_OPEN };

/* Returns true if the user's rules tell of NAME, or it sounds like a secret.  */
static bool
is_ruled (const struct secret_rules *r, const char *name, struct classes *ret) {
  if (r->shows_secrets || is_listed (r->open, r->n_open, name))
    *ret = all_open;
  else if (is_listed (r->secret, r->n_secret, name))
    *ret = all_secret;
  else
    return false;
  return true;
}

static struct classes
classify_command (const struct secret_rules *r, const char *name) {
  enum secret_class unknown = r->shows_data ? SECRET_OPEN : SECRET_UNKNOWN;
  struct classes classes = { SECRET_OPEN, unknown, SECRET_OPEN };

  if (is_ruled (r, name, &classes)) return classes;
  if (is_in (open_commands, name)) return all_open;
  if (is_in (secret_arguments, name)) classes.arguments = SECRET_SECRET;
  if (is_in (secret_data, name)) classes.data = SECRET_SECRET;
  if (!strcasecmp (name, "GET_PASSPHRASE")) classes.text = SECRET_SECRET;
  if (classes.arguments || classes.data == SECRET_SECRET || is_in (harmless, name)) return classes;
  return sounds_secret (name) ? all_secret : classes;
}

/* COMMAND is what the inquiry comes from.  */
static struct classes
classify_inquiry (const struct secret_rules *r, const char *name, enum secret_class command) {
  enum secret_class unknown = r->shows_data ? SECRET_OPEN : SECRET_UNKNOWN;
  struct classes classes = { SECRET_OPEN, unknown, SECRET_OPEN };

  if (is_ruled (r, name, &classes)) return classes;
  if (is_in (open_inquiries, name)) return all_open;
  if (is_in (secret_parameters, name)) return all_secret;
  if (is_in (secret_inquiries, name)) {
    classes.data = SECRET_SECRET;
    return classes;
  }
  if (is_in (harmless, name)) return classes;
  return command == SECRET_SECRET || sounds_secret (name) ? all_secret : classes;
}

/* --- Lines in pieces -------------------------------------------------------------------------- */

/* The name at the beginning of LINE, behind `SCD `, and what follows it.  */
struct pieces {
  size_t name_at, name_len, rest_at;
  char name[64];
};

static struct pieces
cut (const char *line, size_t len) {
  struct pieces p = { 0 };

  if (len > 4 && !strncasecmp (line, "SCD", 3) && strchr (BLANKS, line[3])) p.name_at = 4;
  while (p.name_at < len && (line[p.name_at] == ' ' || line[p.name_at] == '\t'))
    p.name_at++;
  while (p.name_at + p.name_len < len && !strchr (" \t\r", line[p.name_at + p.name_len]))
    p.name_len++;
  p.rest_at = p.name_at + p.name_len;
  snprintf (p.name, sizeof p.name, "%.*s", (int) p.name_len, line + p.name_at);
  return p;
}

/* A line as it is shown, while it is put together.  */
struct shown {
  char *text;
  size_t len, size;
  enum secret_class hidden;
};

static void
begin (struct shown *s) {
  *s = (struct shown) { .hidden = SECRET_OPEN, .size = 128 };
  s->text = text_alloc (s->size);
}

/* With room for a NUL.  */
static void
show (struct shown *s, const char *text, size_t len) {
  if (s->size - s->len <= len) {
    s->size = (s->len + len + 1) * 2;
    s->text = realloc (s->text, s->size);
    if (!s->text) abort ();
  }
  if (len) memcpy (s->text + s->len, text, len);
  s->len += len;
}

static void
end (struct shown *s) {
  s->text[s->len] = 0;
}

static void
hide (struct shown *s) {
  show (s, HIDDEN, strlen (HIDDEN));
  s->hidden = SECRET_SECRET;
}

/* User info in an URL, `//user:password@`, is secret wherever it stands.  */
static void
show_text (struct shown *s, const char *text, size_t len) {
  size_t at = 0, from = 0;

  for (; at + 2 < len; at++) {
    size_t stop = at + 2;
    if (text[at] != '/' || text[at + 1] != '/') continue;
    while (stop < len && !strchr (" /?#\"'", text[stop]) && text[stop] != '@')
      stop++;
    if (stop == len || text[stop] != '@') continue;
    show (s, text + from, at + 2 - from);
    hide (s);
    from = stop;
    at = stop - 1;
  }
  show (s, text + from, len - from);
}

static size_t
count_octets (const char *text, size_t len) {
  size_t n = 0;

  for (size_t i = 0; i < len; n++)
    i += text[i] == '%' && i + 2 < len ? 3 : 1;
  return n;
}

static void
show_as (struct shown *s, enum secret_class class, const char *text, size_t len) {
  if (!len || class == SECRET_OPEN) {
    show_text (s, text, len);
  } else if (class == SECRET_SECRET) {
    hide (s);
  } else {
    char note[48];
    show (s, note, (size_t) snprintf (note, sizeof note, "[%zu octets]", count_octets (text, len)));
    if (!s->hidden) s->hidden = SECRET_UNKNOWN;
  }
}

/* --- Commands --------------------------------------------------------------------------------- */

/* Shows the blank at REST, and then what stands behind it.  */
static void
show_rest (struct shown *s, enum secret_class class, const char *rest, size_t len) {
  size_t blank = len ? 1 : 0;

  show (s, rest, blank);
  show_as (s, class, rest + blank, len - blank);
}

/* Returns where the octets of CHARS that stand at AT of TEXT end.  */
static size_t
skip (const char *text, size_t len, size_t at, const char *chars) {
  while (at < len && text[at] && strchr (chars, text[at]))
    at++;
  return at;
}

/* Returns where the next octet of CHARS stands, from AT of TEXT on.  */
static size_t
find (const char *text, size_t len, size_t at, const char *chars) {
  while (at < len && (!text[at] || !strchr (chars, text[at])))
    at++;
  return at;
}

static bool
is_secret_name (const char *text, size_t len) {
  char *name = text_part (text, len);
  bool is_so = sounds_secret (name) || strcasestr (name, "PROXY");

  free (name);
  return is_so;
}

/* `OPTION NAME [=] VALUE`; that of putenv is NAME=VALUE once more.  */
static void
show_option (struct shown *s, const char *rest, size_t len) {
  size_t from = skip (rest, len, 0, BLANKS);
  size_t to = find (rest, len, from, BLANKS "=");
  bool is_secret = is_secret_name (rest + from, to - from);
  bool is_putenv = to - from >= 6 && !strncasecmp (rest + to - 6, "putenv", 6);

  from = skip (rest, len, to, BLANKS);
  if (from < len && rest[from] == '=') from++;
  from = skip (rest, len, from, BLANKS);
  if (is_putenv && !is_secret) {
    to = find (rest, len, from, "=");
    is_secret = is_secret_name (rest + from, to - from);
    from = to < len ? to + 1 : len;
  }
  show (s, rest, from);
  show_as (s, is_secret ? SECRET_SECRET : SECRET_OPEN, rest + from, len - from);
}

/* `PRESET_PASSPHRASE GRIP TIMEOUT HEX`: what follows the second argument is secret.  */
static void
show_preset (struct shown *s, const char *rest, size_t len) {
  size_t at = skip (rest, len, 0, BLANKS);

  for (int i = 0; i < 2; i++)
    at = skip (rest, len, find (rest, len, at, BLANKS), BLANKS);
  show (s, rest, at);
  show_as (s, SECRET_SECRET, rest + at, len - at);
}

static void
show_command (struct shown *s, const struct secret_rules *r, const char *line, size_t len,
              struct classes *ret) {
  struct pieces p = cut (line, len);
  const char *rest = line + p.rest_at;
  size_t rest_len = len - p.rest_at;

  *ret = classify_command (r, p.name);
  show (s, line, p.rest_at);
  if (r->shows_secrets)
    show (s, rest, rest_len);
  else if (!strcasecmp (p.name, "OPTION"))
    show_option (s, rest, rest_len);
  else if (!strcasecmp (p.name, "PRESET_PASSPHRASE"))
    show_preset (s, rest, rest_len);
  else
    show_rest (s, ret->arguments, rest, rest_len);
}

/* --- Watching a connection -------------------------------------------------------------------- */

#define MAX_AHEAD 64

struct secret_watch {
  struct secret_rules rules;
  struct classes ahead[MAX_AHEAD]; /* of commands whose reply is to come, a ring */
  size_t first, n;
  struct classes inquiry;
  bool is_inquiring;
  bool has_greeted;
};

struct secret_watch *
secret_watch_new (void) {
  struct secret_watch *watch = text_alloc (sizeof *watch);

  watch->rules = shown_rules ();
  return watch;
}

void
secret_watch_free (struct secret_watch *watch) {
  free (watch);
}

/* If a client sends more commands ahead than this remembers, all of them are secret.  */
static void
push (struct secret_watch *w, struct classes classes) {
  size_t last = (w->first + w->n) % MAX_AHEAD;

  if (w->n == MAX_AHEAD)
    for (size_t i = 0; i < MAX_AHEAD; i++)
      w->ahead[i] = all_secret;
  else
    w->ahead[last] = classes, w->n++;
}

static struct classes
current (const struct secret_watch *w) {
  if (w->rules.shows_secrets) return all_open;
  return w->n ? w->ahead[w->first] : all_secret;
}

static void
pop (struct secret_watch *w) {
  if (!w->has_greeted) {
    w->has_greeted = true;
    return;
  }
  if (!w->n) return;
  w->first = (w->first + 1) % MAX_AHEAD;
  w->n--;
}

static bool
is_word (const char *line, size_t len, const char *word) {
  size_t n = strlen (word);

  return len >= n && !memcmp (line, word, n) && (len == n || line[n] == ' ' || line[n] == '\r');
}

/* Data outside of an inquiry may be the answer to one that is still to come.  */
static void
from_client (struct secret_watch *w, struct shown *s, const char *line, size_t len) {
  enum secret_class data =
      w->is_inquiring ? w->inquiry.data : (w->rules.shows_secrets ? SECRET_OPEN : SECRET_SECRET);
  struct classes classes;

  if (!len || *line == '#') {
    show_text (s, line, len);
  } else if (is_word (line, len, "D")) {
    show (s, line, 1);
    show_rest (s, data, line + 1, len - 1);
  } else if (w->is_inquiring && (is_word (line, len, "END") || is_word (line, len, "CAN"))) {
    show (s, line, len);
    w->is_inquiring = false;
  } else {
    show_command (s, &w->rules, line, len, &classes);
    push (w, classes);
  }
}

static void
inquire (struct secret_watch *w, struct shown *s, const char *line, size_t len) {
  size_t at = strlen ("INQUIRE");
  struct pieces p = cut (line + at, len - at);

  w->inquiry = classify_inquiry (&w->rules, p.name, current (w).data);
  w->is_inquiring = true;
  show (s, line, at + p.rest_at);
  show_rest (s, w->inquiry.arguments, line + at + p.rest_at, len - at - p.rest_at);
}

static void
from_server (struct secret_watch *w, struct shown *s, const char *line, size_t len) {
  struct classes classes = w->has_greeted ? current (w) : all_open;

  if (is_word (line, len, "D")) {
    show (s, line, 1);
    show_rest (s, classes.data, line + 1, len - 1);
  } else if (is_word (line, len, "INQUIRE")) {
    inquire (w, s, line, len);
  } else if (is_word (line, len, "OK")) {
    show (s, line, 2);
    show_rest (s, w->n || !w->has_greeted ? classes.text : SECRET_OPEN, line + 2, len - 2);
    pop (w);
    w->is_inquiring = false;
  } else {
    show_text (s, line, len);
    if (!is_word (line, len, "ERR")) return;
    pop (w);
    w->is_inquiring = false;
  }
}

char *
secret_watch_line (struct secret_watch *watch, bool is_from_server, const char *line, size_t len,
                   size_t *ret_len, enum secret_class *ret_class) {
  struct shown s;

  begin (&s);
  if (is_from_server)
    from_server (watch, &s, line, len);
  else
    from_client (watch, &s, line, len);
  end (&s);
  *ret_len = s.len;
  *ret_class = s.hidden;
  return s.text;
}

/* --- Single questions ------------------------------------------------------------------------- */

char *
secret_show_command (const char *command) {
  struct secret_rules shown = shown_rules ();
  struct classes classes;
  struct shown s;

  begin (&s);
  show_command (&s, &shown, command, strlen (command), &classes);
  end (&s);
  return s.text;
}

bool
secret_is_command (const char *command) {
  struct classes classes;
  struct shown s;

  begin (&s);
  show_command (&s, &rules, command, strlen (command), &classes);
  end (&s);
  free (s.text);
  return s.hidden == SECRET_SECRET;
}

bool
secret_is_inquiry (const char *keyword) {
  return classify_inquiry (&rules, keyword, SECRET_UNKNOWN).data == SECRET_SECRET;
}

void
secret_free (char *text) {
  if (text) explicit_bzero (text, strlen (text));
  free (text);
}
