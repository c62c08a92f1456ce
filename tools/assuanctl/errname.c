/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* errname.c - the names of error codes.  */

#include "errname.h"
#include "text.h"

#include <limits.h>
#include <strings.h>

static const struct {
  const char *name;
  gpg_err_code_t code;
} table[] = {
#include "errname-table.h"
};

#define N_NAMES (sizeof table / sizeof *table)

const char *
errname_of (gpg_err_code_t code) {
  for (size_t i = 0; i < N_NAMES; i++)
    if (table[i].code == code) return table[i].name;
  return NULL;
}

char *
errname_describe (gpg_error_t err) {
  return text_format ("%s <%s>", gpg_strerror (err), gpg_strsource (err));
}

bool
errname_parse (const char *text, gpg_err_code_t *ret_code) {
  const char *name = strncasecmp (text, "GPG_ERR_", 8) ? text : text + 8;
  unsigned long number;

  if (text_parse_number (text, UINT_MAX, &number)) {
    *ret_code = gpg_err_code ((gpg_error_t) number);
    return true;
  }
  for (size_t i = 0; i < N_NAMES; i++) {
    if (strcasecmp (table[i].name, name)) continue;
    *ret_code = table[i].code;
    return true;
  }
  return false;
}
