/* Makes the n-th allocation of the code under test fail, to walk through every way it can run out of
 * memory. Works on what is linked with FAULT_WRAP; shared libraries keep their memory.
 *
 *	for (unsigned n = 1; fault_next(n); n++) {
 *		struct thing *t = thing_new();
 *		if (fault_struck()) { … t is NULL, nothing leaks … } else { … t is whole … }
 *	}
 */
#ifndef FAULT_H
#define FAULT_H

#include <stdbool.h>

/* Arms the n-th allocation from now on. False once a whole round went by without reaching its n. */
bool fault_next(unsigned n);

/* Disarms; says whether the allocation was reached and failed. */
bool fault_struck(void);

#endif
