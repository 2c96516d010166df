/* What this program is and what it was linked with. */
#ifndef VERSION_H
#define VERSION_H

#include <stdio.h>

/* One line for the program, and one for each library: as it is now, not as it was when this was built. */
void version_print(FILE *out);

#endif
