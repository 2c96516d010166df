#include "elect/private.h"

const char *elect_cause_text(enum elect_cause cause)
{
	static const char *const texts[] = {
		[ELECT_CAUSE_NONE] = "no cause",
		[ELECT_WAS_FREE] = "nobody held it",
		[ELECT_OWNER_DEAD] = "its owner is dead",
		[ELECT_OWNER_LEFT] = "its owner left",
		[ELECT_OWNER_RELEASED] = "its owner let go of it",
		[ELECT_HANDED_OVER] = "handed over",
		[ELECT_OUTBID] = "another node has a higher claim",
		[ELECT_NO_QUORUM] = "no quorum",
		[ELECT_LOOPS_STUCK] = "the loops that serve clients are stuck",
		[ELECT_PAUSED] = "this process was paused for too long",
		[ELECT_STOPPING] = "stopping, and no other node takes it",
		[ELECT_CANNOT] = "it cannot be put on the interface",
	};

	return (size_t)cause < sizeof(texts) / sizeof(texts[0]) ? texts[cause] : "?";
}

const char *elect_order_text(enum elect_order order)
{
	static const char *const texts[] = {
		[ELECT_STARTED] = "started",
		[ELECT_THERE] = "it is there already",
		[ELECT_NO_OWNER] = "no node holds it",
		[ELECT_NO_NODE] = "no balancer of that name is alive",
		[ELECT_NOT_READY] = "that node cannot hold it now",
		[ELECT_BUSY] = "it is being moved already",
		[ELECT_NO_ANSWER] = "no answer in time",
		[ELECT_ALIVE_YET] = "it is alive",
		[ELECT_STRUCK] = "struck off",
	};

	return (size_t)order < sizeof(texts) / sizeof(texts[0]) ? texts[order] : "?";
}
