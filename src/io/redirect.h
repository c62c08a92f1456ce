/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* redirect.h - files that stand where a socket should be and name the real one.

       %Assuan% LF
       socket=NAME LF

   and nothing else, at most 511 octets, ${VAR} in NAME standing for an environment variable
   (manual, "Socket wrapper functions").  */

#ifndef EVA__IO_REDIRECT_H
#define EVA__IO_REDIRECT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#define EVA__IO_REDIRECT_MAX 511

/* Parses the LEN octets at TEXT as a redirection file and stores the socket's name, variables put
   in by LOOKUP (getenv in real life; NULL counts as empty), at RET_NAME, which has SIZE octets.
   Returns 1; 0 if TEXT is no redirection; -1 with errno if it is one, but a bad one: EINVAL for a
   variable without }, a NUL, or an empty result, ENAMETOOLONG.  RET_NAME may be changed on
   failure.  */
int eva__io_redirect_parse (const char *text, size_t len, char *(*lookup) (const char *),
                            char *ret_name, size_t size);

/* Fills ADDR for the Unix socket FNAME.  If RET_REDIRECTED is not NULL and FNAME is a redirection
   file, ADDR gets the socket that it names and *RET_REDIRECTED is 1, else 0; it is 1 also for a bad
   one.  A redirection is followed once.  A name that starts with @ is an abstract one only if
   ALLOW_ABSTRACT.  Stores the length of ADDR at RET_LEN.  Returns 0, or -1 with errno: ENAMETOOLONG
   over 107 octets, or what eva__io_redirect_parse gives.  */
int eva__io_redirect_address (const char *fname, bool allow_abstract, struct sockaddr_un *addr,
                              socklen_t *ret_len, int *ret_redirected);

#endif /* EVA__IO_REDIRECT_H */
