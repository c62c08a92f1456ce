/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* stream.h - the stdio stream of a context.

   The C library may be in the middle of a write to it when a monitor or the log, which are shown
   the data, releases the context: then the stream must not be closed yet.  Within a handler the
   context waits for the end of the outermost call, and the stream with it.  If the program's own
   fwrite is the outermost call, only the program knows when that is over: the stream outlives the
   context.  */

#ifndef EVA__ASSUAN_STREAM_H
#define EVA__ASSUAN_STREAM_H

#include "assuan/context.h"

struct eva__data_stream {
  FILE *fp;
  assuan_context_t ctx; /* or NULL: it is gone */
  void (*free) (void *ptr);
  bool is_writing;
};

/* Makes a stream of CTX, unbuffered.  What is written to it goes to WRITE, as of fopencookie(3),
   with the stream as its cookie.  Returns NULL if there is no memory.  */
struct eva__data_stream *eva__ctx_open_data_stream (assuan_context_t ctx,
                                                    cookie_write_function_t *write);

/* Closes the stream, unless the program writes to it at this moment: then it is closed with the
   context.  */
void eva__ctx_close_data_stream (assuan_context_t ctx);

/* CTX goes away.  If the program writes at this moment, outside of all other calls, the stream
   stays with the program.  */
void eva__ctx_drop_data_stream (assuan_context_t ctx);

#endif /* EVA__ASSUAN_STREAM_H */
