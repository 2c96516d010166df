/* Makes the keys that the nodes of a cluster will share. */
#ifndef GENKEY_H
#define GENKEY_H

#include <stdbool.h>
#include <stdio.h>

/* Writes one line that is a valid key file by itself: "ID BASE64 active", a random id of 8 hexadecimal digits and 32
 * random bytes. False: no randomness, or it could not be written. */
bool genkey_print(FILE *out);

#endif
