/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pump.h - bulk data within a command.

       outflow    a descriptor -> data lines
       inflow     the answer to an inquiry -> a descriptor
       transfer   a descriptor -> a descriptor

   A pump at rest is this struct, a source for the one descriptor that it waits for, and no buffer:
   there may be thousands.  A source exists exactly as long as its descriptor is waited for, because
   one that watches for nothing would tell again and again of a pipe whose other end is gone.  */

#ifndef EVA__ATTACH_PUMP_H
#define EVA__ATTACH_PUMP_H

#include "attach/attached.h"
#include "io/pipe.h"

/* The most octets that a pump moves before others get their turn: into data lines, half of which cost
   a fifth more time for each; and within the kernel.  */
#define EVA__PUMP_SLICE_LEN        ((size_t) 128 << 10)
#define EVA__PUMP_KERNEL_SLICE_LEN ((size_t) 256 << 10)

/* Octets of the buffers of pumps into descriptors: of one read of the peer, and of one of another
   descriptor.  */
#define EVA__PUMP_INFLOW_SIZE   EVA_INPUT_SIZE
#define EVA__PUMP_TRANSFER_SIZE ((size_t) 64 << 10)

struct eva__pump;

/* What a pump has at an end that is not the connection.  */
struct eva__pump_end {
  struct eva__io_pipe pipe;
  bool is_used;
  bool is_owned;        /* closed when the pump ends */
  bool is_always_ready; /* a file; or another one that cannot be watched */
  int copy;             /* of the descriptor, where somebody else watches that one; or -1 */
  eva_source *source;   /* while it is waited for */
};

struct eva__pump {
  struct eva__stream stream; /* the first member */
  assuan_context_t ctx;
  eva_loop *loop;
  struct eva__task task; /* for ends that need not be waited for */
  struct eva__pump_end from, to;

  /* What there is to do when an end is ready, or at any time where none is waited for.  Outside of
     turns of the context, which stays meanwhile.  */
  void (*step) (struct eva__pump *pump);

  /* Octets on their way: from start to end of a buffer that is there only if there are any.  */
  char *buf;
  size_t buf_size;
  size_t start, end;

  uint64_t n_pumped;
  uint64_t max_len;    /* UINT64_MAX: no limit */
  bool has_all;        /* inflow: the answer is complete */
  bool uses_own_hands; /* transfer: the kernel cannot do it alone */
  bool is_secret;      /* begun while the context was confidential, as all of it is */
  void (*done) (assuan_context_t ctx, void *arg, gpg_error_t err, uint64_t n_pumped);
  void *arg;

  /* Progress, if WHAT is not empty.  */
  struct eva__timer timer;
  uint64_t interval_ns;
  uint64_t total;
  char what[];
};

/* --- The pump (pump.c) ------------------------------------------------------------------------ */

/* Ends PUMP because of ERR, while its command goes on.  PUMP is gone behind it, and the context may
   have been released.  */
void eva__pump_finish (struct eva__pump *pump, gpg_error_t err);

/* The same because of what is in errno.  */
void eva__pump_finish_errno (struct eva__pump *pump);

/* Returns true if more waits to be sent than should.  */
bool eva__pump_is_above_water (const struct eva__pump *pump);

/* Returns how many octets to read next, at most LEN: not more than are allowed.  When all of them
   came it is one, to see whether there are more; eva__pump_is_over tells of that one.  */
size_t eva__pump_limit (const struct eva__pump *pump, size_t len);
bool eva__pump_is_over (const struct eva__pump *pump, size_t n);

/* Gives PUMP a buffer of SIZE octets, which count as held.  Returns false if there is none.  */
bool eva__pump_take_buffer (struct eva__pump *pump, size_t size);

/* Wipes the buffer and gives it back, if there is one.  */
void eva__pump_give_buffer (struct eva__pump *pump);

/* Writes what is in the buffer, as far as possible, and gives it back when it is empty.  Returns 0,
   or -1 with errno: EAGAIN if there is a rest.  */
int eva__pump_pour (struct eva__pump *pump);

/* --- Waiting (wait.c) ------------------------------------------------------------------------- */

/* Lets END be waited for, and nothing else: step is called as long as it is ready.  Returns 0, or
   -1 with errno: EAGAIN for one that cannot be waited for.  */
int eva__pump_wait_for (struct eva__pump *pump, struct eva__pump_end *end);

/* Waits for nothing.  */
void eva__pump_rest (struct eva__pump *pump);

/* Lets step be called soon; or when all others that are ready had their turn.  */
void eva__pump_go_on (struct eva__pump *pump);
void eva__pump_go_on_later (struct eva__pump *pump);

/* --- Directions (outflow.c, inflow.c, transfer.c) --------------------------------------------- */

void eva__pump_init_outflow (struct eva__pump *pump);
gpg_error_t eva__pump_init_inflow (struct eva__pump *pump, const char *inquiry);
void eva__pump_init_transfer (struct eva__pump *pump);

/* --- Progress (progress.c) -------------------------------------------------------------------- */

/* Returns true if WHAT can stand in a line of progress.  */
bool eva__pump_is_what (const char *what);

/* Begins and ends telling of progress, if PUMP has to.  Returns 0, or -1 with errno ENOMEM.  */
int eva__pump_start_progress (struct eva__pump *pump);
void eva__pump_stop_progress (struct eva__pump *pump);

/* Tells of it now.  */
void eva__pump_tell_progress (struct eva__pump *pump);

#endif /* EVA__ATTACH_PUMP_H */
