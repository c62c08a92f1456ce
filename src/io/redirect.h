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

/* For servers: looks whether the file FNAME, itself and no symbolic link to it, is a redirection,
   and stores the name in it at RET_NAME of SIZE octets.
   Returns 1; 0 if it is none; -1 with errno: EPERM if it belongs to another user than this one and
   root, or others may write it; EINVAL also for a name that is no absolute path; or what
   eva__io_redirect_parse gives.  */
int eva__io_redirect_find (const char *fname, char *ret_name, size_t size);

/* Writes a redirection to NAME, with mode 0600, to the file FNAME, which must not be there.
   Returns 0, or -1 with errno: EEXIST; EINVAL for a NAME that would be read as something else;
   ENAMETOOLONG; or what the system gives.  */
int eva__io_redirect_write (const char *fname, const char *name);

#endif /* EVA__IO_REDIRECT_H */
