/* Paths in the one form in which they are compared: percent-encodings decoded, "." and ".." resolved,
 * runs of '/' taken for one (RFC 3986 6.2.2). A route's path stands in that form too, so that no other
 * spelling of a path gets around the rules of its route. What is passed on is the path as sent.
 * Pure; any thread. */
#ifndef HTTP_PATH_H
#define HTTP_PATH_H

#include "base/span.h"

enum { HTTP_PATH_BAD = -1 };

/* Writes at most path.n bytes to `out` and returns how many; HTTP_PATH_BAD where the path leaves the
 * root, or holds a NUL, or a '%' without two hex digits. */
int http_path_normalize(struct span path, uint8_t *out);

/* Whether `prefix` (normalized) is the path, or a part of it that ends at a '/'. */
bool http_path_is_under(struct span path, struct span prefix);

#endif
