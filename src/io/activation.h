/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* activation.h - descriptors that the service manager opened for this process (sd_listen_fds(3)).

       LISTEN_PID      the process that they are for
       LISTEN_FDS      how many there are, from 3 on
       LISTEN_FDNAMES  their names, with colons between

   The environment stays as it is: other libraries of the process may ask too.  */

#ifndef EVA__IO_ACTIVATION_H
#define EVA__IO_ACTIVATION_H

/* Where the search starts.  */
#define EVA__IO_ACTIVATION_START 2

/* Finds the first descriptor above FD with NAME, or of any name if that is NULL, and makes it
   close-on-exec.  Without LISTEN_FDNAMES all are called "unknown".
   Returns it, or -1 with errno: ENOENT if there is none; EINVAL if the variables make no sense;
   EBADF if it is not open.  */
int eva__io_activation_next (const char *name, int fd);

#endif /* EVA__IO_ACTIVATION_H */
