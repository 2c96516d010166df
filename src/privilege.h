/* Becoming the configured user with only the capabilities that serving needs (capabilities(7)), and the directories
 * which that user must own. Called once, before any thread exists. */
#ifndef PRIVILEGE_H
#define PRIVILEGE_H

#include "config/config.h"

#include <stdbool.h>
#include <stddef.h>

/* Makes `dir` (its parent must exist) and gives it to the user if this process may; what cannot be done is left
 * to who uses the directory. False: it does not exist afterwards. */
bool privilege_make_dir(const struct config *c, const char *dir);

/* A log file that was opened as root: given to the user, who opens it anew later. What is no file of ours alone is left
 * as it is, and so are names without a slash. */
void privilege_give_log(const struct config *c, const char *path);

/* From then on user and group are the configured ones, and CAP_NET_BIND_SERVICE all that is left of root; with virtual
 * addresses CAP_NET_ADMIN and CAP_NET_RAW stay too. Does nothing where the file names neither. False: `why` says what
 * was refused. */
bool privilege_drop(const struct config *c, char *why, size_t why_size);

/* Raises the soft limit of descriptors to the hard one. Returns the limit in force. */
size_t privilege_raise_descriptors(void);

#endif
