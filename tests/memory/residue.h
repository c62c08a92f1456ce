/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* residue.h - looking for a secret in the memory of this process.

   The secret stands nowhere but where a test makes it, for as long as the test needs it: in this
   program it is hidden, and the peers that say or hear it are processes of their own.  */

#ifndef EVA_TESTS_MEMORY_RESIDUE_H
#define EVA_TESTS_MEMORY_RESIDUE_H

#include <stddef.h>

/* Octets of the secret.  It has no NUL, LF, % or CR, and is one word.  */
#define SECRET_LEN 48

/* Writes the secret, and a NUL, to BUF.  */
void secret_make (char buf[SECRET_LEN + 1]);

/* Overwrites LEN octets at BUF.  */
void secret_forget (void *buf, size_t len);

/* Looks for pieces of the secret, of 8 octets at least, in all memory that can be written.  Returns
   how many there are, and tells where.  */
size_t secret_search (void);

#endif /* EVA_TESTS_MEMORY_RESIDUE_H */
