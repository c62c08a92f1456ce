/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* explain.h - why a server cannot listen, or a client cannot connect, in a sentence: what failed,
   on what, why, and what to do.

       cannot listen on unix:S: the path is relative; write unix:/home/ann/S
       cannot connect to unix:/run/S: there is no such socket; does the server run?  */

#ifndef EVA__IO_EXPLAIN_H
#define EVA__IO_EXPLAIN_H

enum eva__io_act { EVA__IO_LISTEN, EVA__IO_CONNECT };

/* Returns the sentence for ERROR, an errno value, of ACT on ADDRESS.  PROGRAM is the first word of
   a program whose words are known, for `exec:`; or NULL.  Returns NULL if there is no memory.  The
   caller frees it.  Keeps errno.  */
char *eva__io_explain (enum eva__io_act act, const char *address, const char *program, int error);

/* The same with the reason, and what to do, in WHY.  */
char *eva__io_explain_as (enum eva__io_act act, const char *address, const char *why);

#endif /* EVA__IO_EXPLAIN_H */
