#include "world.h"

#include <criterion/criterion.h>

static struct world w;
static uint8_t carried[ELECT_CARRY_MAX];

static void stop_world(void)
{
	world_end(&w);
}

static struct elect *next_process(size_t node)
{
	struct elect_config config = {
		.id = world_id(node),
		.name = "next",
		.rule = w.rule,
		.run = 77,
		.beat_ms = BEAT_MS,
		.silent_ms = SILENT_MS,
		.vips = w.vips,
		.n_vips = w.n_vips,
	};
	struct elect *e = elect_new(&config, w.now);
	struct world_node *n = &w.nodes[node];

	cr_assert_not_null(e);
	for (size_t i = 0; i < n->n_kept; i++)
		elect_item(e, w.now, span_of(n->kept[i].key, n->kept[i].key_n),
			span_of(n->kept[i].value, n->kept[i].value_n));
	for (size_t i = 0; i < w.n; i++)
		if (i != node) {
			elect_member(e, w.now,
				&(struct elect_member){.id = world_id(i),
					.name = "other",
					.state = ELECT_ALIVE,
					.balancer = true,
					.role_known = true});
			elect_record(e, w.now, world_id(i),
				span_of(w.nodes[i].record, w.nodes[i].record_n));
		}
	return e;
}

TestSuite(carry, .fini = stop_world);

Test(carry, the_next_process_holds_what_the_one_before_held)
{
	struct elect_vip_view before, after;
	struct elect_event ev;
	struct elect *e;
	size_t owner, n;

	world_make(&w, 3);
	world_boot(&w);
	owner = (size_t)world_owner(&w, 0);
	elect_vip(w.nodes[owner].e, 0, &before);
	n = elect_carry(w.nodes[owner].e, carried);
	e = next_process(owner);
	cr_assert(elect_resume(e, w.now, span_of(carried, n)));
	elect_vip(e, 0, &after);
	cr_expect(after.mine);
	elect_start(e, w.now);
	while (elect_next(e, w.now, &ev))
		cr_expect(ev.kind != ELECT_DROP && ev.kind != ELECT_HOLD);
	elect_vip(e, 0, &after);
	cr_expect(after.mine);
	cr_expect_eq(after.term, before.term);
	cr_expect(elect_may_renew(e));
	cr_expect(elect_is_valid(e));
	elect_free(e);
}

Test(carry, who_does_not_own_it_does_not_claim_it)
{
	struct elect_vip_view view;
	struct elect_event ev;
	struct elect *e;
	size_t owner, other, n;

	world_make(&w, 3);
	world_boot(&w);
	owner = (size_t)world_owner(&w, 0);
	other = (owner + 1) % 3;
	n = elect_carry(w.nodes[other].e, carried);
	e = next_process(other);
	cr_assert(elect_resume(e, w.now, span_of(carried, n)));
	elect_start(e, w.now);
	while (elect_next(e, w.now, &ev))
		cr_expect(ev.kind != ELECT_HOLD && ev.kind != ELECT_OWNER);
	elect_vip(e, 0, &view);
	cr_expect_eq(view.owner, world_id(owner));
	elect_free(e);
}

Test(carry, what_is_cut_or_of_another_address_changes_nothing)
{
	struct elect_vip_view view;
	struct elect *e;
	size_t owner, n;

	world_make(&w, 3);
	world_boot(&w);
	owner = (size_t)world_owner(&w, 0);
	n = elect_carry(w.nodes[owner].e, carried);
	e = next_process(owner);
	for (size_t cut = 0; cut < n; cut++)
		if (cut < 45 || (cut - 45) % 71 != 0)
			cr_expect_not(elect_resume(e, w.now, span_of(carried, cut)), "%zu", cut);
	carried[45] ^= 1;
	cr_expect_not(elect_resume(e, w.now, span_of(carried, n)));
	elect_vip(e, 0, &view);
	cr_expect_not(view.mine);
	elect_free(e);
}
