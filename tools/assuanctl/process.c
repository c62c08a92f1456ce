/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* process.c - who a process is, by /proc.  */

#include "process.h"
#include "options.h"
#include "secret.h"
#include "text.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_PARENTS 16
#define MAX_ARGS    64
#define MAX_TEXT    4096 /* of a file of /proc */

/* Reads /proc/PID/NAME, with a NUL behind it, to be freed; its length at RET_LEN.  */
static char *
read_file (pid_t pid, const char *name, size_t *ret_len) {
  char *path = text_format ("/proc/%d/%s", (int) pid, name);
  int fd = open (path, O_RDONLY | O_CLOEXEC);
  char *text = text_alloc (MAX_TEXT + 1);
  ssize_t n = fd >= 0 ? read (fd, text, MAX_TEXT) : 0;

  if (fd >= 0) close (fd);
  free (path);
  *ret_len = n > 0 ? (size_t) n : 0;
  return text;
}

/* --- The command line ------------------------------------------------------------------------- */

/* Other programs can read it there anyway.  But a log is kept, and others read it later.  */
static const char *const secret_options[] = { "--passphrase", "--password", "--pin" };

/* Programs take an option that is cut short; a shorter one than this may be any.  */
#define MIN_OPTION_LEN 5u

static bool
is_secret_option (const char *arg, size_t len) {
  for (size_t i = 0; i < N_ELEMENTS (secret_options); i++)
    if (len >= MIN_OPTION_LEN && !strncmp (arg, secret_options[i], len)) return true;
  return false;
}

/* Its -P is --passphrase.  In other programs it mostly is a port.  */
static bool
is_preset (const char *program) {
  const char *slash = strrchr (program, '/');

  return !strcmp (slash ? slash + 1 : program, "gpg-preset-passphrase");
}

/* Returns ARG as PROGRAM's command line shows it behind the argument BEFORE, to be freed.  */
static char *
show_arg (const char *program, const char *arg, const char *before) {
  size_t len = strcspn (arg, "=");
  const char *text;

  if (before && is_secret_option (before, strlen (before))) return text_dup ("[secret]");
  if (arg[len] && is_secret_option (arg, len)) return text_format ("%.*s=[secret]", (int) len, arg);
  if (is_preset (program) && before && !strcmp (before, "-P")) return text_dup ("[secret]");
  if (is_preset (program) && !strncmp (arg, "-P", 2) && arg[2]) return text_dup ("-P[secret]");
  text = strstr (arg, "=text:");
  if (text) return text_format ("%.*s=text:[secret]", (int) (text - arg), arg);
  /* Some clients have commands as their arguments.  */
  return secret_show_command (arg);
}

static void
look_at_args (struct process *p) {
  size_t len;
  char *text = read_file (p->pid, "cmdline", &len);
  const char *before = NULL;

  p->args = text_alloc ((MAX_ARGS + 1) * sizeof *p->args);
  for (const char *arg = text; arg < text + len && p->n_args < MAX_ARGS; arg += strlen (arg) + 1) {
    p->args[p->n_args++] = show_arg (text, arg, before);
    before = arg;
  }
  explicit_bzero (text, len);
  free (text);
}

/* --- Parents ---------------------------------------------------------------------------------- */

/* Returns the name of PID, to be freed, and its parent at RET_PARENT; or NULL.  The name is in
   parentheses, and may have some itself.  */
static char *
read_stat (pid_t pid, pid_t *ret_parent) {
  size_t len;
  char *text = read_file (pid, "stat", &len), *name = NULL;
  char *begin = strchr (text, '('), *end = strrchr (text, ')');

  if (begin && end && end[1] == ' ' && end[2] && end[3] == ' ') {
    name = text_part (begin + 1, (size_t) (end - begin) - 1);
    *ret_parent = (pid_t) atol (end + 4);
  }
  free (text);
  return name;
}

static void
look_at_parents (struct process *p) {
  pid_t pid = 0;

  free (read_stat (p->pid, &pid));
  p->parents = text_alloc ((MAX_PARENTS + 1) * sizeof *p->parents);
  while (pid > 0 && p->n_parents < MAX_PARENTS) {
    char *name = read_stat (pid, &pid);
    if (!name) return;
    p->parents[p->n_parents++] = name;
  }
}

/* --- The interface ---------------------------------------------------------------------------- */

char *
process_get_exe (pid_t pid) {
  char *path = text_format ("/proc/%d/exe", (int) pid);
  char target[MAX_TEXT];
  ssize_t n = readlink (path, target, sizeof target);

  free (path);
  return n > 0 ? text_part (target, (size_t) n) : NULL;
}

void
process_look (pid_t pid, struct process *ret) {
  char *path = text_format ("/proc/%d", (int) pid);
  struct stat st;

  *ret = (struct process) { .pid = pid };
  if (pid > 0 && !stat (path, &st)) {
    ret->has_uid = true;
    ret->uid = st.st_uid;
    ret->exe = process_get_exe (pid);
    look_at_args (ret);
    look_at_parents (ret);
  }
  free (path);
}

static void
free_texts (char **texts, size_t n) {
  while (n)
    free (texts[--n]);
  free (texts);
}

void
process_deinit (struct process *process) {
  free (process->exe);
  free_texts (process->args, process->n_args);
  free_texts (process->parents, process->n_parents);
  *process = (struct process) { .pid = 0 };
}

char *
process_describe (const struct process *p) {
  char *text = NULL;
  size_t size = 0;
  FILE *file = open_memstream (&text, &size);

  if (!file) abort ();
  if (p->pid > 0)
    fprintf (file, "pid %d", (int) p->pid);
  else
    fputs ("pid not known", file);
  if (p->has_uid) fprintf (file, " uid %u", (unsigned int) p->uid);
  if (!p->n_args && p->exe) fprintf (file, " %s", p->exe);
  for (size_t i = 0; i < p->n_args; i++)
    fprintf (file, " %s", p->args[i]);
  for (size_t i = 0; i < p->n_parents; i++)
    fprintf (file, "%s%s", i ? ", " : " (of ", p->parents[i]);
  if (p->n_parents) putc (')', file);
  if (fclose (file)) abort ();
  return text;
}
