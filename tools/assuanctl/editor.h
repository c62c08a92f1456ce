/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* editor.h - lines that are typed at a terminal: editing, history and completion by libedit, while
   the loop of wait.h runs.  Without libedit, and where TERM is dumb, lines are read as they
   are.  */

#ifndef ASSUANCTL_EDITOR_H
#define ASSUANCTL_EDITOR_H

#include <stdbool.h>
#include <stddef.h>

struct editor;

/* Opens the terminal.  HISTORY is the file of the history, or NULL.  COMPLETE returns the candidate
   number INDEX for LINE, the text in front of the cursor whose last word begins at START: a whole
   word, to be freed; NULL behind the last one.  */
struct editor *
editor_new (const char *history,
            char *(*complete) (void *arg, const char *line, size_t start, size_t index), void *arg);
void editor_free (struct editor *editor);

/* Returns the next line, without its LF and to be freed, behind PROMPT; NULL at Ctrl-D.  */
char *editor_read (struct editor *editor, const char *prompt);

/* Shows TEXT, of LEN octets, above the line that is being edited.  */
void editor_interject (struct editor *editor, const char *text, size_t len);

#endif /* ASSUANCTL_EDITOR_H */
