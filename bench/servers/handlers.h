/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* handlers.h - what the commands of the servers on a library do, of either library.  */

#ifndef BENCH_SERVERS_HANDLERS_H
#define BENCH_SERVERS_HANDLERS_H

#include <assuan.h>

/* MIX: some status lines and some data.  */
gpg_error_t handle_mix (assuan_context_t ctx);

/* HEAP: how many octets of heap the server uses, as data.  */
gpg_error_t handle_heap (assuan_context_t ctx);

#endif /* BENCH_SERVERS_HANDLERS_H */
