package lifecycle

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/wire"
)

// prober sends what no rule permits all the time: datagrams from both sides, connections, and
// segments of connections that do not exist, in both families. The receiving kernels count
// what comes to its ports, behind the hooks of the program under test.
type prober struct {
	t    *testing.T
	sent atomic.Int64
	over atomic.Bool
	wg   sync.WaitGroup
	at   []*counted
}

// counted is the counter of one host.
type counted struct {
	host  *netlab.Host
	conn  *nftables.Conn
	table *nftables.Table
	chain *nftables.Chain
}

// countPort counts all packets of TCP and UDP to a port that a host takes in.
func countPort(t *testing.T, h *netlab.Host, port uint16) *counted {
	t.Helper()
	c := &counted{host: h, conn: harness.Nft(t, h)}
	c.table = c.conn.AddTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: "counts"})
	c.chain = c.conn.AddChain(&nftables.Chain{Table: c.table, Name: "input",
		Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookInput,
		Priority: nftables.ChainPriorityRef(500)})
	c.conn.AddRule(&nftables.Rule{Table: c.table, Chain: c.chain, Exprs: []expr.Any{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binaryutil.BigEndian.PutUint16(port)},
		&expr.Counter{},
	}})
	if err := c.conn.Flush(); err != nil {
		t.Fatal(err)
	}
	return c
}

// packets is how many were counted.
func (c *counted) packets(t *testing.T) uint64 {
	t.Helper()
	rules, err := c.conn.GetRules(c.table, c.chain)
	if err != nil || len(rules) != 1 {
		t.Fatalf("the counter of %s: %d rules, %v", c.host.Name(), len(rules), err)
	}
	for _, e := range rules[0].Exprs {
		if n, ok := e.(*expr.Counter); ok {
			return n.Packets
		}
	}
	t.Fatal("no counter")
	return 0
}

// newProber begins to send across a gate. Each of its lanes is slow, to leave the machine to
// what is permitted.
func newProber(t *testing.T, client, server *netlab.Device, g *harness.Gate) *prober {
	t.Helper()
	p := &prober{t: t, at: []*counted{countPort(t, server.Host(), harness.GateInNever),
		countPort(t, client.Host(), harness.GateOutNever)}}
	loop := func(pause time.Duration, send func(n int)) {
		p.wg.Go(func() {
			for n := 0; !p.over.Load(); n++ {
				send(n)
				p.sent.Add(1)
				time.Sleep(pause)
			}
		})
	}
	for i := range g.Far {
		for _, l := range []struct {
			from *netlab.Device
			to   netip.AddrPort
		}{
			{client, harness.AddrPort(g.Near[i], harness.GateInNever)},
			{server, harness.AddrPort(g.Far[i], harness.GateOutNever)},
		} {
			u, err := l.from.Host().Dial(t.Context(), "udp", l.to)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { u.Close() })
			loop(time.Millisecond, func(n int) {
				_, _ = u.Write(fmt.Appendf(nil, "%d", n)) // a drop is EPERM for its sender
			})
			loop(10*time.Millisecond, func(int) {
				ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
				defer cancel()
				if c, err := l.from.Host().Dial(ctx, "tcp", l.to); err == nil {
					c.Close()
				}
			})
		}
		loop(5*time.Millisecond, func(n int) {
			src := harness.AddrPort(g.Far[i], 20000+n%1000)
			_ = client.Send(wire.TCP(src, harness.AddrPort(g.Near[i], harness.GateInNever),
				wire.ACK|wire.PSH, uint32(n), uint32(n)*7, []byte("forged")))
		})
	}
	t.Cleanup(p.end)
	return p
}

func (p *prober) end() {
	p.over.Store(true)
	p.wg.Wait()
}

// arrives waits until both sides have got more of it: nothing stands in its way.
func (p *prober) arrives(when string) {
	p.t.Helper()
	for _, c := range p.at {
		until := c.packets(p.t) + 100
		for deadline := time.Now().Add(harness.ArrivalTimeout); c.packets(p.t) < until; time.Sleep(
			10 * time.Millisecond) {
			if time.Now().After(deadline) {
				p.t.Fatalf("%s: what no rule permits does not arrive at %s, where nothing filters", when,
					c.host.Name())
			}
		}
	}
}

// total is how much has arrived.
func (p *prober) total() (n uint64) {
	p.t.Helper()
	for _, c := range p.at {
		n += c.packets(p.t)
	}
	return n
}
