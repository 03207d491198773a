package nft

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"sgfw/filter/offload"
	"sgfw/policy"
)

// flags are the table flags with which a dead daemon leaves what the plan wants (K2).
func (f features) flags(g policy.FailAction) uint32 {
	switch {
	case g == policy.FailDrop && f.persist:
		return tableOwner | tablePersist
	case g == policy.FailAccept && f.owner:
		return tableOwner
	}
	// A plain table belongs to nobody and stays. For FailAccept see queueFlags.
	return 0
}

// Apply makes the kernel hold the plan. The first time it creates the table, or adopts
// the one that a dead daemon left. Later it replaces the rules inside the living chains:
// in between the devices of both plans are managed, and every packet meets one of them.
// The table is read back and compared. A table that was altered or deleted is put back
// the same way; Repair does it with less of a gap.
//
// A change of Gone needs a table with other flags, which the kernel only gives to a new
// one. Managed devices are then closed, but for the failsafes, for some milliseconds, and
// packets that wait in queues are dropped. The same holds for the first Apply over a
// table left with other flags.
//
// On error the earlier rules stand, with three exceptions. ErrAltered and ErrMissing say
// that the table read back is not the planned one. The new rules may stand behind the old
// ones. And if a replacement of the whole table failed, managed devices stay closed until
// Apply or Remove succeeds.
func (t *Table) Apply(p Plan) error {
	if err := p.Validate(); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.apply(p.clone())
}

// Repair is Apply to a table that somebody else has altered or deleted. It closes
// the devices first, but for the failsafes: a rule that drops is in force within a
// millisecond or two, while one that queues by an xtables target waits for the
// kernel to be done with the rules that were deleted before
// (nft_compat_wait_for_destructors, net/netfilter/nft_compat.c), some ten
// milliseconds.
func (t *Table) Repair(p Plan) error {
	if err := p.Validate(); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	p = p.clone()
	shutErr := t.shut(p)
	if err := t.apply(p); err != nil {
		return errors.Join(err, shutErr)
	}
	return nil
}

// layout is the plan's, with the chains that an earlier plan needed and this one does not.
// They stay, and nothing leads into them: taking a base chain away drops what waits in the
// queues (K3), and a packet may still be among their rules.
func (t *Table) layout(p Plan) []chain {
	chains := layout(p, t.features)
	if p.wire() || !t.wire {
		return chains
	}
	d := dispatch{plan: p}
	unused := d.wire(t.features)
	if p.marked() {
		unused = surround(p, unused)
	}
	for i, c := range unused {
		if c.hook != nil {
			unused[i].rules, unused[i].maps = c.lasting(p), nil
		}
	}
	return append(chains, unused...)
}

// apply is Apply of a valid plan that is the table's own; the caller holds the lock.
func (t *Table) apply(p Plan) error {
	if p.wire() && !t.features.wire {
		return ErrNoWire
	}
	chains := t.layout(p)
	st, err := t.state()
	if err != nil {
		return err
	}
	want := t.features.flags(p.Gone)
	sound, err := t.soundChains(st, chains)
	if err != nil {
		return err
	}
	// A table that a dead daemon left may let pass what nobody serves as soon as one lives.
	if st.exists && len(t.alive) == 0 && p.marked() {
		if err := offload.Pulse(TableName, unlocked{t}, takeover); err != nil &&
			!errors.Is(err, unix.ENOENT) {
			return err
		}
	}
	if err := t.enliven(p, chains); err != nil {
		return err
	}
	orphan := st.flags == tablePersist && want == tableOwner|tablePersist
	switch {
	case st.exists && sound && st.flags == want:
		err = t.exchange(p, chains)
	case st.exists && sound && orphan:
		// The owner flag on a persistent table without owner adopts it
		// (nf_tables_updtable, nft_table_is_orphan); its chains live on.
		if err = t.s.transact(newTable(TableName, want)); err == nil {
			err = t.exchange(p, chains)
		}
	default:
		err = t.replace(p, st.exists, want, chains)
	}
	if err != nil {
		return fmt.Errorf("install table inet %s: %w", TableName, err)
	}
	if err := t.remember(p, chains); err != nil {
		return err
	}
	if t.barred {
		return nil
	}
	if st, err := t.s.table(closedTable); err != nil || !st.exists {
		return err
	}
	grace()
	return t.removeTable(closedTable)
}

// membarrierGlobal is MEMBARRIER_CMD_GLOBAL (include/uapi/linux/membarrier.h).
const membarrierGlobal = 1

// grace waits until no packet is still in the hooks with the old rules. A packet walks
// the chains inside an RCU read section. One that passed a chain before the new rules
// came must not meet another chain after the old ones have gone.
// The global memory barrier is synchronize_rcu (kernel/sched/membarrier.c).
func grace() {
	if _, _, errno := unix.Syscall(unix.SYS_MEMBARRIER, membarrierGlobal, 0, 0); errno != 0 {
		// Refused under seccomp or nohz_full. A read section is shorter than any tick.
		time.Sleep(graceFallback)
	}
}

// graceFallback is some ticks of a kernel with HZ=100.
const graceFallback = 50 * time.Millisecond

// soundChains reports whether the base chains of the table, if there are any, are those
// that the plan needs.
func (t *Table) soundChains(st tableState, want []chain) (bool, error) {
	if !st.exists {
		return true, nil
	}
	have, err := t.s.ListChainsOfTableFamily(nftables.TableFamilyINet)
	if err != nil {
		return false, fmt.Errorf("list chains: %w", err)
	}
	for _, c := range have {
		if c.Table.Name != TableName {
			continue
		}
		i := slices.IndexFunc(want, func(w chain) bool { return w.name == c.Name })
		switch {
		case i < 0:
			return false, nil
		case want[i].hook == nil:
			if c.Hooknum != nil {
				return false, nil
			}
		case c.Hooknum == nil || *c.Hooknum != *want[i].hook ||
			*c.Priority != want[i].priority ||
			c.Type != nftables.ChainTypeFilter:
			return false, nil
		}
	}
	return true, nil
}

