/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fail.h - how the functions of eva-words.h fail.  */

#ifndef EVA__WIRE_FAIL_H
#define EVA__WIRE_FAIL_H

#include <gpg-error.h>

static inline gpg_error_t
eva__wire_fail (gpg_err_code_t code) {
  return gpg_err_make (GPG_ERR_SOURCE_ASSUAN, code);
}

#endif /* EVA__WIRE_FAIL_H */
