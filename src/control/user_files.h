/* The files of users that routes ask for, kept as they are on disk: looked at every two seconds, taken up when they
 * change, published to the workers. What is broken serves on as it was, and the log says so. owner: control; thread:
 * control. */
#ifndef CONTROL_USER_FILES_H
#define CONTROL_USER_FILES_H

#include "control/control.h"

struct user_files;

struct user_files *user_files_new(struct control *c); /* NULL: out of memory */
void user_files_free(struct user_files *f);	      /* NULL is allowed */

#endif
