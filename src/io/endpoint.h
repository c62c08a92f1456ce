/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* endpoint.h - where servers listen and clients connect, in words.

       unix:/path  unix:@name    a Unix socket in the file system, or an abstract one
       tcp:IP:PORT tcp:[IP6]:PORT
       fd:N                      a descriptor that is there already
       systemd:  systemd:NAME    descriptors of the service manager (activation.h)
       exec:PROGRAM ARGUMENTS    a server to start (program.h)
       ssh:[USER@]HOST[:PORT]/PATH   a Unix socket of another host (ssh.h)

   and for clients what assuan_socket_connect takes: a path that starts with `/` or `file://`,
   `@name`, `assuan://IP:PORT`, `assuan://[IP6]:PORT`.  Nothing here makes a system call but
   eva__io_endpoint_format, and eva__io_endpoint_parse for a path that is too long.  */

#ifndef EVA__IO_ENDPOINT_H
#define EVA__IO_ENDPOINT_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

/* Room for each address in words and its NUL: the longest is a path without a NUL.  */
#define EVA__IO_ENDPOINT_SIZE 128

/* An address of any of the families that the library knows.  */
union eva__io_sockaddr {
  struct sockaddr any;
  struct sockaddr_un un;
  struct sockaddr_in in;
  struct sockaddr_in6 in6;
};

enum eva__io_endpoint_kind {
  EVA__IO_ENDPOINT_UNIX,
  EVA__IO_ENDPOINT_INTERNET,
  EVA__IO_ENDPOINT_FD,
  EVA__IO_ENDPOINT_SYSTEMD,
  EVA__IO_ENDPOINT_EXEC,
  EVA__IO_ENDPOINT_SSH
};

struct eva__io_endpoint {
  enum eva__io_endpoint_kind kind;
  bool is_for_clients;         /* one of assuan_socket_connect's forms: nothing to listen on */
  bool is_loopback;            /* INTERNET */
  bool is_followed;            /* UNIX: the address is what a redirection file names */
  socklen_t addr_len;          /* UNIX, INTERNET */
  union eva__io_sockaddr addr; /* UNIX, INTERNET; a path has its NUL */
  int fd;                      /* FD: not below 0 */
  const char *name;            /* SYSTEMD: NULL for all; EXEC, SSH: the rest.  Part of the text */
};

/* Parses TEXT into RET, which borrows from TEXT.  Port 0 is accepted in `tcp:` only: it is good for
   listening.
   A path of over 107 octets has to be that of a redirection file, whose socket RET gets.
   Returns 0, or -1 with errno: EINVAL for a text of no such form or a bad redirection, ENAMETOOLONG
   over 107 octets of path or name (with its @).  */
int eva__io_endpoint_parse (const char *text, struct eva__io_endpoint *ret);

/* The same for the forms of assuan_socket_connect alone.  */
int eva__io_endpoint_parse_classic (const char *text, struct eva__io_endpoint *ret);

/* Returns true for an internet address that does not leave this host: 127.0.0.0/8, also as IPv6,
   and ::1.  */
bool eva__io_endpoint_is_loopback (const union eva__io_sockaddr *addr);

/* Writes ADDR of ADDR_LEN octets, as the kernel gives them, to BUF in the form `unix:` or `tcp:`.
   A Unix socket without a name is `unix:`.
   Returns 0, or -1 with errno: EINVAL for an abstract name with a NUL, which has no such form,
   EAFNOSUPPORT for another family.  */
int eva__io_endpoint_print (const union eva__io_sockaddr *addr, socklen_t addr_len,
                            char buf[EVA__IO_ENDPOINT_SIZE]);

/* The same for the address that socket FD is bound to.  Returns as above, or what getsockname
   gives.  */
int eva__io_endpoint_format (int fd, char buf[EVA__IO_ENDPOINT_SIZE]);

/* Returns true if the address that socket FD is bound to is a Unix socket's or a loopback address,
   so that the other end is on this host.  */
bool eva__io_endpoint_is_near (int fd);

#endif /* EVA__IO_ENDPOINT_H */
