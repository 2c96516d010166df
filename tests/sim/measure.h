/* Figures of the simulated cluster, printed as a table a line:
 *
 *	bandwidth	bytes a second and node, all headers included, when nothing happens
 *	death		from a host's end until all others know
 *	item		from a write until it is everywhere
 *	gap		from the end of an address's owner until another holds it
 *	false		deaths declared at 20 % loss where nobody died; slow: 48 hours each for 2, 3, 5 nodes
 *	all		all but `false` */
#ifndef SIM_MEASURE_H
#define SIM_MEASURE_H

#include <stdbool.h>

bool measure(const char *what); /* false: nothing of that name */

#endif
