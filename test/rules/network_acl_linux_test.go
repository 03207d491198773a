package rules

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/parity"
)

// aclPolicy has groups that permit everything, and one network ACL for this machine on eth0
// and for the guest behind veth-app. Its rules are lines of [allowing] and [denying].
func aclPolicy(ingress, egress []string) string {
	const everything = `{ protocol: all, cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }`
	list := func(rules []string) string { return strings.Join(rules, ", ") }
	return fmt.Sprintf(`version: 1
security_groups:
  - { name: open, description: Everything, ingress: [%s], egress: [%s] }
network_acls:
  - { name: edge, ingress: [%s], egress: [%s] }
interfaces:
  - { device: eth0, security_groups: [open], network_acl: edge }
  - { device: veth-app, mode: guest, security_groups: [open], network_acl: edge }
`, everything, everything, list(ingress), list(egress))
}

// allowing and denying are rules for TCP and UDP in both families, with four numbers in a
// row.
func allowing(number int, ports string) []string { return numbered(number, "allow", ports) }
func denying(number int, ports string) []string  { return numbered(number, "deny", ports) }

func numbered(number int, action, ports string) (out []string) {
	for _, protocol := range []string{"tcp", "udp"} {
		for _, cidr := range []string{"cidr_block: 0.0.0.0/0", `ipv6_cidr_block: "::/0"`} {
			out = append(out, fmt.Sprintf("{ rule_no: %d, action: %s, protocol: %s, ports: %s, %s }", number,
				action, protocol, ports, cidr))
			number++
		}
	}
	return out
}

