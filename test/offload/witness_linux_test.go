package offload

import (
	"encoding/binary"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"sgfw/test/harness"
	"sgfw/test/netlab"
)

// witness is a table of another tool: it counts what passes a host, behind the chains of
// the program under test.
type witness struct {
	t      testing.TB
	c      *nftables.Conn
	table  *nftables.Table
	chains []*nftables.Chain
}

// witnesses counts them, for their names.
var witnesses atomic.Int64

// tally is what a counter of a witness has seen.
type tally struct{ packets, bytes uint64 }

// newWitness counts in the hooks of filters.
func newWitness(t testing.TB, h *netlab.Host) *witness {
	t.Helper()
	w := &witness{t: t, c: harness.Nft(t, h)}
	w.table = w.c.AddTable(&nftables.Table{Name: fmt.Sprintf("witness%d", witnesses.Add(1)),
		Family: nftables.TableFamilyINet})
	for name, hook := range map[string]*nftables.ChainHook{
		"input": nftables.ChainHookInput, "forward": nftables.ChainHookForward,
		"output": nftables.ChainHookOutput,
	} {
		w.chains = append(w.chains, w.c.AddChain(&nftables.Chain{Name: name, Table: w.table,
			Type: nftables.ChainTypeFilter, Hooknum: hook, Priority: nftables.ChainPriorityRef(300)}))
	}
	w.flush()
	return w
}

func (w *witness) flush() {
	w.t.Helper()
	if err := w.c.Flush(); err != nil {
		w.t.Fatalf("witness: %v", err)
	}
}

// counts counts packets that match under a name.
func (w *witness) counts(name string, match ...expr.Any) {
	w.t.Helper()
	for _, c := range w.chains {
		w.c.AddRule(&nftables.Rule{Table: w.table, Chain: c, UserData: []byte(name),
			Exprs: append(append([]expr.Any{}, match...), &expr.Counter{})})
	}
	w.flush()
}

// tallies are the counters by name.
func (w *witness) tallies() map[string]tally {
	w.t.Helper()
	out := make(map[string]tally)
	for _, c := range w.chains {
		rules, err := w.c.GetRules(w.table, c)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, r := range rules {
			for _, e := range r.Exprs {
				if n, ok := e.(*expr.Counter); ok {
					sum := out[string(r.UserData)]
					out[string(r.UserData)] = tally{sum.packets + n.Packets, sum.bytes + n.Bytes}
				}
			}
		}
	}
	return out
}

// remove takes the table away.
func (w *witness) remove() {
	w.t.Helper()
	w.c.DelTable(w.table)
	w.flush()
}

// port matches a port of TCP and UDP at an offset of their headers: 0 is the source.
func port(offset uint32, p int) []expr.Any {
	return []expr.Any{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: offset, Len: 2},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binaryutil.BigEndian.PutUint16(uint16(p))},
	}
}

// askedAt and answersOf match what goes to a server's port, and comes from it.
func askedAt(p int) []expr.Any   { return port(2, p) }
func answersOf(p int) []expr.Any { return port(0, p) }

// bits matches packets with any of some bits of a word.
func bits(key expr.MetaKey, mask uint32) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: key, Register: 1},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4,
			Mask: binary.NativeEndian.AppendUint32(nil, mask), Xor: make([]byte, 4)},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: make([]byte, 4)},
	}
}

// device matches the device that a packet leaves through.
func device(name string) []expr.Any {
	b := make([]byte, unix.IFNAMSIZ)
	copy(b, name)
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyOIFNAME, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: b},
	}
}

// icmpv6 accepts neighbour discovery.
func icmpv6() []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{unix.IPPROTO_ICMPV6}},
		&expr.Verdict{Kind: expr.VerdictAccept},
	}
}
