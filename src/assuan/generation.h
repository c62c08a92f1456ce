/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* generation.h - what differs between the generations of libassuan.

   The same objects stand behind libassuan.so.0 (libassuan 2.5), libassuan.so.9 (3.0) and
   libevassuan.so.0.  Each of these libraries is linked with one table, and nothing else tells them
   apart.  */

#ifndef EVA__ASSUAN_GENERATION_H
#define EVA__ASSUAN_GENERATION_H

#include <stdbool.h>

struct eva__generation {
  const char *version; /* what assuan_check_version tells and compares */

  /* `OK Pleased to meet you, process N`: N is the server, not its peer.  */
  bool greets_with_own_pid;

  /* assuan_set_hello_line: `, process N` is added to the text, in the same way.  */
  bool adds_pid_to_hello;

  /* assuan_sock_connect_byname has a timeout; in the other generation that argument is
     reserved.  */
  bool has_timeout;

  /* Contexts with the default hooks call the functions of gpgrt_set_syscall_clamp.  */
  bool clamps;
};

extern const struct eva__generation eva__generation;

#endif /* EVA__ASSUAN_GENERATION_H */