func lists(parts ...[]string) (out []string) {
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

// protected is one whom the network ACL protects, with its addresses.
type protected struct {
	name string
	host *netlab.Host
	ips  []netip.Addr
}

func underACL(h harness.Home) []protected {
	return []protected{{"host", h.Fw, harness.BothAddresses(h.Fw.Device("eth0"))},
		{"guest", h.App, h.AppIPs}}
}

// TestNetworkACL: the lowest number that matches decides, for what comes in and for what goes
// out, and what none matches is denied (N1, N2). Groups permit everything here.
func TestNetworkACL(t *testing.T) {
	parity.Proves(t, "N1", "N2", "N3", "N5", "N7", "N8", "W14")
	t.Parallel()
	h := harness.NewHome(t)
	const ephemeral = "32768-60999"
	answers := allowing(900, ephemeral)
	for _, p := range underACL(h) {
		for i := range p.ips {
			harness.Echoes(t, p.host, p.ips[i], 7000, 7001, 7002, 7100)
		}
	}
	for i := range h.OutsideIPs {
		harness.Echoes(t, h.Outside, h.OutsideIPs[i], 7000, 7001)
	}
	d := harness.Enforce(t, h.Fw, aclPolicy(
		lists(allowing(300, "7000-7099"), denying(200, "7001"), allowing(100, "7002"),
			denying(150, "7002"), answers),
		lists(allowing(300, "7000-7099"), denying(200, "7001"), answers)))
	attempts := func(inward, outward map[int]bool) (out []harness.Attempt) {
		for _, p := range underACL(h) {
			for i, outside := range h.OutsideIPs {
				for _, network := range []string{"tcp", "udp"} {
					for port, want := range inward {
						out = append(out, harness.Expect(harness.PassIf(want), harness.Exchange(t, "to the "+p.name,
							h.Outside, network, outside, harness.AddrPort(p.ips[i], port))))
					}
					for port, want := range outward {
						out = append(out, harness.Expect(harness.PassIf(want), harness.Exchange(t,
							"from the "+p.name, p.host, network, p.ips[i], harness.AddrPort(outside, port))))
					}
				}
			}
		}
		return out
	}
	harness.Run(t, attempts(map[int]bool{7000: true, 7001: false, 7002: true, 7100: false},
		map[int]bool{7000: true, 7001: false}))

	// It is stateless: without a rule for the client's port no answer leaves, and none comes.
	d.ReloadNow(aclPolicy(allowing(300, "7000-7100"), lists(allowing(300, "7000-7100"), answers)))
	harness.Run(t, attempts(map[int]bool{7000: true}, map[int]bool{7000: false}))
	d.ReloadNow(aclPolicy(lists(allowing(300, "7000-7100"), answers), allowing(300, "7000-7100")))
	harness.Run(t, attempts(map[int]bool{7000: false}, map[int]bool{7000: true}))

	// Without rules for a family nothing of it passes (N5).
	v4 := []string{`{ rule_no: 1, action: allow, protocol: all, cidr_block: 0.0.0.0/0 }`}
	d.ReloadNow(aclPolicy(v4, v4))
	var apart []harness.Attempt
	for _, p := range underACL(h) {
		for i, outside := range h.OutsideIPs {
			apart = append(apart, harness.Expect(harness.PassIf(outside.Is4()), harness.Exchange(t,
				"to the "+p.name, h.Outside, "udp", outside, harness.AddrPort(p.ips[i], 7000))))
		}
	}
	harness.Run(t, apart)

	// The default one allows everything (N3).
	d.ReloadNow(strings.ReplaceAll(aclPolicy(nil, nil), "network_acl: edge", "network_acl: default"))
	harness.Run(t, attempts(map[int]bool{7000: true, 7001: true, 7100: true},
		map[int]bool{7001: true}))
}

// TestNetworkACLAndLiveFlows denies the packets of connections and datagrams that are under
// way, with each datapath: they stop at once, and go on when the rule is taken away (N7).
// Their flows stay.
func TestNetworkACLAndLiveFlows(t *testing.T) {
	parity.Proves(t, "N7", "N12")
	t.Parallel()
	for _, datapath := range []string{"userspace", "offload"} {
		t.Run(datapath, func(t *testing.T) {
			t.Parallel()
			testACLAndLiveFlows(t, "settings: { datapath: "+datapath+" }\n", datapath == "offload")
		})
	}
}

func testACLAndLiveFlows(t *testing.T, settings string, carried bool) {
	h := harness.NewHome(t)
	all := lists(allowing(300, "0-65535"))
	d := harness.Enforce(t, h.Fw, aclPolicy(all, all)+settings)
	conns := liveUnderACL(t, h)
	if n := len(d.Flows()); n < len(conns) {
		t.Fatalf("%d flows, want %d", n, len(conns))
	}
	deadline := time.Now().Add(harness.ArrivalTimeout)
	for ; carried; time.Sleep(50 * time.Millisecond) {
		if o := d.Status().Offload; o != nil && o.Packets > 0 {
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("nothing was carried: %+v", o)
		}
	}
	for name, policy := range map[string]string{
		"ingress": aclPolicy(lists(denying(10, "7000"), all), all),
		"egress":  aclPolicy(all, lists(denying(10, "32768-60999"), all)),
	} {
		denyLive(t, d, policy+settings, len(conns))
		eachAtOnce(conns, func(c liveConn) {
			if echoesBack(c, harness.SilenceTimeout/2) {
				t.Errorf("%s goes on under a deny of %s", c.name, name)
			}
		})
		if n := len(d.Flows()); n < len(conns) {
			t.Errorf("%d flows under a deny of %s, want %d", n, name, len(conns))
		}
		d.ReloadNow(aclPolicy(all, all) + settings)
		eachAtOnce(conns, func(c liveConn) {
			if !echoesBack(c, harness.ArrivalTimeout) {
				t.Errorf("%s does not go on once the deny of %s is gone", c.name, name)
			}
		})
	}
	if out := d.Must(t, 0, "rules"); !strings.Contains(out, "edge/ingress/*") {
		t.Errorf("the list of rules has no network ACL:\n%s", out)
	}
	var status struct {
		NetworkACLs []struct {
			Name       string
			Interfaces []string
			Ingress    struct{ IPv4, IPv6 int }
		} `json:"network_acls"`
	}
	d.Document(&status, "status")
	if s := fmt.Sprint(status.NetworkACLs); s != "[{edge [eth0 veth-app] {3 3}}]" {
		t.Errorf("the status has %s", s)
	}
}

// denyLive puts a policy in force whose network ACL stops at least so many live flows, and
// looks whether the reload says so, and that nothing is said to be permitted still.
func denyLive(t *testing.T, d *harness.Daemon, policy string, flows int) {
	t.Helper()
	d.Write(policy)
	code, answer := d.Answer("/v1/reload", `{}`)
	var reply struct {
		Orphans struct{ Count int }
		Cut     struct {
			Count, Denied int
			Flows         []struct {
				Local, Remote string
				DeniedBy      struct {
					ACL string `json:"network_acl"`
				} `json:"denied_by"`
			}
		}
	}
	if err := json.Unmarshal([]byte(answer), &reply); code != http.StatusOK || err != nil {
		t.Fatalf("reload: status %d: %v\n%s", code, err, answer)
	}
	if c := reply.Cut; c.Denied < flows || c.Count != c.Denied || reply.Orphans.Count != 0 {
		t.Errorf("%d flows cut, %d of them denied, %d orphans: want %d denied", c.Count, c.Denied,
			reply.Orphans.Count, flows)
	}
	for _, f := range reply.Cut.Flows {
		if f.DeniedBy.ACL != "edge" {
			t.Errorf("%s > %s is denied by %+v", f.Remote, f.Local, f.DeniedBy)
		}
	}
	said := d.Must(t, 0, "flows", "revoke", "port:7000", "--dry-run")
	if !strings.Contains(said, "would be revoked") || strings.Contains(said, "still permit") {
		t.Errorf("what would be revoked:\n%s", said)
	}
}

// liveConn is a connection to an echo server.
type liveConn struct {
	net.Conn
	name string
}

// liveUnderACL opens connections from outside to port 7000 of those whom the network ACL
// protects, so busy that the kernel carries them where it may.
func liveUnderACL(t *testing.T, h harness.Home) (conns []liveConn) {
	t.Helper()
	const port = 7000
	for _, p := range underACL(h) {
		for i, outside := range h.OutsideIPs {
			harness.Echoes(t, p.host, p.ips[i], port)
			for _, network := range []string{"tcp", "udp"} {
				c, err := h.Outside.Dial(t.Context(), network, harness.AddrPort(p.ips[i], port))
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { c.Close() })
				live := liveConn{c, network + " to the " + p.name + " from " + outside.String()}
				for range 20 {
					if !echoesBack(live, harness.ArrivalTimeout) {
						t.Fatalf("%s: no answer", live.name)
					}
				}
				conns = append(conns, live)
			}
		}
	}
	return conns
}

// eachAtOnce does something with all connections at the same time.
func eachAtOnce(conns []liveConn, do func(liveConn)) {
	var all sync.WaitGroup
	for _, c := range conns {
		all.Go(func() { do(c) })
	}
	all.Wait()
}

// echoesBack sends a few bytes to an echo server and waits for as many.
func echoesBack(c net.Conn, wait time.Duration) bool {
	content := harness.Nonce()
	if _, err := c.Write(content); err != nil {
		return false
	}
	deadline := time.Now().Add(wait)
	var got string
	for buf := make([]byte, 1024); time.Now().Before(deadline); {
		c.SetReadDeadline(deadline)
		n, _ := c.Read(buf)
		if got += string(buf[:n]); strings.Contains(got, string(content)) {
			return true
		}
		if c.LocalAddr().Network() == "udp" && n == 0 {
			c.Write(content) // the one of before may be lost under a deny
		}
	}
	return false
}
