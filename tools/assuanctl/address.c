/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* address.c - where a server is, in the words of the command line.  */

#include "address.h"
#include "message.h"
#include "program.h"
#include "text.h"

#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static enum status
fail_form (const char *text, bool listens) {
  return message_fail (
      STATUS_USAGE,
      listens ? "'%s' is no address to listen on; take /PATH, @NAME, tcp:IP:PORT, fd:N, "
                "stdio: or systemd:[NAME]"
              : "'%s' is no address; take a name as agent or dirmngr, /PATH, ./PATH, "
                "@NAME, tcp:IP:PORT, exec:PROGRAM, ssh:[USER@]HOST[:PORT]/PATH or fd:N",
      text);
}

/* The longest path of a socket.  */
#define MAX_PATH_LEN 107u

/* eva.h takes a path that is not whole as a file: not for listening, and none that is too long for
   a socket, where a redirection file may stand.  */
static char *
absolute (const char *path, bool listens) {
  char *dir, *whole;

  if (!listens && strlen (path) <= MAX_PATH_LEN) return text_format ("file://%s", path);
  dir = getcwd (NULL, 0);
  whole = text_format ("unix:%s/%s", dir ? dir : "", path);
  free (dir);
  return whole;
}

/* NAME has %XX for odd octets.  eva.h has strings, so none of them is a NUL.  */
static bool
parse_abstract (const char *name, struct address *ret) {
  size_t len;
  char *octets = text_unescape (name, &len);
  bool is_ok = strlen (octets) == len;

  if (is_ok) ret->eva = text_format ("unix:@%s", octets);
  if (is_ok) ret->kind = ADDRESS_UNIX;
  free (octets);
  return is_ok;
}

static bool
parse_unix (const char *text, bool listens, struct address *ret) {
  const char *rest = text_skip (text, "unix:");
  const char *name = rest ? rest : text;

  if (*name == '@' && name[1]) return parse_abstract (name + 1, ret);
  if (*name == '/')
    ret->eva = text_format ("unix:%s", name);
  else if (!strncmp (name, "./", 2) || !strncmp (name, "../", 3))
    ret->eva = absolute (name, listens);
  else
    return false;
  ret->kind = ADDRESS_UNIX;
  return true;
}

static bool
is_fd (const char *text) {
  unsigned long fd;

  return text_parse_number (text, INT_MAX, &fd);
}

static bool
is_command (const char *text) {
  const char **words = program_parse (text);

  free (words);
  return words != NULL;
}

/* The forms that eva.h has as well.  */
static bool
parse_scheme (const char *text, bool listens, struct address *ret) {
  static const struct {
    const char *scheme;
    enum address_kind kind;
    bool connects, listens;
  } schemes[] = {
    { "tcp:", ADDRESS_TCP, true, true },      { "exec:", ADDRESS_EXEC, true, false },
    { "fd:", ADDRESS_FD, true, true },        { "ssh:", ADDRESS_SSH, true, false },
    { "stdio:", ADDRESS_STDIO, false, true }, { "systemd:", ADDRESS_SYSTEMD, false, true },
  };

  for (size_t i = 0; i < N_ELEMENTS (schemes); i++) {
    const char *rest = text_skip (text, schemes[i].scheme);
    if (!rest) continue;
    if (listens ? !schemes[i].listens : !schemes[i].connects) return false;
    if (schemes[i].kind == ADDRESS_STDIO && *rest) return false;
    if (schemes[i].kind == ADDRESS_FD && !is_fd (rest)) return false;
    if (schemes[i].kind == ADDRESS_EXEC && !is_command (rest)) return false;
    ret->kind = schemes[i].kind;
    ret->eva = text_dup (text);
    return true;
  }
  return false;
}

enum status
address_parse (const char *text, bool listens, struct address *ret) {
  struct address address = { .kind = ADDRESS_NAME };

  if (!listens) address.server = gnupg_find (text);
  if (!address.server && !parse_unix (text, listens, &address)
      && !parse_scheme (text, listens, &address))
    return fail_form (text, listens);
  address.text = text_dup (text);
  *ret = address;
  return STATUS_OK;
}

/* --- Of a command line ------------------------------------------------------------------------ */

static enum status
take_program (const struct arguments *arguments, struct address *ret) {
  if (!arguments->n_rest)
    return message_fail (STATUS_USAGE,
                         "which server? a name as agent, a path, or -- PROGRAM ARG...");
  *ret = (struct address) { .kind = ADDRESS_EXEC,
                            .text = text_dup (arguments->rest[0]),
                            .eva = text_dup ("exec:"),
                            .argv = (const char *const *) arguments->rest };
  return STATUS_OK;
}

enum status
address_take (const struct arguments *arguments, struct address *ret, char ***ret_words,
              size_t *ret_n) {
  bool is_program = !arguments->n_words;
  size_t n = is_program ? 0 : arguments->n_words - 1, n_rest = is_program ? 0 : arguments->n_rest;
  enum status status =
      is_program ? take_program (arguments, ret) : address_parse (arguments->words[0], false, ret);
  char **words;

  if (status) return status;
  words = text_alloc ((n + n_rest + 1) * sizeof *words);
  if (n) memcpy (words, arguments->words + 1, n * sizeof *words);
  if (n_rest) memcpy (words + n, arguments->rest, n_rest * sizeof *words);
  *ret_words = words;
  *ret_n = n + n_rest;
  return STATUS_OK;
}

enum status
address_resolve (struct address *address) {
  char *path;
  enum status status;

  if (address->eva) return STATUS_OK;
  status = gnupg_get_socket (address->server, &path);
  if (status) return status;
  address->eva = text_format ("unix:%s", path);
  free (path);
  return STATUS_OK;
}

const char *
address_skip (const struct address *address, const char *begin, const char *reason) {
  const char *rest = text_skip (reason, begin);

  if (rest) rest = text_skip (rest, " ");
  if (rest) rest = text_skip (rest, address->eva);
  if (rest) rest = text_skip (rest, ": ");
  return rest ? rest : reason;
}

bool
address_passes_fds (const struct address *address) {
  return address->kind != ADDRESS_TCP && address->kind != ADDRESS_SSH;
}

void
address_deinit (struct address *address) {
  free (address->text);
  free (address->eva);
}
