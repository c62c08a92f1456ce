/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* secret.h - which octets of a dialogue are secret, and how a line is shown without them.

   Each command and each inquiry is secret, open, or unknown.  What is secret shows as `[secret]`,
   without its length; the data of unknown ones as `[12 octets]`.  Names are compared without case,
   and behind `SCD `.  A watch follows one connection: a line of data belongs to the command or
   inquiry that it answers.  */

#ifndef ASSUANCTL_SECRET_H
#define ASSUANCTL_SECRET_H

#include <stdbool.h>
#include <stddef.h>

enum secret_class { SECRET_OPEN, SECRET_UNKNOWN, SECRET_SECRET };

/* What the user adds: NAME, a command or a keyword, is secret, or open; unknown ones are open.  Of
   both the user's word counts more than the tables, and `open` more than `secret`.  NAME must stay.
   settings.shows_secrets opens all.  */
void secret_add (const char *name);
void secret_add_open (const char *name);
void secret_open_unknown (void);

struct secret_watch;

struct secret_watch *secret_watch_new (void);
void secret_watch_free (struct secret_watch *watch);

/* Returns how LINE, of LEN octets without its LF, is shown, to be freed, with its length at
   RET_LEN; it may hold NUL.  Stores the class of what was hidden at RET_CLASS: SECRET_OPEN if
   nothing was.  */
char *secret_watch_line (struct secret_watch *watch, bool is_from_server, const char *line,
                         size_t len, size_t *ret_len, enum secret_class *ret_class);

/* Returns COMMAND, a client's line, as messages may show it, to be freed.  */
char *secret_show_command (const char *command);

/* Returns true if COMMAND, or its arguments, are secret, whatever is shown: it is not kept in a
   history.  */
bool secret_is_command (const char *command);

/* Returns true if the answer to the inquiry KEYWORD is secret, whatever is shown: it is read
   without echo.  */
bool secret_is_inquiry (const char *keyword);

/* Wipes TEXT and frees it; NULL is allowed.  */
void secret_free (char *text);

#endif /* ASSUANCTL_SECRET_H */
