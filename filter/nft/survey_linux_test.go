package nft

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// TestLook finds what another program does to packets before us, through its own
// chains, too, and leaves out what only counts, or comes later.
func TestLook(t *testing.T) {
	l := newLab(t)
	table := l.open()
	l.apply(table, Plan{Devices: []Device{{Name: "eth0"}}, QueueBase: 4270, QueueCount: 1})
	c := l.foreign()
	ours := func(family nftables.TableFamily, name string) *nftables.Table {
		return c.AddTable(&nftables.Table{Family: family, Name: name})
	}
	base := func(t *nftables.Table, name string, hook *nftables.ChainHook,
		priority nftables.ChainPriority, kind nftables.ChainType) *nftables.Chain {
		return c.AddChain(&nftables.Chain{
			Name: name, Table: t, Type: kind, Hooknum: hook, Priority: &priority})
	}
	rule := func(chain *nftables.Chain, exprs ...expr.Any) {
		c.AddRule(&nftables.Rule{Table: chain.Table, Chain: chain, Exprs: exprs})
	}
	fw := ours(nftables.TableFamilyINet, "fw")
	early := base(fw, "early", nftables.ChainHookInput, -10, nftables.ChainTypeFilter)
	helper := c.AddChain(&nftables.Chain{Name: "helper", Table: fw})
	rule(early, &expr.Verdict{Kind: expr.VerdictJump, Chain: "helper"})
	rule(helper, &expr.Verdict{Kind: expr.VerdictDrop})
	rule(base(fw, "harmless", nftables.ChainHookOutput, -10, nftables.ChainTypeFilter),
		&expr.Counter{}, &expr.Verdict{Kind: expr.VerdictAccept})
	closed := nftables.ChainPolicyDrop
	same, later := nftables.ChainPriority(0), nftables.ChainPriority(5)
	c.AddChain(&nftables.Chain{Name: "same", Table: fw, Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookForward, Priority: &same, Policy: &closed})
	c.AddChain(&nftables.Chain{Name: "later", Table: fw, Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookForward, Priority: &later, Policy: &closed})
	nat := ours(nftables.TableFamilyIPv4, "nat")
	publish := base(nat, "publish", nftables.ChainHookPrerouting, -100, nftables.ChainTypeNAT)
	rule(publish,
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{unix.IPPROTO_TCP}},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{8080 >> 8, 8080 & 0xff}},
		&expr.Immediate{Register: 1, Data: []byte{172, 17, 0, 2}},
		&expr.Immediate{Register: 2, Data: []byte{0, 80}},
		&expr.NAT{Type: expr.NATTypeDestNAT, Family: unix.NFPROTO_IPV4, RegAddrMin: 1, RegProtoMin: 2})
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}

	s, err := Look(InNamespace(l.fd))
	if err != nil {
		t.Fatal(err)
	}
	want := []ForeignChain{
		{Family: "inet", Table: "fw", Name: "same", Hook: "forward", Priority: 0, Drops: true},
		{Family: "inet", Table: "fw", Name: "later", Hook: "forward", Priority: 5, Drops: true},
		{Family: "inet", Table: "fw", Name: "early", Hook: "input", Priority: -10, Drops: true},
		{Family: "inet", Table: "fw", Name: "harmless", Hook: "output", Priority: -10},
		{Family: "ip", Table: "nat", Name: "publish", Hook: "prerouting", Priority: -100},
	}
	if !slices.Equal(s.Chains, want) {
		t.Errorf("chains\n%+v, want\n%+v", s.Chains, want)
	}
	for i, before := range []bool{true, false, true, true, true} {
		if want[i].Before() != before {
			t.Errorf("%s before us: %t", want[i].Name, !before)
		}
	}
	published := []PublishedPort{{
		Protocol: "tcp", Port: 8080, To: netip.MustParseAddrPort("172.17.0.2:80"), Table: "ip nat"}}
	if !slices.Equal(s.Published, published) || len(s.Unread) != 0 || len(s.Flowtables) != 0 {
		t.Errorf("survey %+v, want published %+v", s, published)
	}
	if err := table.Remove(); err != nil {
		t.Fatal(err)
	}
	// Our own chains were none of what is surveyed.
	if s, err := Look(InNamespace(l.fd)); err != nil || !slices.Equal(s.Chains, want) {
		t.Errorf("without our table: %+v, %v", s, err)
	}
}

// TestProbe asks while somebody else owns the table.
func TestProbe(t *testing.T) {
	l := newLab(t)
	table := l.open()
	l.apply(table, Plan{Devices: []Device{{Name: "eth0"}}, QueueBase: 4270, QueueCount: 1})
	if _, err := Open(InNamespace(l.fd)); !errors.Is(err, ErrOwned) {
		t.Errorf("Open beside an owner: %v", err)
	}
	f, err := Probe(InNamespace(l.fd))
	if err != nil {
		t.Fatal(err)
	}
	if have := table.Facts(); f.Queue != have.Queue || f.Reassembly != have.Reassembly ||
		f.CanOwn != have.CanOwn || f.CanPersist != have.CanPersist || f.Owner {
		t.Errorf("probed %+v, the owner knows %+v", f, have)
	}
}

// TestProbeOffload: what the kernel lacks to carry on with flows is named, and asking leaves
// nothing behind.
func TestProbeOffload(t *testing.T) {
	l := newLab(t)
	s, err := dial(l.fd)
	if err != nil {
		t.Fatal(err)
	}
	defer s.CloseLasting()
	for _, c := range []struct {
		name string
		has  features
		want error
	}{
		{"this kernel", features{owner: true}, nil},
		{"Linux 5.11", features{}, errNoOwner},
	} {
		missing, err := s.probeOffload(c.has, "sgfw-probe-test", probedOffload)
		if err != nil || !errors.Is(missing, c.want) {
			t.Errorf("%s: lacks %v, %v, want %v", c.name, missing, err, c.want)
		}
	}
	tables, err := s.ListTables()
	if err != nil || len(tables) != 0 {
		t.Errorf("%d tables are left, %v", len(tables), err)
	}
}

// TestEqualPriority: of two chains at one hook and priority the one that was made
// later sees a packet first.
func TestEqualPriority(t *testing.T) {
	l := newLab(t)
	c := l.foreign()
	counting := func(table string, more ...expr.Any) {
		tb := c.AddTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: table})
		chain := c.AddChain(&nftables.Chain{
			Name: "out", Table: tb, Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookOutput,
			Priority: nftables.ChainPriorityFilter})
		c.AddRule(&nftables.Rule{Table: tb, Chain: chain,
			Exprs: append([]expr.Any{&expr.Counter{}}, more...)})
		if err := c.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	seen := func(table string) uint64 {
		tb := &nftables.Table{Family: nftables.TableFamilyINet, Name: table}
		rules, err := c.GetRules(tb, &nftables.Chain{Name: "out", Table: tb})
		if err != nil || len(rules) != 1 {
			t.Fatalf("%d rules, %v", len(rules), err)
		}
		return rules[0].Exprs[0].(*expr.Counter).Packets
	}
	counting("earlier")
	counting("later", &expr.Verdict{Kind: expr.VerdictDrop})
	l.do(func() error {
		conn, err := net.Dial("udp", "127.0.0.1:9")
		if err != nil {
			return err
		}
		defer conn.Close()
		_, _ = conn.Write([]byte("dropped")) // its sender hears of it
		return nil
	})
	if a, b := seen("earlier"), seen("later"); a != 0 || b != 1 {
		t.Errorf("the earlier chain saw %d packets, the later one %d; want 0 and 1", a, b)
	}
}
