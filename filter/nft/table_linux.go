package nft

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// closedTable drops the packets of managed devices while our table is replaced
// by one with other flags, and exists no longer than that.
const closedTable = TableName + "-closed"

// Option configures Open and Cleanup.
type Option func(*options)

type options struct{ ns int }

// InNamespace chooses the network namespace of an open descriptor, such as that
// of /run/netns/NAME, instead of the caller's. The descriptor must stay open
// until Open or Cleanup returns.
func InNamespace(fd int) Option { return func(o *options) { o.ns = fd } }

// Table is our nftables table and the socket that owns it. Safe for concurrent
// use; made by Open.
type Table struct {
	features features
	ns       int // own copy of the namespace descriptor, 0 for none

	mu        sync.Mutex
	closed    bool
	s         *socket
	port      uint32
	plan      Plan
	chains    []chain   // what was last installed, nil for nothing
	installed *snapshot // how the kernel shows it
}

// Open finds out what the kernel offers and that nobody else owns our table. It
// installs nothing. It fails with ErrOwned while another daemon lives, with
// ErrNoQueue where packets cannot be queued, with an error that is
// os.ErrPermission without CAP_NET_ADMIN.
func Open(opts ...Option) (*Table, error) {
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	t := &Table{}
	var err error
	if o.ns != 0 {
		if t.ns, err = unix.FcntlInt(uintptr(o.ns), unix.F_DUPFD_CLOEXEC, 1); err != nil {
			return nil, fmt.Errorf("namespace descriptor: %w", err)
		}
	}
	if t.s, err = dial(t.ns); err != nil {
		t.closeNamespace()
		return nil, err
	}
	if err := t.open(); err != nil {
		_ = t.Close()
		return nil, err
	}
	return t, nil
}

func (t *Table) open() (err error) {
	if _, t.port, err = t.s.generation(); err != nil {
		return err
	}
	if _, err := t.state(); err != nil {
		return err
	}
	t.features, err = probe(t.ns)
	return err
}

// state looks our table up and fails with ErrOwned if it is somebody else's.
func (t *Table) state() (tableState, error) {
	if t.closed {
		return tableState{}, fmt.Errorf("table inet %s: %w", TableName, os.ErrClosed)
	}
	st, err := t.s.table(TableName)
	if err == nil && st.flags&tableOwner != 0 && st.owner != t.port {
		return st, &OwnedError{Port: st.owner, PID: ownerPID(t.ns, st.owner)}
	}
	return st, err
}

// flags are the table flags that give a dead daemon the wanted end.
func (f features) flags(g Gone) uint32 {
	switch {
	case g == GoneDrop && f.persist:
		return tableOwner | tablePersist
	case g == GoneAccept && f.owner:
		return tableOwner
	}
	// A plain table belongs to nobody and stays. For GoneAccept see queueFlags.
	return 0
}

// Apply makes the kernel hold the plan: the first time by creating the table or
// adopting the one that a dead daemon left, later by replacing the rules inside
// the living chains, in one transaction: no packet meets a part of them. The
// table is read back and compared. Repairing a table that was altered or deleted
// is done the same way.
//
// A change of Gone needs a table with other flags, which the kernel only gives
// to a new one: managed devices are then closed, but for the life lines, for
// some milliseconds, and packets that wait in queues are dropped. The same holds for the first Apply
// over a table left with other flags.
//
// On error the earlier rules stand, except when a replacement for the whole
// table failed: then managed devices stay closed until Apply or Remove succeeds.
func (t *Table) Apply(p Plan) error {
	if err := p.Validate(); err != nil {
		return err
	}
	p = p.clone()
	chains := layout(p, t.features)
	t.mu.Lock()
	defer t.mu.Unlock()
	st, err := t.state()
	if err != nil {
		return err
	}
	want := t.features.flags(p.Gone)
	sound, err := t.soundChains(st, chains)
	if err != nil {
		return err
	}
	orphan := st.flags == tablePersist && want == tableOwner|tablePersist
	switch {
	case st.exists && sound && st.flags == want:
		err = t.fill(TableName, chains)
	case st.exists && sound && orphan:
		// The owner flag on a persistent table without owner adopts it
		// (nf_tables_updtable, nft_table_is_orphan); its chains live on.
		if err = t.s.transact(newTable(TableName, want)); err == nil {
			err = t.fill(TableName, chains)
		}
	default:
		err = t.replace(st.exists, want, chains)
	}
	if err != nil {
		return fmt.Errorf("install table inet %s: %w", TableName, err)
	}
	if err := t.remember(p, chains); err != nil {
		return err
	}
	if st, err := t.s.table(closedTable); err != nil || !st.exists {
		return err
	}
	grace()
	return t.removeTable(closedTable)
}

