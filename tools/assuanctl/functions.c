/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* functions.c - the functions of scripts.  */

#include "functions.h"
#include "errname.h"
#include "gnupg.h"
#include "message.h"
#include "options.h"
#include "text.h"
#include "variables.h"

#include <gpg-error.h>
#include <stdio.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static long server_pid = -1;

void
functions_set_pid (long pid) {
  server_pid = pid;
}

/* --- Texts ------------------------------------------------------------------------------------ */

static char *
get (const char *args) {
  static const char *const names[] = { "homedir",    "sysconfdir", "bindir",
                                       "libexecdir", "libdir",     "datadir" };
  const char *value = NULL;
  char *cwd, *text;

  if (!strcmp (args, "serverpid")) return text_format ("%ld", server_pid);
  if (!strcmp (args, "cwd")) {
    cwd = getcwd (NULL, 0);
    text = text_dup (cwd ? cwd : "");
    free (cwd);
    return text;
  }
  for (size_t i = 0; i < N_ELEMENTS (names) && !value; i++)
    if (!strcmp (args, names[i])) value = gnupg_get_directory (names[i]);
  return text_dup (value ? value : "");
}

/* The escapes of C.  */
static char *
unescape (const char *args) {
  static const char letters[] = "abfnrtv", values[] = "\a\b\f\n\r\t\v";
  char *text = text_dup (args), *to = text;

  for (; *args; args++) {
    const char *letter;
    if (*args != '\\' || !args[1]) {
      *to++ = *args;
      continue;
    }
    args++;
    if (*args == 'x' && strlen (args) > 2) {
      char digits[] = { '%', args[1], args[2], 0 }, *octet = text_unescape (digits, NULL);
      *to++ = *octet;
      free (octet);
      args += 2;
      continue;
    }
    letter = strchr (letters, *args);
    *to++ = letter ? values[letter - letters] : *args;
  }
  *to = 0;
  return text;
}

static char *
unpercent (const char *args) {
  return text_unescape (args, NULL);
}

static char *
unpercent_plus (const char *args) {
  char *text = text_dup (args), *value;

  for (char *at = text; *at; at++)
    if (*at == '+') *at = ' ';
  value = text_unescape (text, NULL);
  free (text);
  return value;
}

/* `:`, `%`, `+` and controls, in small letters; blanks stay, or are `+`.  */
static char *
escape (const char *args, bool plus) {
  char *text = text_alloc (strlen (args) * 3 + 1), *to = text;

  for (; *args; args++) {
    unsigned char c = (unsigned char) *args;
    if (c < ' ' || c == 0x7f || strchr (":%+", c))
      to += sprintf (to, "%%%02x", c);
    else
      *to++ = plus && c == ' ' ? '+' : (char) c;
  }
  *to = 0;
  return text;
}

static char *
percent (const char *args) {
  return escape (args, false);
}

static char *
percent_plus (const char *args) {
  return escape (args, true);
}

/* --- Errors ----------------------------------------------------------------------------------- */

static gpg_error_t
error_of (const char *args) {
  return (gpg_error_t) strtoul (args, NULL, 0);
}

static char *
errcode (const char *args) {
  return text_format ("%d", (int) gpg_err_code (error_of (args)));
}

static char *
errsource (const char *args) {
  return text_format ("%d", (int) gpg_err_source (error_of (args)));
}

static char *
errstring (const char *args) {
  return errname_describe (error_of (args));
}

/* --- Numbers ---------------------------------------------------------------------------------- */

/* Overflow wraps, and does no harm.  Returns false for a division by zero.  */
static bool
combine (char op, long *value, long other) {
  unsigned long a = (unsigned long) *value, b = (unsigned long) other;

  switch (op) {
  case '+':
    *value = (long) (a + b);
    return true;
  case '-':
    *value = (long) (a - b);
    return true;
  case '*':
    *value = (long) (a * b);
    return true;
  default:
    if (!other) return false;
    if (other == -1)
      *value = op == '/' ? (long) (0 - a) : 0;
    else
      *value = op == '/' ? *value / other : *value % other;
    return true;
  }
}

/* From left to right; one argument is itself, none is empty.  */
static char *
calculate (char op, const char *args) {
  bool is_first = true;
  long value = 0;

  for (args += strspn (args, " \t"); *args; args += strspn (args, " \t")) {
    long other = strtol (args, NULL, 0);
    if (is_first)
      value = other;
    else if (!combine (op, &value, other))
      return text_dup ("");
    is_first = false;
    args += strcspn (args, " \t");
  }
  return is_first ? text_dup ("") : text_format ("%ld", value);
}

/* Unlike for /if, words are no numbers.  `!` is of the last argument.  */
static char *
decide (char op, const char *args) {
  bool value = op == '&', is_first = true;

  for (args += strspn (args, " \t"); *args; args += strspn (args, " \t")) {
    size_t len = strcspn (args, " \t");
    char *word = text_part (args, len);
    bool other = strtol (word, NULL, 0) != 0;
    free (word);
    value = op == '!' ? !other : op == '|' ? value || other : value && other;
    is_first = false;
    args += len;
  }
  return is_first ? text_dup ("") : text_dup (value ? "1" : "0");
}

/* --- The table -------------------------------------------------------------------------------- */

char *
functions_call (const char *name, const char *arguments) {
  static const struct {
    const char *name;
    char *(*call) (const char *args);
  } table[] = { { "get", get },
                { "unescape", unescape },
                { "unpercent", unpercent },
                { "unpercent+", unpercent_plus },
                { "percent", percent },
                { "percent+", percent_plus },
                { "errcode", errcode },
                { "errsource", errsource },
                { "errstring", errstring } };

  for (size_t i = 0; i < N_ELEMENTS (table); i++)
    if (!strcmp (table[i].name, name)) return table[i].call (arguments);
  if (*name && !name[1] && strchr ("+-*/%", *name)) return calculate (*name, arguments);
  if (*name && !name[1] && strchr ("!|&", *name)) return decide (*name, arguments);
  message_fail (STATUS_ERR, "there is no function '%s'", name);
  return text_dup ("");
}
