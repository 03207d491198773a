package state

import (
	"net/netip"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
)

// TestUntrackedWithAFullTable fills a table of one flow: untracked sessions come
// about all the same, tracked ones do not (T32, T30).
func TestUntrackedWithAFullTable(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "T32", "T30")
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	d := harness.Enforce(t, server.Host(), harness.PolicyWith([]string{
		harness.Allow("tcp", harness.Inward),
		`{ protocol: tcp, ports: 22-23, cidr_blocks: [192.0.2.0/24], ` +
			`ipv6_cidr_blocks: ["2001:db8::/64"] }`,
	}, []string{toEverybody}, asAWS, "max_flows: 1"))
	held := newCord(t, d, client.Host(), server.Host(), harness.AddrPort(server.IPv4(), 22))
	harness.BothFamilies(t, client, server, func(t *testing.T, _, far netip.Addr) {
		conns := harness.Accepting(t, server.Host(), harness.AddrPort(far, harness.Inward))
		for range 20 {
			if s := harness.Connect(t, d, client.Host(), harness.AddrPort(far, harness.Inward),
				conns); !s.Lives() {
				t.Error("an untracked session does not go on")
			}
		}
		harness.EchoTCP(t, server.Host(), harness.AddrPort(far, 23))
		if harness.Connects(t, client.Host(), harness.Anywhere, harness.AddrPort(far, 23),
			harness.SilenceTimeout) {
			t.Error("a tracked session found room in a full table")
		}
	})
	if !held.Lives() {
		t.Error("the tracked session was evicted")
	}
	var s struct {
		Flows struct {
			Live, Max    int
			Untracked    int
			MaxUntracked int `json:"max_untracked"`
			RefusedFull  int `json:"refused_full"`
		}
	}
	d.Document(&s, "status")
	if f := s.Flows; f.Live != 1 || f.Max != 1 || f.Untracked < 40 || f.MaxUntracked != 1024 ||
		f.RefusedFull == 0 {
		t.Errorf("status: %+v", f)
	}
}
