/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* catalog.c - the commands that `serve` offers.

   A user who can write a file that serve runs can do all that serve's user can.  So the directory
   and its files have to be that user's or root's, and writable by no other user.  */

#include "catalog.h"
#include "message.h"
#include "options.h"
#include "text.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

/* How far into a file its own help is looked for, and how long it may be.  */
#define MAX_HELP_LINES 50
#define MAX_HELP_LEN   16384u

/* What the protocol itself needs.  */
static const char *const builtin[] = { "NOP", "BYE",    "RESET", "END",    "HELP", "OPTION",
                                       "CAN", "CANCEL", "INPUT", "OUTPUT", "D" };

/* --- Names ------------------------------------------------------------------------------------ */

static bool
is_letter (char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Returns true if the LEN octets at TEXT are the name of a command.  */
static bool
is_name (const char *text, size_t len) {
  if (!len || len > 60 || !is_letter (*text)) return false;
  for (size_t i = 1; i < len; i++)
    if (!is_letter (text[i]) && !(text[i] >= '0' && text[i] <= '9') && text[i] != '_'
        && text[i] != '-')
      return false;
  return true;
}

static bool
is_builtin (const char *name) {
  for (size_t i = 0; i < N_ELEMENTS (builtin); i++)
    if (!strcmp (builtin[i], name)) return true;
  return false;
}

/* Returns the LEN octets at TEXT in capitals, to be freed.  */
static char *
capitals (const char *text, size_t len) {
  char *name = text_part (text, len);

  for (char *c = name; *c; c++)
    if (*c >= 'a' && *c <= 'z') *c = (char) (*c - 'a' + 'A');
  return name;
}

/* --- Help ------------------------------------------------------------------------------------- */

/* The text of a help that is read line by line.  */
struct help {
  char text[MAX_HELP_LEN];
  size_t len;
};

static void
append (struct help *help, const char *text, size_t len) {
  if (len >= sizeof help->text - help->len) len = sizeof help->text - help->len - 1;
  memcpy (help->text + help->len, text, len);
  help->len += len;
}

/* The first line is the synopsis, in front of which the name stands.  */
static void
add_line (struct help *help, const char *name, const char *line) {
  size_t len = strcspn (line, "\r\n"), name_len = strlen (name);

  if (help->len) {
    append (help, "\n", 1);
  } else if (strncasecmp (line, name, name_len) || (len > name_len && line[name_len] != ' ')) {
    append (help, name, name_len);
    if (len) append (help, " ", 1);
  } else {
    append (help, name, name_len);
    line += name_len;
    len -= name_len;
  }
  append (help, line, len);
  /* Readers of a help take all lines up to an empty one for the synopsis.  */
  if (!memchr (help->text, '\n', help->len)) append (help, "\n", 1);
}

/* Reads a help from PATH: all of it, or if IS_PROGRAM the lines that begin with `#:`.  */
static void
read_help (struct help *help, const char *name, const char *path, bool is_program) {
  FILE *file = fopen (path, "re");
  char line[1000];

  if (!file) return;
  for (int n = 0; fgets (line, sizeof line, file) && (!is_program || n < MAX_HELP_LINES); n++) {
    const char *text = is_program ? text_skip (line, "#:") : line;
    if (text) add_line (help, name, is_program && *text == ' ' ? text + 1 : text);
  }
  fclose (file);
}

/* Returns the help of the program at PATH, to be freed, or NULL.  */
static char *
help_of (const char *name, const char *path) {
  struct help *help = text_alloc (sizeof *help);
  char *beside = text_format ("%s.help", path), *text = NULL;

  read_help (help, name, beside, false);
  if (!help->len) read_help (help, name, path, true);
  if (help->len) text = text_part (help->text, help->len);
  free (beside);
  free (help);
  return text;
}

/* --- Entries ---------------------------------------------------------------------------------- */

static void
add_entry (struct catalog *catalog, struct catalog_entry entry) {
  size_t n = catalog->n_entries++;

  catalog->entries = realloc (catalog->entries, catalog->n_entries * sizeof *catalog->entries);
  if (!catalog->entries) abort ();
  catalog->entries[n] = entry;
}

const struct catalog_entry *
catalog_find (const struct catalog *catalog, const char *name) {
  for (size_t i = 0; i < catalog->n_entries; i++)
    if (!strcmp (catalog->entries[i].name, name)) return &catalog->entries[i];
  return NULL;
}

/* `NAME=COMMAND`.  */
static enum status
add_definition (struct catalog *catalog, const char *definition) {
  const char *equals = strchr (definition, '=');
  char *name;
  enum status status = STATUS_OK;

  if (!equals || !is_name (definition, (size_t) (equals - definition)))
    return message_fail (STATUS_USAGE, "'%s' is no NAME=COMMAND", definition);
  name = capitals (definition, (size_t) (equals - definition));
  if (is_builtin (name))
    status = message_fail (STATUS_USAGE, "%s: the protocol has this command itself", name);
  else if (catalog_find (catalog, name))
    status = message_fail (STATUS_USAGE, "%s is there twice", name);
  if (!status)
    add_entry (catalog, (struct catalog_entry) { .name = text_dup (name),
                                                 .command = text_dup (equals + 1) });
  free (name);
  return status;
}

/* --- A directory ------------------------------------------------------------------------------ */

/* Returns what is unsafe about a file, or NULL.  */
static const char *
fault_of (const struct stat *st) {
  if (st->st_uid && st->st_uid != geteuid ()) return "belongs to another user";
  if (st->st_mode & (S_IWGRP | S_IWOTH)) return "is writable by others; try: chmod go-w";
  return NULL;
}

static void
add_file (struct catalog *catalog, const char *dir, const char *file) {
  char *path = text_format ("%s/%s", dir, file), *name = capitals (file, strlen (file));
  const char *fault = NULL;
  struct stat st;

  if (stat (path, &st) || !S_ISREG (st.st_mode) || access (path, X_OK)) goto out;
  fault = fault_of (&st);
  if (is_builtin (name)) fault = "has the name of a command that the protocol has itself";
  if (catalog_find (catalog, name)) fault = "names a command that is there already";
  if (fault)
    message_note ("%s is not served: it %s", path, fault);
  else
    add_entry (catalog, (struct catalog_entry) { .name = text_dup (name),
                                                 .program = text_dup (path),
                                                 .help = help_of (name, path) });
out:
  free (name);
  free (path);
}

static int
is_entry (const struct dirent *entry) {
  return is_name (entry->d_name, strlen (entry->d_name));
}

static enum status
add_directory (struct catalog *catalog, const char *dir) {
  struct dirent **files;
  const char *fault;
  struct stat st;
  int n;

  if (stat (dir, &st)) return message_fail (STATUS_LOCAL, "%s: %s", dir, strerror (errno));
  fault = fault_of (&st);
  if (fault) return message_fail (STATUS_LOCAL, "%s is not served: it %s", dir, fault);
  n = scandir (dir, &files, is_entry, alphasort);
  if (n < 0) return message_fail (STATUS_LOCAL, "%s: %s", dir, strerror (errno));
  for (int i = 0; i < n; i++) {
    add_file (catalog, dir, files[i]->d_name);
    free (files[i]);
  }
  free (files);
  return STATUS_OK;
}

/* --- Life ------------------------------------------------------------------------------------- */

enum status
catalog_read (const char *dir, char *const *definitions, size_t n, struct catalog **ret) {
  struct catalog *catalog = text_alloc (sizeof *catalog);
  char *whole = dir ? realpath (dir, NULL) : NULL;
  enum status status = STATUS_OK;

  catalog->n_refs = 1;
  for (size_t i = 0; i < n && !status; i++)
    status = add_definition (catalog, definitions[i]);
  if (!status && dir) status = add_directory (catalog, whole ? whole : dir);
  free (whole);
  if (status)
    catalog_unref (catalog);
  else
    *ret = catalog;
  return status;
}

struct catalog *
catalog_ref (struct catalog *catalog) {
  catalog->n_refs++;
  return catalog;
}

void
catalog_unref (struct catalog *catalog) {
  if (!catalog || --catalog->n_refs) return;
  for (size_t i = 0; i < catalog->n_entries; i++) {
    free (catalog->entries[i].name);
    free (catalog->entries[i].program);
    free (catalog->entries[i].command);
    free (catalog->entries[i].help);
  }
  free (catalog->entries);
  free (catalog);
}
