/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* villains.h - clients that behave badly, many at a time, in one thread.  They speak octets, and
   know nothing of the library.

   One that the server throws out comes back.  What the servers say to them is read, if at all, to
   count it.  */

#ifndef EVA_TESTS_HOSTILE_VILLAINS_H
#define EVA_TESTS_HOSTILE_VILLAINS_H

#include <signal.h>
#include <stddef.h>
#include <stdint.h>

/* ERR lines with one code.  */
struct villains_err {
  unsigned int code; /* without its source */
  uint64_t n;
};

/* What they did, and what was done to them.  */
struct villains_report {
  uint64_t n_connected;
  uint64_t n_ended;  /* connections that the server ended: by closing them, */
  uint64_t n_reset;  /* and without reading what it had got */
  uint64_t n_done;   /* connections that ended as their kind wants it */
  uint64_t n_undone; /* and that did not */
  uint64_t n_sent;   /* octets */
  uint64_t n_ok;     /* lines that begin with OK; the greeting is one */
  uint64_t n_err;    /* and with ERR */
  struct villains_err errs[8];
};

/* Ends villains_run soon; for signal handlers.  */
extern volatile sig_atomic_t villains_stop;

/* Returns the name of the kind with number INDEX, from 0, or NULL; and what it does.  */
const char *villains_kind (size_t index, const char **ret_what);

/* Lets N clients of KIND behave badly to the server on the socket PATH, or @NAME, an abstract one,
   until villains_stop.  Fills REPORT, which is zero before.  Returns 0, or -1 with errno: EINVAL
   for a KIND that there is not, ECONNREFUSED if the server is gone, or what else failed.  */
int villains_run (const char *path, const char *kind, size_t n, struct villains_report *report);

#endif /* EVA_TESTS_HOSTILE_VILLAINS_H */
