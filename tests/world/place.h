/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* place.h - where servers listen: a temporary directory of the world's own.  */

#ifndef EVA_TESTS_WORLD_PLACE_H
#define EVA_TESTS_WORLD_PLACE_H

#define PLACE_SIZE 100

/* Makes it, once in a program; removes it, and all that is in it.  */
void place_begin (void);
void place_end (void);

/* Writes the address of number N of the world to NAME.  */
void place_name (unsigned int n, char name[PLACE_SIZE]);

/* The program ends if there is still a file of the world.  */
void place_check (void);

#endif /* EVA_TESTS_WORLD_PLACE_H */
