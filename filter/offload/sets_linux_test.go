package offload

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/google/nftables"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
)

// testTable has a name with which messages of 32 KiB would lose counts.
const testTable = "carriedflows"

// transactor is an [Owner] with a socket of its own.
type transactor struct{ conn *netlink.Conn }

func (o transactor) Transact(messages []netlink.Message) (told []netlink.Message, err error) {
	edge := func(kind int) netlink.Message {
		return netlink.Message{
			Header: netlink.Header{Type: netlink.HeaderType(kind), Flags: netlink.Request},
			Data:   []byte{unix.AF_UNSPEC, unix.NFNETLINK_V0, 0, unix.NFNL_SUBSYS_NFTABLES},
		}
	}
	batch := append([]netlink.Message{edge(unix.NFNL_MSG_BATCH_BEGIN)}, messages...)
	if _, err := o.conn.SendMessages(append(batch, edge(unix.NFNL_MSG_BATCH_END))); err != nil {
		return nil, err
	}
	for acks := 0; acks < len(messages); {
		answers, err := o.conn.Receive()
		if err != nil {
			return nil, err
		}
		for _, m := range answers {
			if m.Header.Type == netlink.Error {
				acks++
			} else {
				told = append(told, m)
			}
		}
	}
	return told, nil
}

// openSets opens the sets of the table of a host until the test ends.
func openSets(t *testing.T, h *netlab.Host, cfg Config) *Sets {
	t.Helper()
	conn, err := netlink.Dial(unix.NETLINK_NETFILTER, &netlink.Config{NetNS: h.NetNS()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	s, err := Open(testTable, transactor{conn}, cfg, h.NetNS())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// TestSetsOfOlderKernels collects from real sets by what each kernel knows: counters that are
// read and begun anew, elements that are removed whether they are there or not, and neither.
func TestSetsOfOlderKernels(t *testing.T) {
	labtest.RequireRoot(t)
	for _, c := range []struct {
		name             string
		resets, destroys bool
	}{{"Linux 6.5", true, true}, {"Linux 6.3", false, true}, {"Linux 5.12", false, false}} {
		t.Run(c.name, func(t *testing.T) {
			h := labtest.New(t, netlab.Topology{Hosts: []netlab.HostSpec{{Name: "alone"}}}).Host("alone")
			cfg := Config{Marks: DefaultMarks, Lifetime: MaxLifetime, Opening: MaxLifetime, Flows: 100}
			path := fill(t, h, cfg)
			gone := path
			gone.SrcPort++
			s := openSets(t, h, cfg)
			s.resets, s.destroys = c.resets, c.destroys

			var told []Seen
			account := func(p Path, seen Seen) {
				if p != path {
					t.Errorf("an account of %+v", p)
				}
				told = append(told, seen)
			}
			// Nothing ends soon: counters alone are read, where that begins them anew.
			used, err := s.Collect(Proven, 0, account, nobody)
			if err != nil || used.Elements != 1 || (len(told) == 1) != c.resets {
				t.Fatalf("%+v, %v, told %v", used, err, told)
			}
			// What was removed already is no error.
			if err := s.End([]Path{gone}, account); err != nil {
				t.Fatal(err)
			}
			if err := s.End([]Path{path}, account); err != nil {
				t.Fatal(err)
			}
			// Where a message does not forgive what is not there, the other direction is missing.
			left, err := s.Collect(Proven, 0, func(Path, Seen) {}, nobody)
			if err != nil || (left.Elements == 0) != c.destroys {
				t.Fatalf("%+v, %v", left, err)
			}
			if !c.destroys {
				_, err := s.Collect(Proven, 2*MaxLifetime, func(_ Path, seen Seen) {
					told = append(told, seen)
				}, nobody)
				if err != nil {
					t.Fatal(err)
				}
				if left, err := s.Collect(Proven, 0, account, nobody); err != nil || left.Elements != 0 {
					t.Fatalf("%+v, %v", left, err)
				}
			}
			if len(told) != 1 || told[0].Packets != datagrams {
				t.Errorf("told %v, want %d packets once", told, datagrams)
			}
		})
	}
}

// fill has datagrams over lo make an element, in sets that it makes, and returns their path.
func fill(t *testing.T, h *netlab.Host, cfg Config) Path {
	t.Helper()
	c, err := nftables.New(nftables.WithNetNSFd(h.NetNS()))
	if err != nil {
		t.Fatal(err)
	}
	table := c.AddTable(&nftables.Table{Name: testTable, Family: nftables.TableFamilyINet})
	for _, s := range Declare(cfg, table) {
		if err := c.AddSet(s, nil); err != nil {
			t.Fatal(err)
		}
	}
	out := c.AddChain(&nftables.Chain{Name: "out", Table: table, Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookOutput, Priority: nftables.ChainPriorityFilter})
	b := chains{cfg: cfg}
	c.AddRule(&nftables.Rule{Table: table, Chain: out, Exprs: slices.Concat(
		plain(IPv4, unix.IPPROTO_UDP), b.update(forward(IPv4), set{Proven, IPv4, 0}))})
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	lo := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	p := Path{Out: 1, Src: lo, Dst: lo, SrcPort: 1000, DstPort: 53, Proto: unix.IPPROTO_UDP}
	from, err := h.ListenPacket(t.Context(), "udp", netip.AddrPortFrom(lo, p.SrcPort))
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	to, err := h.ListenPacket(t.Context(), "udp", netip.AddrPortFrom(lo, p.DstPort))
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	for range datagrams {
		if _, err := from.WriteTo([]byte("carried"), to.LocalAddr()); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// datagrams is how many an element has counted.
const datagrams = 7

// nobody has flows that go on.
func nobody(Path) bool { return false }
