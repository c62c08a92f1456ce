/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* errname.h - the names of error codes, as NO_SECKEY, which libgpg-error keeps to itself, and the
   text of an error.  The table is made from its header when the tool is built.  */

#ifndef ASSUANCTL_ERRNAME_H
#define ASSUANCTL_ERRNAME_H

#include <gpg-error.h>
#include <stdbool.h>

/* Returns the name of CODE without GPG_ERR_, or NULL.  */
const char *errname_of (gpg_err_code_t code);

/* Returns what an ERR line says of ERR, to be freed: its text, and its source in angle
   brackets.  */
char *errname_describe (gpg_error_t err);

/* Reads TEXT, a number or a name, with or without GPG_ERR_, in any case.  A number may be a whole
   error, with its source.  */
bool errname_parse (const char *text, gpg_err_code_t *ret_code);

#endif /* ASSUANCTL_ERRNAME_H */
