/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* checks-basic.c - the checks of what every server does.  */

#include "checking.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <gpg-error.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#define N_IDLE 32

/* What no server knows.  */
#define NOSUCH "X-NOSUCH\n"

/* --- The greeting, and the ends of a connection ----------------------------------------------- */

enum check_result
check_greet (struct checking *c) {
  struct probe p;
  enum check_result result = checking_open (c, &p);
  const char *end = c->got.octets + c->got.len;

  for (const char *line = c->got.octets; !result && line < end && *line != 'O';) {
    const char *lf = memchr (line, '\n', (size_t) (end - line));
    if (*line != '#') result = checking_fail (c, "only comments may come before OK");
    line = lf ? lf + 1 : end;
  }
  probe_close (&p);
  return result;
}

enum check_result
check_bye (struct checking *c) {
  struct probe p;
  enum check_result result = checking_open (c, &p);

  if (!result) result = checking_ask (c, &p, "BYE\n", 'O');
  if (!result) result = checking_closes (c, &p, "after BYE");
  probe_close (&p);
  return result;
}

enum check_result
check_eof (struct checking *c) {
  struct probe p;
  enum check_result result = checking_open (c, &p);

  if (!result) {
    probe_say (&p, "NOP");
    probe_shut (&p);
    result = checking_closes (c, &p, "half a line, then the end of file");
  }
  probe_close (&p);
  return result;
}

enum check_result
check_shut (struct checking *c) {
  struct probe p;
  enum check_result result = checking_open (c, &p);

  if (!result) {
    probe_say (&p, "NOP\n");
    probe_shut (&p);
    result = checking_want (c, &p, "NOP, then the end of file", probe_reply (&p, NULL), 'O');
  }
  if (!result) result = checking_closes (c, &p, "after the end of file");
  probe_close (&p);
  return result;
}

/* --- Errors ----------------------------------------------------------------------------------- */

enum check_result
check_unknown (struct checking *c) {
  struct probe p;
  enum check_result result = checking_open (c, &p);
  uint32_t error = 0;

  if (!result) result = checking_ask (c, &p, NOSUCH, 'E');
  if (!result) {
    error = probe_error (&p);
    result = checking_go_on (c, &p);
  }
  probe_close (&p);
  if (!result && error && gpg_err_code (error) != GPG_ERR_ASS_UNKNOWN_CMD)
    return checking_end (c, CHECK_WARN, "the code should be %d, and is %d", GPG_ERR_ASS_UNKNOWN_CMD,
                         (int) gpg_err_code (error));
  return result;
}

enum check_result
check_number (struct checking *c) {
  struct probe p;
  enum check_result result = checking_open (c, &p);

  if (!result) {
    probe_say (&p, NOSUCH);
    if (probe_reply (&p, NULL) != REPLY_ERR)
      result = checking_end (c, CHECK_SKIP, "no ERR came to look at");
    else if (!probe_error (&p))
      result = checking_fail (c, "no decimal number: %.100s", p.line);
    else if (!gpg_err_source (probe_error (&p)))
      result = checking_fail (c, "the number names no source: %.100s", p.line);
  }
  probe_close (&p);
  return result;
}

/* --- Lines and how they come ------------------------------------------------------------------ */

enum check_result
check_ahead (struct checking *c) {
  struct probe p;
  enum check_result result = checking_open (c, &p);

  if (!result) {
    probe_say (&p, "NOP\n" NOSUCH "NOP\n");
    result =
        checking_want (c, &p, "NOP, the first of three in one write", probe_reply (&p, NULL), 'O');
  }
  if (!result) result = checking_want (c, &p, "the second", probe_reply (&p, NULL), '*');
  if (!result) result = checking_want (c, &p, "the third, NOP", probe_reply (&p, NULL), 'O');
  if (!result) result = checking_finish (c, &p);
  probe_close (&p);
  return result;
}

/* Time for a server to read one octet alone.  A server that keeps the rule passes in any case.  */
static void
rest (void) {
  struct timespec time = { .tv_nsec = 5000000 };

  nanosleep (&time, NULL);
}

enum check_result
check_octets (struct checking *c) {
  struct probe p;
  enum check_result result = checking_open (c, &p);

  for (const char *at = "NOP"; *at && !result; at++) {
    probe_send (&p, at, 1);
    rest ();
  }
  if (!result) result = checking_ask (c, &p, "\n", 'O');
  if (!result) result = checking_finish (c, &p);
  probe_close (&p);
  return result;
}

/* Fills LINE with LEN octets, WORD again and again, and a LF.  */
static void
fill (char *line, size_t len, const char *word) {
  for (size_t i = 0, n = strlen (word); i < len; i++)
    line[i] = word[i % n];
  memcpy (line + len, "\n", 2);
}

static bool
is_too_long (uint32_t error) {
  gpg_err_code_t code = gpg_err_code (error);

  return code == GPG_ERR_ASS_LINE_TOO_LONG || code == GPG_ERR_LINE_TOO_LONG;
}

enum check_result
check_line_1000 (struct checking *c) {
  char line[1002];
  struct probe p;
  enum check_result result = checking_open (c, &p);

  fill (line, 1000, "x");
  memcpy (line, "NOP ", 4);
  if (!result) result = checking_ask (c, &p, line, '*');
  if (!result && is_too_long (probe_error (&p)))
    result = checking_fail (c, "a line of 1000 octets: %.100s", p.line);
  if (!result) result = checking_go_on (c, &p);
  probe_close (&p);
  return result;
}