// exchange replaces the rules of our table without a gap. A packet sees one generation of
// rules to the end of its walk, but a map is read as it is at the moment of the look-up.
// The elements of a map that is being deleted are gone at once (nft_map_deactivate,
// net/netfilter/nf_tables_api.c): a packet in between would find no device and pass. So
// the new rules of base chains are added behind the old ones, and the old ones are
// deleted only when every packet meets the new ones.
func (t *Table) exchange(p Plan, chains []chain) error {
	old, err := t.s.baseRules(chains)
	if err != nil {
		return err
	}
	table := &nftables.Table{Name: TableName, Family: nftables.TableFamilyINet}
	if err := t.addChains(table, p, chains); err != nil {
		return err
	}
	for _, c := range chains {
		if c.hook == nil {
			t.s.FlushChain(c.of(table))
		}
	}
	if err := t.commitRules(table, chains); err != nil || len(old) == 0 {
		return err
	}
	grace()
	return t.s.transact(old...)
}

// baseRules returns the requests that delete the rules that are in the base chains.
func (s *socket) baseRules(chains []chain) (remove []netlink.Message, err error) {
	rules, err := s.raw.Execute(message(unix.NFT_MSG_GETRULE, netlink.Dump, []netlink.Attribute{
		name(unix.NFTA_RULE_TABLE, TableName)}))
	if err != nil {
		return nil, fmt.Errorf("read rules: %w", err)
	}
	for _, m := range rules {
		if m.Header.Type != unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_NEWRULE {
			continue
		}
		parts, err := nested(body(m), unix.NFTA_RULE_TABLE, unix.NFTA_RULE_CHAIN, unix.NFTA_RULE_HANDLE)
		if err != nil {
			return nil, err
		}
		of := text(parts[1])
		if text(parts[0]) == TableName &&
			slices.ContainsFunc(chains, func(c chain) bool { return c.hook != nil && c.name == of }) {
			remove = append(remove, message(unix.NFT_MSG_DELRULE, netlink.Acknowledge, []netlink.Attribute{
				name(unix.NFTA_RULE_TABLE, TableName), name(unix.NFTA_RULE_CHAIN, of),
				{Type: unix.NFTA_RULE_HANDLE, Data: parts[2]}}))
		}
	}
	return remove, nil
}

// fill replaces every rule of a table in one transaction and adds the chains
// and counters that are missing.
func (t *Table) fill(name string, p Plan, chains []chain) error {
	table := &nftables.Table{Name: name, Family: nftables.TableFamilyINet}
	t.s.FlushTable(table)
	if err := t.addChains(table, p, chains); err != nil {
		return err
	}
	return t.commitRules(table, chains)
}

// addChains puts the counters, sets and chains that are missing into the transaction.
func (t *Table) addChains(table *nftables.Table, p Plan, chains []chain) error {
	for _, n := range p.counters() {
		t.s.AddObj(&nftables.NamedObj{
			Table: table, Name: n, Type: nftables.ObjTypeCounter, Obj: &expr.Counter{}})
	}
	// Chains before rules, so that any goto finds its chain.
	for _, c := range chains {
		t.s.AddChain(c.of(table))
	}
	return t.addSets(table, p)
}

// addRules puts the rules into the transaction, at the end of their chains.
func (s *socket) addRules(table *nftables.Table, chains []chain) error {
	for _, c := range chains {
		for _, m := range c.maps {
			if err := m.add(s, table); err != nil {
				return fmt.Errorf("map of chains: %w", err)
			}
		}
		for _, r := range c.rules {
			s.AddRule(&nftables.Rule{Table: table, Chain: &nftables.Chain{Name: c.name}, Exprs: r})
		}
	}
	return nil
}

// commitRules puts the rules into the transaction and commits it.
func (t *Table) commitRules(table *nftables.Table, chains []chain) error {
	if err := t.s.addRules(table, chains); err != nil {
		return err
	}
	return t.s.commit()
}

// of is the chain in the library's terms.
func (c chain) of(table *nftables.Table) *nftables.Chain {
	out := &nftables.Chain{Name: c.name, Table: table}
	if c.hook != nil {
		policy := nftables.ChainPolicyAccept
		out.Type, out.Hooknum, out.Priority, out.Policy = nftables.ChainTypeFilter, c.hook,
			&c.priority, &policy
	}
	return out
}

// replace makes the table anew, with its devices closed meanwhile. The caller removes
// the closed table.
func (t *Table) replace(p Plan, exists bool, flags uint32, chains []chain) error {
	if exists {
		if err := t.closeDevices(p, flags, chains); err != nil {
			return fmt.Errorf("close devices: %w", err)
		}
		grace()
		if err := t.removeTable(TableName); err != nil {
			return err
		}
	}
	if err := t.s.transact(newTable(TableName, flags)); err != nil {
		return err
	}
	err := t.fill(TableName, p, chains)
	if err != nil && !exists {
		err = errors.Join(err, t.removeTable(TableName))
	}
	return err
}

// removeTable deletes a table if it is there.
func (t *Table) removeTable(table string) error {
	st, err := t.s.table(table)
	if err != nil || !st.exists {
		return err
	}
	if err := t.s.transact(deleteTable(table)); err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("delete table inet %s: %w", table, err)
	}
	return nil
}
