package nft

import (
	"fmt"
	"slices"

	"github.com/google/nftables/expr"

	"sgfw/filter/offload"
)

// closedTable drops the packets of managed devices while our table is replaced
// by one with other flags, and exists no longer than that.
const closedTable = TableName + "-closed"

// shut closes the devices in the table, where its chains are as they should be.
// Where they are not, apply begins by closing them in a table beside it.
func (t *Table) shut(p Plan) error {
	p.Closed = true
	chains, want := t.layout(p), t.features.flags(p.Gone)
	st, err := t.state()
	if err != nil {
		return err
	}
	if !st.exists {
		if err := t.s.transact(newTable(TableName, want)); err != nil {
			return fmt.Errorf("create table inet %s: %w", TableName, err)
		}
	} else if sound, err := t.soundChains(st, chains); err != nil || !sound || st.flags != want {
		return err
	}
	return t.fill(TableName, p, chains)
}

// Bar closes the devices of a plan, but for the failsafes, in a second table until Unbar.
// It is for a program that alters our table again as soon as it is repaired. It does
// nothing if the second table exists already.
func (t *Table) Bar(p Plan) error {
	if err := p.Validate(); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, err := t.state(); err != nil {
		return err
	}
	if st, err := t.s.table(closedTable); err != nil || st.exists && t.barred {
		return err
	}
	t.barred = true
	if err := t.closeDevices(p, t.features.flags(p.Gone), t.layout(p)); err != nil {
		return fmt.Errorf("close devices: %w", err)
	}
	return nil
}

// Unbar removes the table that Bar made.
func (t *Table) Unbar() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, err := t.state(); err != nil {
		return err
	}
	t.barred = false
	return t.removeTable(closedTable)
}

// closeDevices makes a second table like ours that drops instead of queueing.
// The failsafes hold in it, and so does reassembly; it ends with its owner as
// ours will.
func (t *Table) closeDevices(p Plan, flags uint32, chains []chain) error {
	if err := t.removeTable(closedTable); err != nil {
		return err
	}
	if err := t.s.transact(newTable(closedTable, flags)); err != nil {
		return err
	}
	chains = slices.Clone(chains)
	for i, c := range chains {
		if c.name == chainVerdict || c.name == offload.ChainAsk {
			chains[i].rules = [][]expr.Any{{drop()}}
		}
	}
	return t.fill(closedTable, p, chains)
}
