package operations

import (
	"strings"
	"testing"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
)

// dropsAsOthers has another firewall drop what comes in for a port.
func dropsAsOthers(t *testing.T, h *netlab.Host, port uint16) {
	t.Helper()
	c := harness.Nft(t, h)
	table := c.AddTable(&nftables.Table{Name: "other", Family: nftables.TableFamilyINet})
	chain := c.AddChain(&nftables.Chain{Name: "input", Table: table, Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookInput, Priority: nftables.ChainPriorityFilter})
	c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binaryutil.BigEndian.PutUint16(port)},
		&expr.Verdict{Kind: expr.VerdictDrop},
	}})
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
}

// TestLearnedPublishedPorts: of a published port the container's is learned, as rules see it,
// also for a connection that says nothing meanwhile and that only the kernel's tracking knows;
// and what another firewall drops is not learned.
func TestLearnedPublishedPorts(t *testing.T) {
	t.Parallel()
	lab := labtest.New(t, harness.DockerHost())
	fw, shop, client := lab.Host("fw"), lab.Host("shop"), lab.Host("client")
	container := harness.IP("172.17.0.2")
	office, world := harness.IP("198.51.100.10"), harness.IP("203.0.113.10")
	fwOffice, fwWorld := harness.IP("198.51.100.1"), harness.IP("203.0.113.1")
	harness.Publish(t, fw, 80, 8080, container)
	harness.Masquerade(t, fw, "eth0")
	dropsAsOthers(t, fw, 9001)
	harness.Echoes(t, shop, container, 8080)
	harness.Echoes(t, fw, fwOffice, 443, 9001)
	harness.Echoes(t, client, world, 443, 444)
	idle := harness.DialTCP(t, client, harness.AddrPort(world, 0), harness.AddrPort(fwWorld, 80),
		harness.ArrivalTimeout)
	if idle == nil || !harness.Talks(idle) {
		t.Fatal("no connection to the published port")
	}
	defer idle.Close()

	l := learn(t, fw, "--device", "eth0")
	seen := []harness.Attempt{
		harness.Exchange(t, "published, from the office", client, "tcp", office,
			harness.AddrPort(fwOffice, 80)),
		harness.Exchange(t, "the container goes out", shop, "tcp", container,
			harness.AddrPort(world, 443)),
	}
	dropped := harness.Exchange(t, "what another firewall drops", client, "tcp", office,
		harness.AddrPort(fwOffice, 9001))
	harness.Run(t, append([]harness.Attempt{harness.Drops(dropped)},
		harness.ExpectAll(harness.Pass, seen)...))
	policy, said := l.ends()
	if !strings.Contains(policy, "ports: 8080") || strings.Contains(policy, "ports: 80\n") ||
		strings.Contains(said, "nobody answered") {
		t.Errorf("%s\n%s", said, policy)
	}

	// What is learned is what the local view judges.
	local := strings.Replace(policy, "- device: eth0\n", "- device: eth0\n    view: local\n", 1)
	d := harness.Enforce(t, fw, local)
	if !harness.Talks(idle) {
		t.Errorf("the connection that was idle is cut:\n%s", policy)
	}
	harness.Run(t, append(harness.ExpectAll(harness.Pass, seen),
		harness.Passes(harness.Exchange(t, "published, from where it was idle", client, "tcp", world,
			harness.AddrPort(fwWorld, 80))),
		harness.Drops(harness.Exchange(t, "a listener that nobody came to", client, "tcp", office,
			harness.AddrPort(fwOffice, 443))),
		harness.Drops(harness.Exchange(t, "the container goes elsewhere", shop, "tcp", container,
			harness.AddrPort(world, 444)))))
	d.Stop()
}
