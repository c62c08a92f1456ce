/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* capture.h - a stream whose text a test looks at: a log, for instance.  One at a time.  */

#ifndef EVA_TESTS_KIT_CAPTURE_H
#define EVA_TESTS_KIT_CAPTURE_H

#include <stdio.h>

#include "assertions.h"

/* Opens the stream, and closes it; until then it belongs to the kit.  */
FILE *capture_open (void);
void capture_close (void);

/* All that was written so far, valid until more is.  */
const char *capture_get (void);

/* How often PART was written.  */
unsigned int capture_count (const char *part);

#endif /* EVA_TESTS_KIT_CAPTURE_H */
