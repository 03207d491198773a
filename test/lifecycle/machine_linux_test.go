package lifecycle

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"sgfw/test/harness"
	"sgfw/test/netlab"
)

// foreignTable is what another firewall has in the host: it refuses UDP to a
// port, by a set.
func foreignTable(t testing.TB, h *netlab.Host, refused uint16) {
	t.Helper()
	c := harness.Nft(t, h)
	table := c.AddTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: "other"})
	chain := c.AddChain(&nftables.Chain{
		Table: table, Name: "input", Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookInput, Priority: nftables.ChainPriorityMangle,
	})
	set := &nftables.Set{Table: table, Name: "refused", KeyType: nftables.TypeInetService}
	if err := c.AddSet(set, []nftables.SetElement{
		{Key: binaryutil.BigEndian.PutUint16(refused)}}); err != nil {
		t.Fatal(err)
	}
	c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{unix.IPPROTO_UDP}},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
		&expr.Lookup{SourceRegister: 1, SetName: set.Name, SetID: set.ID},
		&expr.Verdict{Kind: expr.VerdictDrop},
	}})
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
}

// machine is everything of a host that a firewall might leave changed.
type machine struct {
	Ruleset, Queues, Links, Routes, Sysctls []string
}

func snapshot(t testing.TB, h *netlab.Host) (m machine) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	m.Ruleset, m.Queues = harness.Ruleset(t, h), harness.Queues(t, h)
	links, err := h.Netlink().LinkList()
	must(err)
	for _, l := range links {
		a := l.Attrs()
		m.Links = append(m.Links, fmt.Sprintf("%s %d flags %v mtu %d queue %d promiscuous %d group %d",
			a.Name, a.Index, a.Flags, a.MTU, a.TxQLen, a.Promisc, a.Group))
		addrs, err := h.Netlink().AddrList(l, netlink.FAMILY_ALL)
		must(err)
		for _, addr := range addrs {
			m.Links = append(m.Links, a.Name+" "+addr.String())
		}
	}
	routes, err := h.Netlink().RouteList(nil, netlink.FAMILY_ALL)
	must(err)
	for _, r := range routes {
		m.Routes = append(m.Routes, r.String())
	}
	rules, err := h.Netlink().RuleList(netlink.FAMILY_ALL)
	must(err)
	for _, r := range rules {
		m.Routes = append(m.Routes, r.String())
	}
	must(h.Do(func() error {
		return filepath.WalkDir("/proc/sys/net", func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			// Some can only be written, and stable_secret only be read once it is set.
			if b, err := os.ReadFile(path); err == nil {
				m.Sysctls = append(m.Sysctls, path+" "+strings.TrimSpace(string(b)))
			}
			return nil
		})
	}))
	return m
}

// ours tells whether the daemon's table is in a listing.
func ours(listing []string) bool {
	return slices.ContainsFunc(listing, func(s string) bool { return strings.Contains(s, " sgfw") })
}
