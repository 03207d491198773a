package test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"sgfw/test/netlab"
)

// nft is a connection to nftables inside a host, that of another tool as far as
// the program under test is concerned.
func nft(t testing.TB, h *netlab.Host) *nftables.Conn {
	t.Helper()
	c, err := nftables.New(nftables.WithNetNSFd(h.NetNS()))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// ruleset lists everything that nftables holds in a host.
func ruleset(t testing.TB, h *netlab.Host) (out []string) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	c := nft(t, h)
	tables, err := c.ListTables()
	must(err)
	chains, err := c.ListChains()
	must(err)
	for _, table := range tables {
		name := fmt.Sprintf("table %d %s", table.Family, table.Name)
		out = append(out, fmt.Sprintf("%s flags %d", name, table.Flags))
		for _, chain := range chains {
			if chain.Table.Name != table.Name || chain.Table.Family != table.Family {
				continue
			}
			head := fmt.Sprintf("%s chain %s", name, chain.Name)
			if chain.Hooknum != nil {
				head += fmt.Sprintf(" type %s hook %d priority %d policy %d", chain.Type, *chain.Hooknum, *chain.Priority, *chain.Policy)
			}
			out = append(out, head)
			rules, err := c.GetRules(table, chain)
			must(err)
			for _, r := range rules {
				line := fmt.Sprintf("%s rule %d", head, r.Handle)
				for _, e := range r.Exprs {
					// JSON follows the pointers.
					b, err := json.Marshal(e)
					must(err)
					line += fmt.Sprintf(" %T%s", e, b)
				}
				out = append(out, line)
			}
		}
		sets, err := c.GetSets(table)
		must(err)
		for _, set := range sets {
			elements, err := c.GetSetElements(set)
			must(err)
			out = append(out, fmt.Sprintf("%s set %s %v", name, set.Name, elements))
		}
		objects, err := c.GetNamedObjects(table)
		must(err)
		for _, o := range objects {
			// Without its content: counters count.
			if o, ok := o.(*nftables.NamedObj); ok {
				out = append(out, fmt.Sprintf("%s object %s type %d", name, o.Name, o.Type))
			}
		}
	}
	return out
}

