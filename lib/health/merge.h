/* What several nodes that check the same server make of it together. Each node's own word comes first for itself: where
 * it sees the server up, it uses it; where it does not, others' sight is no help to its clients. What the others
 * see is a reason to look again at once, the second best choice when nothing is up here, all there is before the first
 * look of one's own, and what to tell an operator. Pure and by value. */
#ifndef HEALTH_MERGE_H
#define HEALTH_MERGE_H

#include <stdbool.h>

enum health_view { HEALTH_UNKNOWN, HEALTH_UP, HEALTH_DOWN };

/* Own: by checks of this node, HEALTH_UNKNOWN before the first. Others: only those whose word is fresh: they are
 * alive, and have looked themselves. */
struct health_views {
	enum health_view own;
	unsigned others_up, others_down;
};

/* The majority of all who know, this node among them; where they are even, it is up: somebody reaches it. */
enum health_view health_cluster(const struct health_views *v);

/* Down here and up elsewhere: what is between us and it is broken, not it. */
bool health_is_unreachable(const struct health_views *v);

/* What to go by before the first check of one's own: the majority of the others; HEALTH_UNKNOWN: nobody knows, or they
 * are even. */
enum health_view health_adopted(const struct health_views *v);

/* One other's word has changed from `before` to `after`: whether to look again at once. A death that is news is; so
 * is a life, where the server is down here. */
bool health_look_again(enum health_view own, enum health_view before, enum health_view after);

#endif
