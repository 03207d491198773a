package offload

import (
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
)

// TestShardsOfTheKernel: real datagrams put both of their directions into the sets in which
// we look for them, those that have an element are let pass, and all sets are read.
func TestShardsOfTheKernel(t *testing.T) {
	labtest.RequireRoot(t)
	h := labtest.New(t, netlab.Topology{Hosts: []netlab.HostSpec{{Name: "alone"}}}).Host("alone")
	cfg := Config{Marks: DefaultMarks, Lifetime: MaxLifetime, Opening: MaxLifetime,
		Flows: 16 * perShard}
	const flows = 200
	c, asked := shardedTable(t, h, cfg)
	s := openSets(t, h, cfg)

	paths := make(map[Path]bool) // those that must have elements
	var opened []Path
	for _, lo := range []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.IPv6Loopback()} {
		far := lo
		if lo.Is4() {
			far = netip.MustParseAddr("127.0.0.2")
		}
		for i := range uint16(flows) {
			p := Path{Out: 1, Src: lo, Dst: far, SrcPort: 1000 + i, DstPort: 53, Proto: unix.IPPROTO_UDP}
			c, err := h.ListenPacket(t.Context(), "udp", netip.AddrPortFrom(lo, p.SrcPort))
			if err != nil {
				t.Fatal(err)
			}
			to := net.UDPAddrFromAddrPort(netip.AddrPortFrom(far, p.DstPort))
			for range 3 {
				_, _ = c.WriteTo([]byte("to nobody"), to)
			}
			c.Close()
			opened = append(opened, p)
			paths[p] = true
			paths[Path{In: 1, Src: far, Dst: lo, SrcPort: p.DstPort, DstPort: p.SrcPort,
				Proto: p.Proto}] = true
		}
	}
	used := make(map[int]bool)
	seen := make(map[Path]uint64)
	for _, of := range cfg.shards(Proven, IPv4) {
		if err := s.dump(of, func(e element) {
			used[of.shard] = true
			if n := cfg.shardOf(IPv4, e.key); n != of.shard {
				t.Errorf("an element of shard %d is looked for in %d", of.shard, n)
			}
		}); err != nil {
			t.Fatal(err)
		}
	}
	if len(used) != cfg.Shards() {
		t.Errorf("%d of %d shards are used", len(used), cfg.Shards())
	}
	got, err := s.Collect(Proven, 0, func(p Path, of Seen) { seen[p] += of.Packets }, nobody)
	if err != nil || got.Elements != 2*flows {
		t.Fatalf("%+v, %v; want %d elements", got, err, 2*flows)
	}
	for p := range seen {
		if !paths[p] {
			t.Errorf("an account of %+v", p)
		}
	}
	// The first datagram of each makes the element, and the others pass by it.
	if o, err := c.GetObject(asked); err != nil || o.(*nftables.CounterObj).Packets != 2*flows {
		t.Errorf("%+v, %v; want %d datagrams that were not carried", o, err, 2*flows)
	}
	// A table that shrinks meanwhile shows some twice.
	settles := func(want int) {
		t.Helper()
		for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
			got, err := s.Collect(Proven, 0, func(Path, Seen) {}, nobody)
			if err == nil && got.Elements == want {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%+v, %v; want %d elements", got, err, want)
			}
		}
	}
	if err := s.End(opened[:10], func(Path, Seen) {}); err != nil {
		t.Fatal(err)
	}
	settles(2 * flows) // of IPv6 none ended
	if err := s.End(opened[len(opened)-10:], func(Path, Seen) {}); err != nil {
		t.Fatal(err)
	}
	settles(2*flows - 20)
	if err := s.Flush(func(Path, Seen) {}); err != nil {
		t.Fatal(err)
	}
	settles(0)
}

// shardedTable has what lo sends carried, and added to the sets otherwise.
// The counter has those that are not carried.
func shardedTable(t testing.TB, h *netlab.Host, cfg Config) (*nftables.Conn, nftables.Obj) {
	t.Helper()
	c, err := nftables.New(nftables.WithNetNSFd(h.NetNS()),
		nftables.WithSockOptions(func(c *netlink.Conn) error { return c.SetReadBuffer(1 << 22) }))
	if err != nil {
		t.Fatal(err)
	}
	table := c.AddTable(&nftables.Table{Name: testTable, Family: nftables.TableFamilyINet})
	for _, s := range Declare(cfg, table) {
		if err := c.AddSet(s, nil); err != nil {
			t.Fatal(err)
		}
	}
	asked := &nftables.CounterObj{Table: table, Name: "asked"}
	c.AddObj(asked)
	b := chains{cfg: cfg, maps: 3 * firstMap}
	name := b.add(Proven)
	list := slices.Concat(carry(cfg), b.list)
	for _, l := range list {
		c.AddChain(&nftables.Chain{Name: l.Name, Table: table})
	}
	for _, l := range list {
		for _, m := range l.Maps {
			var elements []nftables.SetElement
			for i, chain := range m.Chains {
				elements = append(elements, nftables.SetElement{Key: word(uint32(i)),
					VerdictData: goTo(chain).(*expr.Verdict)})
			}
			if err := c.AddSet(&nftables.Set{Table: table, ID: m.ID, Name: MapName, Anonymous: true,
				Constant: true, IsMap: true, KeyType: nftables.TypeInteger,
				DataType: nftables.TypeVerdict}, elements); err != nil {
				t.Fatal(err)
			}
		}
		for _, r := range l.Rules {
			c.AddRule(&nftables.Rule{Table: table, Chain: &nftables.Chain{Name: l.Name}, Exprs: r})
		}
	}
	out := c.AddChain(&nftables.Chain{Name: "out", Table: table, Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookOutput, Priority: nftables.ChainPriorityFilter})
	udp := Rule{load(expr.MetaKeyL4PROTO), equal(unix.IPPROTO_UDP)}
	for _, r := range []Rule{append(udp, jump(ChainCarry)), append(udp, count("asked")),
		append(udp, jump(name))} {
		c.AddRule(&nftables.Rule{Table: table, Chain: out, Exprs: r})
	}
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	return c, asked
}
