/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* seldom.h - conditions that nearly always go one way.

   The compiler puts together what follows then, and a turn needs fewer lines of the processor's
   cache of instructions, through which the kernel's code passes between two turns.  Only what every
   line or turn passes is worth such a hint.  */

#ifndef EVA__WIRE_SELDOM_H
#define EVA__WIRE_SELDOM_H

#define EVA__SELDOM(condition) __builtin_expect (!!(condition), 0)
#define EVA__MOSTLY(condition) __builtin_expect (!!(condition), 1)

#endif /* EVA__WIRE_SELDOM_H */
