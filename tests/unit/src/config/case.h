/* What the tests of the configuration share: a text becomes the file t.conf in a directory of this test's own, is
 * loaded, and what was said of it is compared line by line. */
#ifndef CONFIG_CASE_H
#define CONFIG_CASE_H

#include "config/load.h"

/* The .init and .fini of each suite. */
void case_enter(void);
void case_leave(void);

/* Writes a file, relative to the test's directory, whose path may name one more directory. */
void case_file(const char *name, const char *text);

/* Loads `text`; all errors must be `expected`, each on its line; "" for none. */
void case_errors(const char *text, const char *expected);

/* The same for warnings, of a text without errors. */
void case_warnings(const char *text, const char *expected);

/* As case_errors(), for what stands in one listener that is called "l" and bound to *:443, and for what stands in the
 * one backend "b", of one server, and for a server. The piece begins on line 1 of t.conf. */
void case_listener_errors(const char *piece, const char *expected);
void case_backend_errors(const char *piece, const char *expected);
void case_server_errors(const char *piece, const char *expected);
void case_health_errors(const char *piece, const char *expected);

/* The same pieces, which must be right. The caller frees the config. */
struct config *case_listener(const char *piece);
struct config *case_backend(const char *piece);
struct config *case_load(const char *text);

/* A file of one cluster key in the folder, and how the configuration names it. */
void case_key(const char *name, unsigned mode);
#define CASE_KEY "/proc/self/cwd/cluster.key"

/* The whole of a cluster group that is good but for `piece`, which comes last. */
void case_cluster_errors(const char *piece, const char *expected);
void case_cluster_warnings(const char *piece, const char *expected);
struct config *case_cluster(const char *piece);

#endif
