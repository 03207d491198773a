package daemon

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/vishvananda/netlink"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/host/resolvers"
	"sgfw/filter"
	"sgfw/filter/packet"
	"sgfw/test/wire"
)

// crowd decides a batch of packets of a device: those that one policy or the other
// permits, which it counts, and those that neither does, of which none may pass.
func crowd(w *filter.Worker, device uint32, passed map[bool]int) error {
	us, them, server := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("203.0.113.9"),
		netip.MustParseAddr("198.51.100.53")
	tcp := func(src, dst netip.Addr, from, to uint16, flags wire.Flags) []byte {
		return wire.TCP(netip.AddrPortFrom(src, from), netip.AddrPortFrom(dst, to), flags, 1, 1, nil)
	}
	udp := func(src, dst netip.Addr, from, to uint16) []byte {
		return wire.UDP(netip.AddrPortFrom(src, from), netip.AddrPortFrom(dst, to), nil)
	}
	w.Begin()
	defer w.End()
	for _, b := range [][]byte{
		tcp(them, us, 40000, 443, wire.SYN), tcp(them, us, 40000, 80, wire.SYN),
		tcp(them, us, 40000, 80, wire.ACK),
	} {
		passed[w.Decide(&filter.Event{
			Frame: packet.Frame{Bytes: b}, Hook: filter.HookInput, In: device})]++
	}
	for port := range uint16(64) { // what answers comes back, or not: the other policy asked
		w.Decide(&filter.Event{Frame: packet.Frame{Bytes: udp(us, server, 50000+port, 53)},
			Hook: filter.HookOutput, Out: device})
	}
	for what, b := range map[string][]byte{
		"a port that is closed":             tcp(them, us, 40000, 22, wire.SYN),
		"half a connection that is not":     tcp(them, us, 40001, 22, wire.ACK),
		"a datagram":                        udp(them, us, 40000, 53),
		"an answer that nobody asked for":   udp(server, us, 53, 40000),
		"a connection from a name server":   tcp(server, us, 53, 22, wire.SYN),
		"the time, which nobody wanted":     udp(netip.MustParseAddr("169.254.169.123"), us, 123, 123),
		"an error about nothing that lives": wire.TooBig(them, 1200, tcp(us, them, 22, 40000, wire.ACK)),
	} {
		if w.Decide(&filter.Event{Frame: packet.Frame{Bytes: b}, Hook: filter.HookInput, In: device}) {
			return fmt.Errorf("%s passed (%s)", what, w.Last().Reason)
		}
	}
	return nil
}

// Reloads that change all that can be, addresses and name servers that come and
// go, packets and questions, all at once: the race detector looks on, every answer
// is whole, no packet passes that neither policy permits, and in the end the last
// policy and the last addresses are in force.
func TestEverythingAtOnce(t *testing.T) {
	const rounds = 30
	eth0 := link(t, "eth0")
	cfg, log := config(t, text)
	cfg.Resolvers = resolvers.Files{Conf: filepath.Join(t.TempDir(), "resolv.conf")}
	r := begin(t, cfg, log)
	other := strings.NewReplacer("443", "80", "egress: []",
		`egress: [{ protocol: "-1", cidr_blocks: [0.0.0.0/0] }]`,
		"[web] }\n", `[web], scope: up, connection_tracking: { udp_timeout: 60 } }
quotas: { security_groups: 9 }
settings: { tracking: aws, exempt: [resolvers, time], failsafe: { own-multicast: false } }
`).Replace(text)

	var changes, questions sync.WaitGroup
	done := make(chan struct{})
	ask := func(f func() error) {
		questions.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if err := f(); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	ask(func() error { _, err := r.Status(t.Context()); return err })
	ask(func() error {
		return r.Flows(t.Context(), api.FlowQuery{}, func(api.FlowsHeader) error { return nil },
			func(api.Flow) error { return nil })
	})
	ask(func() error {
		x, err := r.Explain(t.Context(),
			api.Query{Direction: "ingress", Protocol: "tcp", From: "203.0.113.9", To: ":443"})
		if err == nil && (x.Verdict == api.VerdictAccept) != (x.Rule != nil) {
			t.Errorf("half an answer: %+v", x)
		}
		return err
	})
	changes.Go(func() {
		for i := range rounds {
			if err := os.WriteFile(r.file, []byte([]string{text, other}[i%2]), 0o600); err != nil {
				t.Error(err)
			}
			if _, err := r.Reload(t.Context(), api.ReloadRequest{}); err != nil {
				t.Error(err)
			}
		}
	})
	changes.Go(func() {
		a, err := netlink.ParseAddr("192.0.2.1/24")
		if err != nil {
			t.Error(err)
			return
		}
		for range rounds {
			if err := netlink.AddrAdd(eth0, a); err != nil {
				t.Error(err)
			}
			if err := netlink.AddrDel(eth0, a); err != nil {
				t.Error(err)
			}
		}
		if err := netlink.AddrAdd(eth0, a); err != nil {
			t.Error(err)
		}
	})
	changes.Go(func() {
		for i := range rounds {
			write(t, cfg.Resolvers.Conf, fmt.Sprintf("nameserver 198.51.100.%d\n", 53+i%2))
			r.d.enforcer.ResolversChanged(r.d.nameServers())
		}
	})
	r.await(t, "the start", func(api.Status) bool { return true })
	w := r.d.enforcer.Engine().NewWorker()
	passed := make(map[bool]int)
	ask(func() error { return crowd(w, uint32(eth0.Attrs().Index), passed) })
	changes.Wait()
	close(done)
	questions.Wait()
	if passed[true] == 0 || passed[false] == 0 {
		t.Errorf("of what either policy permits %d packets passed and %d did not", passed[true],
			passed[false])
	}

	r.await(t, "the last address", func(s api.Status) bool {
		return len(s.Interfaces[0].Covered) == 1 && len(s.Interfaces[0].Covered[0].Addresses) == 1
	})
	for port, want := range map[string]string{":80": api.VerdictAccept, ":443": api.VerdictDrop} {
		x, err := r.Explain(t.Context(),
			api.Query{Direction: "ingress", Protocol: "tcp", From: "203.0.113.9", To: port})
		if err != nil || x.Verdict != want {
			t.Errorf("port %s: %+v, %v, want %s", port, x, err, want)
		}
	}
	x, err := r.Explain(t.Context(),
		api.Query{Direction: "ingress", Protocol: "tcp", From: "192.0.2.1", To: ":7000"})
	if err != nil || x.Verdict != api.VerdictAccept {
		t.Errorf("the member of the last address: %+v, %v", x, err)
	}
}
