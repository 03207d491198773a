package nft

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"sgfw/policy"
)

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
	barred    bool      // the closed table stands until Unbar
	alive     []string  // the base chains that say that the daemon lives
	wire      bool      // the chains of WireHooks stand, because some plan asked for them
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
			chains[i].rules, chains[i].maps = c.lasting(t.plan), nil
			for _, r := range chains[i].rules {
				t.s.AddRule(&nftables.Rule{Table: table, Chain: c.of(table), Exprs: r})
			}
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
	t.chains, t.installed, t.barred, t.wire = nil, nil, false, false
	t.alive = nil
	return errors.Join(t.removeTable(TableName), t.removeTable(closedTable), t.removeTable(aliveTable))
}

// Close closes the socket. What becomes of the table is what Gone of the last
// plan says of a dead daemon; call Remove before to leave nothing, or Apply a
// plan with policy.FailDrop to leave the devices closed. Later calls fail with
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

// Facts returns what the kernel offers and what is installed.
func (t *Table) Facts() Facts {
	t.mu.Lock()
	defer t.mu.Unlock()
	f := Facts{
		Queue:      t.features.queue,
		Reassembly: t.features.reassembly,
		CanOwn:     t.features.owner,
		CanPersist: t.features.persist,
		NoOffload:  t.features.offload,
		Bridged:    t.features.port,
		Port:       t.port,
	}
	if !t.features.fib {
		f.Missing = append(f.Missing, policy.OwnMulticast)
	}
	if t.installed != nil {
		flags := t.features.flags(t.plan.Gone)
		f.Owner, f.Persist = flags&tableOwner != 0, flags&tablePersist != 0
		f.Wire = t.wire
		f.Bypass = queueFlags(t.plan, t.features)&queueBypass != 0
		f.Generation = t.installed.generation
	}
	return f
}

// Counters reads the named counters: one for each failsafe, by its name; "queued", what
// was sent to the queues; and "closed", what a closed plan dropped instead. They count
// from the creation of the table, over any number of Apply calls. Without a table there
// are none.
func (t *Table) Counters() (map[string]Count, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if st, err := t.state(); err != nil || !st.exists {
		return nil, err
	}
	objects, err := t.s.GetNamedObjects(
		&nftables.Table{Name: TableName, Family: nftables.TableFamilyINet})
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