// foreignTable is what another firewall has in the host: it refuses UDP to a
// port, by a set.
func foreignTable(t testing.TB, h *netlab.Host, refused uint16) {
	t.Helper()
	c := nft(t, h)
	table := c.AddTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: "other"})
	chain := c.AddChain(&nftables.Chain{
		Table: table, Name: "input", Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookInput, Priority: nftables.ChainPriorityMangle,
	})
	set := &nftables.Set{Table: table, Name: "refused", KeyType: nftables.TypeInetService}
	if err := c.AddSet(set, []nftables.SetElement{{Key: binaryutil.BigEndian.PutUint16(refused)}}); err != nil {
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
	m.Ruleset, m.Queues = ruleset(t, h), queues(t, h)
	links, err := h.Netlink().LinkList()
	must(err)
	for _, l := range links {
		a := l.Attrs()
		m.Links = append(m.Links, fmt.Sprintf("%s %d flags %v mtu %d queue %d promiscuous %d group %d", a.Name, a.Index, a.Flags, a.MTU, a.TxQLen, a.Promisc, a.Group))
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

// queues lists the queues that somebody has bound in a host.
func queues(t testing.TB, h *netlab.Host) []string {
	t.Helper()
	b, err := h.ReadFile("/proc/thread-self/net/netfilter/nfnetlink_queue")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	return slices.Collect(strings.Lines(string(b)))
}

// ours tells whether the daemon's table is in a listing.
func ours(listing []string) bool {
	return slices.ContainsFunc(listing, func(s string) bool { return strings.Contains(s, " sgfw") })
}

// TestOrderedStopLeavesTheMachineAsItWas compares all that the kernel shows of a
// host before the start and after the stop.
func TestOrderedStopLeavesTheMachineAsItWas(t *testing.T) {
	t.Parallel()
	client, server, g := newPair(t)
	foreignTable(t, server.Host(), 9)
	refused := newInbox(t, server.Host(), port(server.IPv4(), 9))
	g.expect(t, "before the start", open)
	before := snapshot(t, server.Host())
	if len(before.Sysctls) < 100 || len(before.Ruleset) < 4 || len(before.Links) < 4 {
		t.Fatalf("the snapshot sees little: %d sysctls, %v", len(before.Sysctls), before.Ruleset)
	}
	for round := range 2 {
		d := enforce(t, server.Host(), gatePolicy())
		g.expect(t, "enforced", filtered)
		during := snapshot(t, server.Host())
		if !ours(during.Ruleset) || len(during.Queues) == 0 {
			t.Errorf("while it runs: ruleset %v, queues %v", during.Ruleset, during.Queues)
		}
		for _, line := range before.Ruleset {
			if !slices.Contains(during.Ruleset, line) {
				t.Errorf("the other tool lost %q", line)
			}
		}
		d.stop()
		if diff := cmp.Diff(before, snapshot(t, server.Host())); diff != "" {
			t.Errorf("round %d: the machine before the start (-) and after the stop (+):\n%s", round, diff)
		}
		g.expect(t, "stopped", open)
	}
	far := newInbox(t, client.Host(), port(client.IPv4(), 0))
	if _, ok := refused.receives(far.send(t, port(server.IPv4(), 9)), silence); ok {
		t.Error("the other tool's rule has no effect any more")
	}
}

// TestStopKeepsClosed is on_stop: keep. What stays closed is opened by cleanup
// or filtered again by the next daemon, and no cleanup opens a running one.
func TestStopKeepsClosed(t *testing.T) {
	t.Parallel()
	for _, gone := range []string{"drop", "accept"} {
		t.Run("gone "+gone, func(t *testing.T) {
			t.Parallel()
			_, server, g := newPair(t)
			before := ruleset(t, server.Host())
			d := enforce(t, server.Host(), gatePolicy("on_stop: keep", "on_failure: { gone: "+gone+" }"))
			g.expect(t, "enforced", filtered)
			lift := g.besiege(t)
			if out, code := d.sgfw("cleanup"); code != 5 || !strings.Contains(out, fmt.Sprint(d.cmd.Process.Pid)) {
				t.Errorf("cleanup of a living daemon: exit %d, want 5 and its PID\n%s", code, out)
			}
			if out, code := d.sgfw("cleanup", "--force"); code != 5 {
				t.Errorf("cleanup --force of a living daemon: exit %d, want 5\n%s", code, out)
			}
			g.expect(t, "after a refused cleanup", filtered)
			d.stop()
			g.expect(t, "stopped, kept closed", shut)
			d.start()
			g.expect(t, "started over what was kept", filtered)
			d.stop()
			g.expect(t, "stopped once more", shut)
			lift()
			if out, code := d.sgfw("cleanup"); code != 0 || !strings.Contains(out, "inet sgfw") {
				t.Errorf("cleanup: exit %d\n%s", code, out)
			}
			g.expect(t, "cleaned up", open)
			if diff := cmp.Diff(before, ruleset(t, server.Host())); diff != "" {
				t.Errorf("the ruleset before the start (-) and after cleanup (+):\n%s", diff)
			}
		})
	}
}

// TestOrderedStopLosesNothing stops the daemon while many packets wait for their
// verdict: each of them gets it. The next start loses nothing either, as far as
// the rules allow the packets of both directions by themselves.
func TestOrderedStopLosesNothing(t *testing.T) {
	client, server, g := newPair(t)
	for _, a := range families(server) {
		echoOn(t, server.Host(), port(a, gateEcho))
	}
	// Answers to what was asked before the start belong to no flow.
	answers := strings.NewReplacer("ports: 1,", "ports: 32768-65535,").Replace(allow("udp", 1) + ", " + allow("tcp", 1))
	d := prepare(t, server.Host(), strings.Replace(gatePolicy(), "egress: [", "egress: ["+answers+", ", 1))
	g.expect(t, "before the start", open)
	var pumps []*pump
	var streams []*stream
	for _, a := range families(server) {
		for range 4 {
			pumps = append(pumps, startPump(t, client.Host(), port(a, gateEcho), 0))
		}
		streams = append(streams, startStream(t, client.Host(), port(a, gateEcho), 0))
	}
	onward := func() {
		t.Helper()
		for _, p := range pumps {
			p.goOn(100)
		}
	}
	for _, ending := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGTERM} {
		d.start()
		onward()
		g.expect(t, "enforced", filtered)
		if err := d.end(ending); err != nil {
			t.Errorf("%v: %v", ending, err)
		}
		onward()
		g.expect(t, "stopped", open)
	}
	for _, p := range pumps {
		p.finish()
	}
	for _, s := range streams {
		s.finish()
	}
}