// membarrierGlobal is MEMBARRIER_CMD_GLOBAL (include/uapi/linux/membarrier.h).
const membarrierGlobal = 1

// grace waits until no packet is under way through the hooks as they were. A
// packet walks the chains inside an RCU read section; one that has passed a
// chain before its rules came must not meet another after its rules have gone.
// The global memory barrier is synchronize_rcu (kernel/sched/membarrier.c).
func grace() {
	if _, _, errno := unix.Syscall(unix.SYS_MEMBARRIER, membarrierGlobal, 0, 0); errno != 0 {
		// Refused under seccomp or nohz_full. A read section is shorter than any tick.
		time.Sleep(graceFallback)
	}
}

// graceFallback is some ticks of a kernel with HZ=100.
const graceFallback = 50 * time.Millisecond

// soundChains tells whether the base chains of the table, if there are any, are
// the ones we mean.
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
		case c.Hooknum == nil || *c.Hooknum != *want[i].hook || *c.Priority != *nftables.ChainPriorityFilter ||
			c.Type != nftables.ChainTypeFilter:
			return false, nil
		}
	}
	return true, nil
}

// fill replaces every rule of a table in one transaction and adds the chains
// and counters that are missing.
func (t *Table) fill(name string, chains []chain) error {
	table := &nftables.Table{Name: name, Family: nftables.TableFamilyINet}
	t.s.FlushTable(table)
	for _, n := range counters() {
		t.s.AddObj(&nftables.NamedObj{Table: table, Name: n, Type: nftables.ObjTypeCounter, Obj: &expr.Counter{}})
	}
	// Chains before rules, so that any goto finds its chain.
	for _, c := range chains {
		t.s.AddChain(c.of(table))
	}
	for _, c := range chains {
		for _, r := range c.rules {
			t.s.AddRule(&nftables.Rule{Table: table, Chain: &nftables.Chain{Name: c.name}, Exprs: r})
		}
	}
	return t.s.commit()
}

// of is the chain in the library's terms.
func (c chain) of(table *nftables.Table) *nftables.Chain {
	out := &nftables.Chain{Name: c.name, Table: table}
	if c.hook != nil {
		policy := nftables.ChainPolicyAccept
		out.Type, out.Hooknum, out.Priority, out.Policy = nftables.ChainTypeFilter, c.hook, nftables.ChainPriorityFilter, &policy
	}
	return out
}