/* Wherever a server cuts the line, the rest reads like a command: then there are two replies.  */
enum check_result
check_line_long (struct checking *c) {
  char line[2002];
  struct probe p;
  enum check_result result = checking_open (c, &p);
  enum reply_kind kind;

  fill (line, 2000, "NOP ");
  if (!result) {
    probe_say (&p, line);
    kind = probe_reply (&p, NULL);
    if (kind != REPLY_CLOSED) result = checking_want (c, &p, line, kind, 'E');
    if (!result && kind != REPLY_CLOSED) result = checking_finish (c, &p);
  }
  probe_close (&p);
  return result;
}

enum check_result
check_nul (struct checking *c) {
  static const char line[] = "NOP a\0b\n";
  struct probe p;
  enum check_result result = checking_open (c, &p);

  if (!result) {
    probe_send (&p, line, sizeof line - 1);
    result = checking_want (c, &p, "NOP with a NUL", probe_reply (&p, NULL), '*');
  }
  if (!result) result = checking_go_on (c, &p);
  probe_close (&p);
  return result;
}

enum check_result
check_long_arg (struct checking *c) {
  char line[962];
  struct probe p;
  enum check_result result = checking_open (c, &p);

  fill (line, 960, "x");
  memcpy (line, NOSUCH, strlen (NOSUCH));
  line[strlen (NOSUCH) - 1] = ' ';
  if (!result) result = checking_ask (c, &p, line, '*');
  if (!result) result = checking_go_on (c, &p);
  probe_close (&p);
  return result;
}

/* --- Help ------------------------------------------------------------------------------------- */

/* Asks for HELP.  *RET_LIST is what came, a name at the beginning of each line, to be freed.  */
static enum check_result
ask_help (struct checking *c, struct probe *p, char **ret_list) {
  enum check_result result = checking_open (c, p);

  *ret_list = NULL;
  if (result) return result;
  probe_say (p, "HELP\n");
  result = checking_want (c, p, "HELP", probe_reply (p, ret_list), 'O');
  if (!*ret_list) *ret_list = text_dup ("");
  return result;
}

/* Returns the next name of *LIST, to be freed, or NULL.  */
static char *
next_name (const char **list) {
  const char *line = *list;

  if (!*line) return NULL;
  *list = line + strcspn (line, "\n");
  *list += **list == '\n';
  return text_part (line, strcspn (line, " \n"));
}

static bool
lists (const char *list, const char *wanted) {
  bool is_there = false;
  char *name;

  while (!is_there && (name = next_name (&list))) {
    is_there = !strcasecmp (name, wanted);
    free (name);
  }
  return is_there;
}

enum check_result
check_help (struct checking *c) {
  static const char *const builtins[] = { "NOP", "BYE", "RESET", "HELP", "OPTION" };
  struct probe p;
  char *list;
  enum check_result result = ask_help (c, &p, &list);

  for (size_t i = 0; i < N_ELEMENTS (builtins) && !result; i++)
    if (!lists (list, builtins[i]))
      result = checking_fail (c, "HELP does not list %s", builtins[i]);
  if (!result) result = checking_go_on (c, &p);
  free (list);
  probe_close (&p);
  return result;
}

enum check_result
check_help_name (struct checking *c) {
  char *list, *name, *missing = text_dup ("");
  unsigned int n = 0;
  struct probe p;
  enum check_result result = ask_help (c, &p, &list);

  for (const char *at = list; !result && n < 200 && (name = next_name (&at)); n++) {
    char *line = text_format ("HELP %s\n", name), *longer;
    probe_say (&p, line);
    if (probe_reply (&p, NULL) != REPLY_OK) {
      longer = text_format ("%s %s", missing, name);
      free (missing);
      missing = longer;
    }
    free (line);
    free (name);
  }
  if (!result && *missing) result = checking_fail (c, "no help for:%.200s", missing);
  if (!result) result = checking_go_on (c, &p);
  free (list);
  free (missing);
  probe_close (&p);
  return result;
}

/* --- Several clients, and descriptors --------------------------------------------------------- */

enum check_result
check_two (struct checking *c) {
  struct probe first, second;
  enum check_result result = checking_open (c, &first);

  if (!result) {
    probe_say (&first, "NO");
    result = checking_open (c, &second);
    if (!result) result = checking_go_on (c, &second);
    probe_close (&second);
  }
  probe_close (&first);
  return result;
}

enum check_result
check_idle (struct checking *c) {
  struct probe idle[N_IDLE], one;
  enum check_result result = CHECK_OK;
  size_t n = 0;

  while (n < N_IDLE && !result)
    result = checking_open (c, &idle[n++]);
  if (!result) {
    result = checking_open (c, &one);
    if (!result) result = checking_go_on (c, &one);
    probe_close (&one);
  }
  while (n)
    probe_close (&idle[--n]);
  return result;
}

enum check_result
check_fd (struct checking *c) {
  int fd = open ("/dev/null", O_RDONLY | O_CLOEXEC);
  struct probe p;
  enum check_result result = checking_open (c, &p);

  if (!result && fd >= 0) {
    probe_send_fd (&p, "NOP\n", fd);
    result = checking_want (c, &p, "NOP with a descriptor", probe_reply (&p, NULL), 'O');
  }
  if (!result) result = checking_go_on (c, &p);
  if (fd >= 0) close (fd);
  probe_close (&p);
  return result;
}
