/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hand.h - contexts that are driven by hand.  */

#ifndef EVA_TESTS_WORLD_HAND_H
#define EVA_TESTS_WORLD_HAND_H

#include "eva.h"

/* Drives CTX a turn, if one is due: then it returns true and stores at RET_ERR what eva_process
   returned.  *IS_DRIVEN tells meanwhile that it is under way.  */
bool hand_turn (assuan_context_t ctx, bool *is_driven, gpg_error_t *ret_err);

#endif /* EVA_TESTS_WORLD_HAND_H */
