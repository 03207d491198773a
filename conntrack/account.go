package conntrack

import "sync/atomic"

// account is what one scope has in the table: its portions of all limits, and its
// eviction queues. A scope keeps its account for as long as there is the table.
type account struct {
	// The counts that a search for flows to evict compares are in one cache line.
	flows portion
	kinds [queueKinds]portion
	// waiting has a word for each eviction queue, with a bit for each shard where the
	// queue is not empty.
	waiting [queueKinds]atomic.Uint64
	scope   Scope
	// wanted is the guarantee that was asked for. The table's sharing lock guards it.
	wanted int64
	queues []kindQueues // by shard; the shard's lock guards each
}

// kindQueues are an account's queues within a shard.
type kindQueues struct {
	of [queueKinds]queue
	_  [64 - queueKinds*8]byte
}

// Guarantee is the part of the table that a scope has for itself.
type Guarantee struct {
	Scope Scope
	// Flows is how many flows of the scope are never refused, and never evicted for those
	// of other scopes. The same fraction of it as of the table is guaranteed for each kind
	// of flows that has a share, such as half-open connections.
	Flows int
}

// Share says what a scope has of the table.
type Share struct {
	// Flows and HalfOpen are its tracked flows, and those of TCP among them that are not
	// established.
	Flows, HalfOpen int
	// Guaranteed is what is set aside for the scope. It is less than what was asked for
	// while other scopes hold more than what is common; see [Table.Guarantee].
	Guaranteed int
	// Available is how many flows more there is room for without evicting any: what is
	// left of the guarantee, and all that is common and free.
	Available int
}

// Guarantee gives scopes their guarantees, which replace all that were given before. A
// scope that the list leaves out has none, and so has every scope of a new table. The
// sum should not exceed the limit of the table.
//
// A guarantee is in force as far as the table has room for it. No flow is removed for
// that. The rest comes into force with [Table.Expire], as flows of others end.
func (t *Table) Guarantee(list []Guarantee) {
	t.sharing.Lock()
	defer t.sharing.Unlock()
	for _, a := range t.accounts() {
		if a != nil {
			a.wanted = 0
		}
	}
	var last Scope
	for _, g := range list {
		last = max(last, g.Scope)
	}
	t.openUpTo(last)
	for _, g := range list {
		t.openHeld(g.Scope).wanted = min(max(0, int64(g.Flows)), t.pool.limit)
	}
	// First what is given up, so that others may have it.
	for _, a := range t.accounts() {
		if a != nil {
			t.setAside(a, lower)
		}
	}
	t.settle()
}

// settle brings the guarantees that were asked for into force, as far as there is room.
// The caller holds sharing.
func (t *Table) settle() {
	unsettled := false
	for _, a := range t.accounts() {
		if a != nil && !t.setAside(a, higher) {
			unsettled = true
		}
	}
	t.unsettled.Store(unsettled)
}

// setAside sets the guarantees of an account to what pick chooses of what is in force and
// what was asked for. It reports whether all is in force then.
func (t *Table) setAside(a *account, pick func(has, wanted int64) int64) bool {
	_, has := a.flows.load()
	to := pick(has, a.wanted)
	done := a.flows.guarantee(&t.pool, to) == to
	for id := range queueRevoked { // which has no share
		_, has := a.kinds[id].load()
		to := pick(has, t.ofKind(a.wanted, id))
		done = a.kinds[id].guarantee(&t.kinds[id], to) == to && done
	}
	return done
}

func lower(a, b int64) int64  { return min(a, b) }
func higher(a, b int64) int64 { return max(a, b) }

// ofKind is how much of a kind a guarantee of so many flows includes.
func (t *Table) ofKind(flows int64, id queueID) int64 {
	return flows * t.kinds[id].limit / t.pool.limit
}

// Share says what a scope has of the table.
func (t *Table) Share(n Scope) Share {
	var flows, guaranteed, half int64
	if list := t.accounts(); int(n) < len(list) && list[n] != nil {
		flows, guaranteed = list[n].flows.load()
		half, _ = list[n].kinds[queueHalfOpen].load()
	}
	free := max(0, t.pool.limit-t.pool.committed.Load())
	return Share{Flows: int(flows), HalfOpen: int(half), Guaranteed: int(guaranteed),
		Available: int(max(0, guaranteed-flows) + free)}
}

// accounts returns all accounts by scope, nil for scopes that have none.
func (t *Table) accounts() []*account { return *t.byScope.Load() }

// account returns the account of a scope. A scope that [Table.Guarantee] was not told of
// gets one, with its first flow.
func (t *Table) account(n Scope) *account {
	if list := t.accounts(); int(n) < len(list) && list[n] != nil {
		return list[n]
	}
	t.sharing.Lock()
	defer t.sharing.Unlock()
	return t.openHeld(n)
}

// openHeld is account for a caller that holds sharing.
func (t *Table) openHeld(n Scope) *account {
	t.openUpTo(n)
	list := t.accounts()
	if list[n] == nil {
		// Readers do not lock: what they have is replaced, not written.
		list = append([]*account(nil), list...)
		list[n] = &account{scope: n, queues: make([]kindQueues, len(t.shards))}
		t.byScope.Store(&list)
	}
	return list[n]
}

// openUpTo makes room for the accounts of the scopes up to n.
func (t *Table) openUpTo(n Scope) {
	if list := t.accounts(); int(n) >= len(list) {
		longer := make([]*account, int(n)+1)
		copy(longer, list)
		t.byScope.Store(&longer)
	}
}