// replace makes the table anew, with its devices closed meanwhile. The caller
// takes the closed table away.
func (t *Table) replace(exists bool, flags uint32, chains []chain) error {
	if exists {
		if err := t.closeDevices(flags, chains); err != nil {
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
	err := t.fill(TableName, chains)
	if err != nil && !exists {
		err = errors.Join(err, t.removeTable(TableName))
	}
	return err
}

// closeDevices makes a second table like ours that drops instead of queueing.
// The life lines hold in it, and so does reassembly; it ends with its owner as
// ours will.
func (t *Table) closeDevices(flags uint32, chains []chain) error {
	if err := t.removeTable(closedTable); err != nil {
		return err
	}
	if err := t.s.transact(newTable(closedTable, flags)); err != nil {
		return err
	}
	chains = slices.Clone(chains)
	for i, c := range chains {
		if c.name == chainVerdict {
			chains[i].rules = [][]expr.Any{{drop()}}
		}
	}
	return t.fill(closedTable, chains)
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

// Flush takes the rules out of the base chains, in one transaction, so that no
// more packets are queued; those that wait still get their verdict. The first
// half of an ordered stop. The chains live on, and so does the reassembly
// holder. Nothing happens when the table is not installed.
func (t *Table) Flush() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	st, err := t.state()
	if err != nil || !st.exists || t.chains == nil {
		return err
	}
	table := &nftables.Table{Name: TableName, Family: nftables.TableFamilyINet}
	chains := slices.Clone(t.chains)
	for i, c := range chains {
		if c.hook != nil {
			t.s.FlushChain(c.of(table))
			chains[i].rules = nil
		}
	}
	if err := t.s.commit(); err != nil {
		return fmt.Errorf("flush table inet %s: %w", TableName, err)
	}
	return t.remember(t.plan, chains)
}

// Remove deletes the table and all in it. Packets that wait in any queue of the
// namespace are dropped, so Flush and a drain of the queues come first. Removing
// what is not there is no error; what another daemon owns is ErrOwned.
func (t *Table) Remove() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, err := t.state(); err != nil {
		return err
	}
	t.chains, t.installed = nil, nil
	return errors.Join(t.removeTable(TableName), t.removeTable(closedTable))
}

// Close closes the socket. What becomes of the table is what Gone of the last
// plan says of a dead daemon; call Remove before to leave nothing, or Apply a
// plan with GoneDrop to leave the devices closed. Later calls fail with
// os.ErrClosed.
func (t *Table) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	t.closeNamespace()
	return t.s.CloseLasting()
}

func (t *Table) closeNamespace() {
	if t.ns != 0 {
		_ = unix.Close(t.ns)
		t.ns = 0
	}
}

// Facts tells what the kernel offers and what is installed.
func (t *Table) Facts() Facts {
	t.mu.Lock()
	defer t.mu.Unlock()
	f := Facts{
		Queue:      t.features.queue,
		Reassembly: t.features.reassembly,
		CanOwn:     t.features.owner,
		CanPersist: t.features.persist,
		Port:       t.port,
	}
	if !t.features.fib {
		f.Missing = append(f.Missing, LifeOwnMulticast)
	}
	if t.installed != nil {
		flags := t.features.flags(t.plan.Gone)
		f.Owner, f.Persist = flags&tableOwner != 0, flags&tablePersist != 0
		f.Bypass = queueFlags(t.plan, t.features)&queueBypass != 0
		f.Generation = t.installed.generation
	}
	return f
}

// Counters reads the named counters: one for each life line, by its name, and
// "queued", what was sent to the queues. They count from the creation of the
// table, over any number of Apply calls; without a table there are none.
func (t *Table) Counters() (map[string]Count, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if st, err := t.state(); err != nil || !st.exists {
		return nil, err
	}
	objects, err := t.s.GetNamedObjects(&nftables.Table{Name: TableName, Family: nftables.TableFamilyINet})
	if err != nil {
		return nil, fmt.Errorf("read counters: %w", err)
	}
	counts := make(map[string]Count, len(objects))
	for _, o := range objects {
		n, ok := o.(*nftables.NamedObj)
		if !ok {
			continue
		}
		if c, ok := n.Obj.(*expr.Counter); ok {
			counts[n.Name] = Count{Packets: c.Packets, Bytes: c.Bytes}
		}
	}
	return counts, nil
}

// Cleanup removes what a dead daemon left in the namespace and names it. It
// fails with ErrOwned, and removes nothing, while the owner lives.
func Cleanup(opts ...Option) (removed []string, err error) {
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	s, err := dial(o.ns)
	if err != nil {
		return nil, err
	}
	defer s.CloseLasting()
	t := &Table{s: s, ns: o.ns}
	if _, t.port, err = s.generation(); err != nil {
		return nil, err
	}
	for _, table := range []string{TableName, closedTable} {
		st, err := s.table(table)
		if err != nil {
			return removed, err
		}
		if st.flags&tableOwner != 0 {
			return removed, &OwnedError{Port: st.owner, PID: ownerPID(o.ns, st.owner)}
		}
		if err := t.removeTable(table); err != nil {
			return removed, err
		}
		if st.exists {
			removed = append(removed, "table inet "+table)
		}
	}
	return removed, nil
}
