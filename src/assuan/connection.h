/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* connection.h - the connection of a context: its memory, what comes and what leaves.  */

#ifndef EVA__ASSUAN_CONNECTION_H
#define EVA__ASSUAN_CONNECTION_H

#include "assuan/context.h"
#include "assuan/view.h"

/* Notes that this process uses CTX: from now on this process takes leave of the peer.  */
void eva__ctx_claim (assuan_context_t ctx);

/* Returns true if CTX belongs to this process: this process used it last, or CTX lives in a loop of
   this process.  In another process, a child, CTX is given back without a word to the peer and
   without any callback: everything that is still to come happens where CTX belongs.  */
bool eva__ctx_is_ours (assuan_context_t ctx);

/* Sets how CTX, and what shares with it, use an eva_conn as contexts of KIND.  */
void eva__ctx_configure (assuan_context_t ctx, enum eva__ctx_kind kind);

/* Sets how many octets a server in the program's own loop keeps of what came before the pending
   command has ended; 0: the default.  */
void eva__ctx_set_max_ahead (assuan_context_t ctx, size_t max_len);

/* Gives CTX a connection over IN_FD and OUT_FD, which it owns from then on.  */
void eva__ctx_connect (assuan_context_t ctx, enum eva__ctx_kind kind, assuan_fd_t in_fd,
                       assuan_fd_t out_fd, bool pass_fds);

/* The same for FD, a socket that only this context closes, without asking the system about it.
   PASS_FDS is for Unix sockets alone.  */
void eva__ctx_connect_socket (assuan_context_t ctx, enum eva__ctx_kind kind, assuan_fd_t fd,
                              bool pass_fds);

/* CTX, a client, was connected by a socket: asks the kernel which process listened there, or made
   the pair.  */
void eva__ctx_learn_server_pid (assuan_context_t ctx);

/* Closes the connection, if there is one: descriptors, also those that wait, are closed.  */
void eva__ctx_disconnect (assuan_context_t ctx);

/* Returns true if octets can still be exchanged.  */
bool eva__ctx_is_connected (assuan_context_t ctx);

/* Returns why nothing can be said any more: the peer is dead, or there is no connection; else 0. */
gpg_error_t eva__ctx_may_say (assuan_context_t ctx);

/* One read from the peer.  If WAIT, it waits for octets; if not, it never blocks.  It is no error
   if nothing came, nor is the end of file, which eva__conn_at_eof tells.  Returns TOO_LARGE if more
   came than may wait for a command; from then on the input counts as ended.  */
gpg_error_t eva__ctx_read (assuan_context_t ctx, bool wait);

/* Sends all that is queued, waiting for room where needed.  */
gpg_error_t eva__ctx_flush (assuan_context_t ctx);

/* Returns true if ERR, of reading or writing, says that the peer is gone, and the program takes
   turns with assuan_process_next: there it is no error but the end, which DONE reports.  */
bool eva__ctx_is_left (assuan_context_t ctx, gpg_error_t err);

/* Gets the next event, or line, and waits for it; both show every line to log and monitor once.
   Returns 0; EOF; the error of eva_conn_next, translated.  */
gpg_error_t eva__ctx_wait_event (assuan_context_t ctx, struct eva_event *ret);
gpg_error_t eva__ctx_wait_line (assuan_context_t ctx, char **ret_line, size_t *ret_len);

/* Wipes the line that came last, when it has been handled.  */
void eva__ctx_forget_line (assuan_context_t ctx);

/* Returns true if all that came of CTX, which may be released, was handled, the last line to its
   end, and gives its buffer back.  Mostly one line comes at a time, and there is no need to look
   for another one.  */
bool eva__ctx_is_through (assuan_context_t ctx);

/* eva_conn_next with log and monitor.  */
int eva__ctx_next (assuan_context_t ctx, struct eva_event *ret);

/* Makes what is queued from now on confidential if IS_SECRET, and while the program says so.  Used
   in pairs, for what was confidential when it was set and is said later; with false at the end.  */
void eva__ctx_mark_output (assuan_context_t ctx, bool is_secret);

/* Notes whether the program calls what is said and heard confidential.  */
void eva__ctx_set_confidential (assuan_context_t ctx, bool is_confidential);

#endif /* EVA__ASSUAN_CONNECTION_H */
