/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pump.h - bulk data within a command.

       outflow    a descriptor -> data lines
       inflow     the answer to an inquiry -> a descriptor
       transfer   a descriptor -> a descriptor

   A pump at rest is this struct, a source for the one descriptor that it waits for, and no buffer:
   there may be thousands.  A source exists exactly as long as the pump waits for its descriptor: a
   source that watches for nothing would report again and again that the other end of a pipe is
   gone.  */

#ifndef EVA__ATTACH_PUMP_H
#define EVA__ATTACH_PUMP_H

#include "attach/attached.h"
#include "io/pipe.h"

/* The most octets that a pump moves before others get their turn: into data lines, where half of it
   costs a fifth more time for each octet; and within the kernel.  */
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
  int copy;             /* of the descriptor, if another source watches that one; or -1 */
  eva_source *source;   /* while the pump waits for it */
};

struct eva__pump {
  struct eva__stream stream;
  assuan_context_t ctx;
  eva_loop *loop;
  struct eva__task task; /* for ends that do not have to be waited for */
  struct eva__pump_end from, to;

  /* What there is to do when an end is ready, or at any time if the pump waits for none.  Runs
     outside of turns of the context, which stays meanwhile.  */
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

/* Make PUMP go in its direction: outflow.c, inflow.c, transfer.c.  */
void eva__pump_init_outflow (struct eva__pump *pump);
gpg_error_t eva__pump_init_inflow (struct eva__pump *pump, const char *inquiry);
void eva__pump_init_transfer (struct eva__pump *pump);

#endif /* EVA__ATTACH_PUMP_H */
