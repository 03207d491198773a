package nft

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"sgfw/filter/offload"
	"sgfw/policy"
)

// aliveTable belongs to our socket and goes with it: without its chains nothing is carried.
const aliveTable = TableName + "-alive"

// Suffixes of base chains that stand behind another one, and before it.
const (
	suffixBehind = "-behind"
	suffixForged = "-forged"
)

// carriers are the chains that lead to the queues where verdicts have marks, and those that
// packets with a verdict go to. Devices with the view of the wire have the
// plain one: what is carried in one of its hooks would pass unasked in the other.
func carriers(p Plan, f features, decide []expr.Any) []chain {
	rules := offload.Rules(p.Offload)
	if !p.Closed && queueFlags(p, f)&queueBypass == 0 { // else packets may pass without a verdict
		decide = slices.Concat(rules.Wait, decide)
	}
	ask := [][]expr.Any{decide}
	if p.Stuck > 0 && !p.Closed {
		ask = [][]expr.Any{rules.Stuck, decide}
	}
	chains := carriage(rules.Decided)
	if p.carries() {
		chains = append(chains, carriage(rules.Carry)...)
	}
	return append(chains, []chain{
		{name: offload.ChainAsk, rules: ask},
		{name: chainVerdict, rules: [][]expr.Any{{goTo(offload.ChainAsk)}}},
	}...)
}

// carriage are chains of offload.
func carriage(list []offload.Chain) (out []chain) {
	for _, c := range list {
		made := chain{name: c.Name, rules: c.Rules}
		for _, m := range c.Maps {
			made.maps = append(made.maps, shardMap(m))
		}
		out = append(out, made)
	}
	return out
}

// surround puts what verdicts need into base chains and behind them.
func surround(p Plan, chains []chain) (out []chain) {
	rules := offload.Rules(p.Offload)
	for _, c := range chains {
		if c.hook == nil {
			out = append(out, c)
			continue
		}
		behind := c
		behind.name, behind.priority = c.name+suffixBehind, c.priority+1
		behind.rules, behind.maps = rules.Behind, nil
		if p.Overloaded == policy.FailAccept {
			behind.rules = rules.Passing
		}
		first := [][]expr.Any{rules.Verdict}
		local := c.name != chainPrerouting && c.name != chainPostrouting
		if local && !p.Closed && p.carries() {
			first = [][]expr.Any{rules.Alive, rules.Verdict}
		}
		if c.name == chainOutput {
			forged := c
			forged.name, forged.priority = c.name+suffixForged, c.priority-2
			forged.rules, forged.maps = rules.Forged, nil
			out = append(out, forged)
		}
		c.rules = slices.Concat(first, c.rules)
		out = append(out, c, behind)
	}
	return out
}

// enliven has the chains before those of a plan say that the daemon lives. They come before
// the others, and go after them.
func (t *Table) enliven(p Plan, chains []chain) error {
	if !p.marked() {
		return nil
	}
	st, err := t.s.table(aliveTable)
	if err != nil {
		return err
	}
	if !st.exists {
		t.alive = nil
		if err := t.forget(); err != nil {
			return err
		}
		if err := t.s.transact(newTable(aliveTable, tableOwner)); err != nil {
			return fmt.Errorf("create table inet %s: %w", aliveTable, err)
		}
	}
	table := &nftables.Table{Name: aliveTable, Family: nftables.TableFamilyINet}
	var added []string
	for _, c := range chains {
		if c.hook == nil || strings.HasSuffix(c.name, suffixBehind) ||
			strings.HasSuffix(c.name, suffixForged) || slices.Contains(t.alive, c.name) {
			continue
		}
		c.priority--
		t.s.AddChain(c.of(table))
		for _, r := range offload.Rules(p.Offload).Before {
			t.s.AddRule(&nftables.Rule{Table: table, Chain: c.of(table), Exprs: r})
		}
		added = append(added, c.name)
	}
	if len(added) == 0 {
		return nil
	}
	if err := t.s.commit(); err != nil {
		return fmt.Errorf("fill table inet %s: %w", aliveTable, err)
	}
	t.alive = append(t.alive, added...)
	return nil
}

// forget empties the sets of a table that a dead daemon has left: what its verdicts let
// through is carried by nobody, and must not be by those who come with other rules. There may
// be no such table, and one of another size has other sets.
func (t *Table) forget() error {
	names, err := t.s.setNames(TableName)
	if err != nil {
		return fmt.Errorf("look for what table inet %s carried: %w", TableName, err)
	}
	for _, m := range offload.Flushes(TableName, names) {
		if err := t.s.transact(m); err != nil && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("forget what table inet %s carried: %w", TableName, err)
		}
	}
	return nil
}

// setNames are the names of the sets of a table, of none if there is no such table.
func (s *socket) setNames(table string) (out []string, err error) {
	answers, err := s.raw.Execute(message(unix.NFT_MSG_GETSET, netlink.Dump,
		[]netlink.Attribute{name(unix.NFTA_SET_TABLE, table)}))
	if errors.Is(err, unix.ENOENT) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, m := range answers {
		if m.Header.Type != unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_NEWSET {
			continue
		}
		parts, err := nested(body(m), unix.NFTA_SET_NAME)
		if err != nil {
			return nil, err
		}
		out = append(out, text(parts[0]))
	}
	return out, nil
}

// lasting are the rules of a base chain that stay when the others go: packets that wait
// come back with their verdicts.
func (c chain) lasting(p Plan) [][]expr.Any {
	if c.hook == nil || !p.marked() || len(c.rules) == 0 {
		return nil
	}
	switch c.name {
	case chainInput, chainForward, chainOutput, chainPrerouting, chainPostrouting:
		return [][]expr.Any{offload.Rules(p.Offload).Verdict}
	}
	return c.rules
}

// counters are the named counters of the plan's table.
func (p Plan) counters() []string {
	out := counters()
	if p.marked() {
		out = append(out, offload.CounterUnanswered)
	}
	if p.Overloaded == policy.FailAccept {
		out = append(out, offload.CounterOverloaded)
	}
	if p.Stuck > 0 {
		out = append(out, offload.CounterStuck)
	}
	return out
}

// Pulse says that every queue is served. Where the plan has Stuck it must come again within
// that time.
func (t *Table) Pulse(lasts time.Duration) error {
	return offload.Pulse(TableName, t, lasts)
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

// unlocked is a table whose lock the caller holds.
type unlocked struct{ *Table }

func (t unlocked) Transact(messages []netlink.Message) ([]netlink.Message, error) {
	return t.s.exchange(messages...)
}

// takeover is longer than it takes to replace the rules of a table.
const takeover = time.Minute

// addSets puts the sets of carried flows into the transaction.
func (t *Table) addSets(table *nftables.Table, p Plan) error {
	if p.Stuck > 0 {
		s, elements := offload.DeclarePulse(table, p.Stuck)
		if err := t.s.AddSet(s, elements); err != nil {
			return err
		}
	}
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
