package nft

import (
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"

	"sgfw/filter/offload"
)

// Suffixes of the base chains that stand before and behind another one.
const (
	suffixBefore = "-before"
	suffixBehind = "-behind"
)

// carriers are the chains that lead to the queues where the kernel carries on with flows,
// and those that packets with a verdict go to. Devices with the view of the wire have the
// plain one: what is carried in one of its hooks would pass unasked in the other.
func carriers(p Plan, f features, decide []expr.Any) []chain {
	rules := offload.Rules(p.Offload)
	ask := [][]expr.Any{decide}
	if !p.Closed {
		if queueFlags(p, f)&queueBypass == 0 { // else packets may pass without a verdict
			ask[0] = slices.Concat(rules.Wait, decide)
		}
	}
	carry := ask
	if !p.Closed {
		carry = slices.Concat(rules.Carry, ask)
	}
	return []chain{
		{name: offload.ChainOpening, rules: rules.Opening},
		{name: offload.ChainProven, rules: rules.Proven},
		{name: offload.ChainDecided, rules: rules.Decided},
		{name: chainVerdict, rules: carry},
		{name: chainVerdictWire, rules: ask},
	}
}

// surround puts what verdicts need around the base chains.
func surround(p Plan, chains []chain) (out []chain) {
	rules := offload.Rules(p.Offload)
	for _, c := range chains {
		if c.hook == nil {
			out = append(out, c)
			continue
		}
		before, behind := c, c
		before.name, behind.name = c.name+suffixBefore, c.name+suffixBehind
		before.priority, behind.priority = c.priority-1, c.priority+1
		before.rules, before.maps = rules.Clear, nil
		behind.rules, behind.maps = rules.Unanswered, nil
		c.rules = slices.Concat([][]expr.Any{rules.Verdict}, c.rules)
		out = append(out, before, c, behind)
	}
	return out
}

// lasting are the rules of a base chain that stay when the others go: packets that wait
// come back with their verdicts.
func (c chain) lasting(p Plan) [][]expr.Any {
	if c.hook == nil || !p.carries() || len(c.rules) == 0 {
		return nil
	}
	switch c.name {
	case chainInput, chainForward, chainOutput, chainPrerouting, chainPostrouting:
		return c.rules[:1]
	}
	return c.rules
}

// counters are the named counters of the plan's table.
func (p Plan) counters() []string {
	if !p.carries() {
		return counters()
	}
	return append(counters(), offload.CounterUnanswered)
}

// Transact implements [offload.Owner].
func (t *Table) Transact(messages []netlink.Message) ([]netlink.Message, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, err := t.state(); err != nil {
		return nil, err
	}
	return t.s.exchange(messages...)
}

// addSets puts the sets of carried flows into the transaction.
func (t *Table) addSets(table *nftables.Table, p Plan) error {
	if !p.carries() {
		return nil
	}
	for _, s := range offload.Declare(p.Offload, table) {
		if err := t.s.AddSet(s, nil); err != nil {
			return err
		}
	}
	return nil
}
