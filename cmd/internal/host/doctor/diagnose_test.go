package doctor

import (
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/source"
	"sgfw/filter/nft"
	"sgfw/policy"
	"sgfw/policy/file"
	"sgfw/policy/member"
)

const text = `version: 1
security_groups:
  - name: web
    description: web
    ingress:
      - { protocol: tcp, ports: 443, cidr_blocks: [0.0.0.0/0] }
      - { protocol: tcp, ports: 22, cidr_blocks: [192.0.2.0/24] }
    egress: []
interfaces:
  - { device: eth0, security_groups: [web] }
`

// healthy is a machine without a fault: eth0 is managed, nobody runs a daemon.
func healthy(t *testing.T) *Machine {
	t.Helper()
	p, _, err := file.Parse("p.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return &Machine{
		Kernel: "6.18", Privileged: true, QueueCT: "n", Policy: p, Forwarding: [2]bool{true, true},
		Features: nft.Facts{Queue: nft.QueueNative, Reassembly: nft.ReassemblyTProxy, CanOwn: true,
			CanPersist: true},
		Known: Known{Socket: "/run/s.sock", PolicyFile: "p.yaml", Links: []member.Link{
			{Name: "eth0", Index: 2, Addresses: []netip.Addr{
				netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")}},
			{Name: "docker0", Index: 3, Addresses: []netip.Addr{netip.MustParseAddr("172.17.0.1")}},
		}},
		Listeners: []Listener{{Protocol: "tcp", Address: netip.MustParseAddrPort("192.0.2.1:22"),
			Process: "sshd"}, {Protocol: "tcp", Address: netip.MustParseAddrPort("127.0.0.1:6000")}},
	}
}

func TestDiagnose(t *testing.T) {
	end := netip.MustParseAddrPort
	for name, c := range map[string]struct {
		change func(*Machine)
		// level, check and part of the message; "" for a machine without anything
		// above a note.
		level, check, says string
	}{
		"healthy": {func(*Machine) {}, "", "", ""},
		"unprivileged": {func(m *Machine) {
			m.Privileged, m.FeaturesErr, m.SurveyErr = false, os.ErrPermission, os.ErrPermission
		}, "problem", "privileges", "CAP_NET_ADMIN"},
		"no queue": {func(m *Machine) { m.FeaturesErr = nft.ErrNoQueue }, "problem",
			"queue-expression", "no NFQUEUE"},
		"no nftables": {func(m *Machine) { m.FeaturesErr = errors.New("protocol not supported") },
			"problem", "queue-expression", "not supported"},
		"no queue socket": {func(m *Machine) { m.QueueErr = errors.New("none") }, "problem",
			"queue-socket", "none"},
		"xtables": {func(m *Machine) { m.Features.Queue = nft.QueueXT }, "note",
			"queue-expression", "NFQUEUE"},
		"no owner": {func(m *Machine) { m.Features.CanOwn, m.Features.CanPersist = false, false },
			"note", "table-owner", "cannot be owned"},
		"no persist": {func(m *Machine) { m.Features.CanPersist = false }, "note", "table-owner",
			"outlive"},
		"conntrack": {func(m *Machine) { m.Features.Reassembly = nft.ReassemblyConntrack }, "note",
			"reassembly", "tracks"},
		"no reassembly": {func(m *Machine) { m.Features.Reassembly = nft.ReassemblyNone }, "warning",
			"reassembly", "fragments"},
		"a failsafe": {func(m *Machine) {
			m.Features.Missing = []policy.Failsafe{policy.OwnMulticast}
		}, "warning", "failsafes", policy.OwnMulticast.String()},
		"a policy for all": {func(m *Machine) { m.Writable.Who = source.Everybody }, "warning", "policy",
			"everybody can change p.yaml"},
		"a user's policy": {func(m *Machine) { m.Writable.Who = "user 1000" }, "note", "policy",
			"user 1000 can change p.yaml"},
		"nothing is left": {func(m *Machine) { m.Remains.State = api.RemainsNothing }, "note", "daemon",
			"no daemon is running: nothing is filtered in this network namespace"},
		"a leftover": {func(m *Machine) {
			m.Remains = api.Remains{State: api.RemainsClosed, Devices: []string{"eth0", "vm*"}}
		}, "problem", "daemon", "its table is there: what goes in or out through eth0, vm* is dropped"},
		"an open leftover": {func(m *Machine) { m.Remains.State = api.RemainsOpen }, "problem", "daemon",
			"lets everything pass"},
		"another socket": {func(m *Machine) {
			m.Remains = api.Remains{State: api.RemainsHeld, PID: 7, Process: "sgfw",
				Sockets: []string{"/x.sock"}}
		}, "warning", "daemon", "PID 7 (sgfw) enforces here, and does not listen on /run/s.sock"},
		"nothing to be seen": {func(m *Machine) {
			m.Remains = api.Remains{State: api.RemainsUnknown, Why: "only root may look"}
		}, "note", "daemon", "nobody listens on /run/s.sock; whether a table of sgfw closes the " +
			"machine cannot be seen: only root may look"},
		"not to be asked": {func(m *Machine) {
			m.Privileged, m.FeaturesErr, m.SurveyErr = false, os.ErrPermission, os.ErrPermission
			m.DaemonErr = os.ErrPermission
		}, "problem", "privileges",
			"a daemon cannot be asked: whether anything is filtered cannot be seen"},
		"silent": {func(m *Machine) { m.DaemonErr = errors.New("PID 7 does not answer") }, "problem",
			"daemon", "PID 7 does not answer"},
		"silent elsewhere": {func(m *Machine) {
			m.DaemonErr = errors.New("PID 7 does not answer")
			m.SilentIn = &api.Namespace{Inode: 42, Name: "blue"}
		}, "problem", "daemon", "PID 7 does not answer; it is in another network namespace, blue (42)"},
		"silent elsewhere, and nothing here": {func(m *Machine) {
			m.DaemonErr, m.SilentIn = errors.New("PID 7 does not answer"), &api.Namespace{Inode: 42}
			m.Remains.State = api.RemainsNothing
		}, "problem", "daemon", "it filters nothing here"},
		"elsewhere": {func(m *Machine) {
			m.Remains.State = api.RemainsNothing
			m.Elsewhere = &api.Status{PID: 7, Network: &api.Namespace{Inode: 42, Name: "blue"}}
		}, "warning", "daemon", "on /run/s.sock (PID 7) is in another network namespace, blue (42): it " +
			"filters nothing here"},
		"elsewhere, and left here": {func(m *Machine) {
			m.Remains = api.Remains{State: api.RemainsClosed, Devices: []string{"eth0"}}
			m.Elsewhere = &api.Status{PID: 7}
		}, "problem", "daemon", "what goes in or out through eth0 is dropped"},
		"no policy of this namespace": {func(m *Machine) { m.Policy, m.PolicyFile = nil, "" }, "note",
			"policy", "no policy of this network namespace is known"},
		"degraded": {func(m *Machine) {
			m.Daemon = &api.Status{Degraded: []string{"eth0 belongs to br0"}}
		}, "problem", "daemon", "br0"},
		"judged": {func(m *Machine) {
			m.Daemon = &api.Status{Policy: api.PolicyStatus{Datapath: "userspace",
				DatapathWhy: "this kernel lacks sets"}}
		}, "ok", "datapath", "userspace (this kernel lacks sets): the daemon judges every packet"},
		"carried": {func(m *Machine) {
			m.Daemon = carrying()
		}, "ok", "datapath", "offload (the kernel can): the kernel passed 75 packets by itself, 7500 " +
			"bytes, 75 % of all"},
		"marked by a chain": {func(m *Machine) {
			m.Daemon = carrying()
			m.Survey.Chains = []nft.ForeignChain{{Family: "ip", Table: "mangle", Name: "OUTPUT",
				Hook: "output", Priority: -150, Marks: 1<<5 | 1}}
		}, "warning", "mark-bits", "chain ip mangle OUTPUT (hook output, priority -150) sets bit 5"},
		"routed by a mark": {func(m *Machine) {
			m.Daemon = carrying()
			m.MarkRoutes = []MarkRoute{{Priority: 100, Mark: 0x30, Mask: 0xff}}
		}, "warning", "mark-bits", "the rule 100 of policy routing wants bits 4 and 5"},
		"repaired": {func(m *Machine) { m.Daemon = &api.Status{Table: api.TableStatus{Repaired: 2}} },
			"warning", "table-repairs", "2 times"},
		"taken away": {func(m *Machine) {
			m.Daemon = &api.Status{Queues: []api.QueueStatus{{Number: 7, Lost: 2}}}
		}, "warning", "queue-losses", "2 times"},
		"losses": {func(m *Machine) {
			m.Daemon = &api.Status{Queues: []api.QueueStatus{{Number: 7, KernelDropped: 3}}}
		}, "warning", "queue-drops", "queue 7"},
		"full": {func(m *Machine) { m.Daemon = &api.Status{Flows: api.FlowStatus{RefusedFull: 3}} },
			"warning", "flow-table", "3 new flows"},
		"passed": {func(m *Machine) {
			m.Daemon = &api.Status{Failures: []api.FailureStatus{
				{Cause: "stuck", Action: "drop", Packets: 2},
				{Cause: "overloaded", Action: "accept", Packets: 7}}}
		}, "warning", "on-failure", "overloaded: 7 packets passed"},
		"flows not kept": {func(m *Machine) {
			m.Daemon = &api.Status{Kept: &api.KeptStatus{Error: "no space left on device"}}
		}, "problem", "kept-flows", "would lose the flows of now: no space"},
		"flows not taken": {func(m *Machine) {
			m.Daemon = &api.Status{Kept: &api.KeptStatus{Unused: "too old: 20m0s"}}
		}, "warning", "kept-flows", "were not taken over: too old"},
		"flows left out": {func(m *Machine) {
			m.Daemon = &api.Status{Kept: &api.KeptStatus{Taken: &api.KeptFlows{Restored: 7, Gone: 2,
				Expired: 1}}}
		}, "warning", "kept-flows", "7 flows of an earlier daemon go on; left out: 1 expired, 2 "},
		"flows expired": {func(m *Machine) {
			m.Daemon = &api.Status{Kept: &api.KeptStatus{Taken: &api.KeptFlows{Restored: 7, Expired: 1}}}
		}, "", "", ""},
		"our queue taken": {func(m *Machine) {
			m.Queues = []Queue{{Number: m.Policy.Settings.QueueBase, PID: 9, Process: "suricata"}}
		}, "problem", "queue-owners", "suricata (PID 9)"},
		"another queue": {func(m *Machine) {
			m.Queues = []Queue{{Number: 1, PID: 9, Process: "suricata"}}
		}, "note", "queue-owners", "queue 1"},
		"a chain drops": {func(m *Machine) {
			m.Survey.Chains = []nft.ForeignChain{
				{Family: "ip", Table: "f", Name: "in", Hook: "input", Priority: -1, Drops: true}}
		}, "note", "other-chains", "ip f in"},
		"a chain queues": {func(m *Machine) {
			m.Survey.Chains = []nft.ForeignChain{{Table: "f", Hook: "input", Queues: true}}
		}, "warning", "other-chains", "NFQUEUE"},
		"tproxy": {func(m *Machine) {
			m.Survey.Chains = []nft.ForeignChain{
				{Table: "f", Hook: "prerouting", Priority: 9, Redirects: true}}
		}, "warning", "other-chains", "tproxy"},
		"a later chain": {func(m *Machine) {
			m.Survey.Chains = []nft.ForeignChain{
				{Table: "f", Hook: "input", Priority: 1, Drops: true, Queues: true}}
		}, "", "", ""},
		"a flowtable": {func(m *Machine) {
			m.Survey.Flowtables = []nft.Flowtable{{Table: "f", Name: "ft", Devices: []string{"eth0", "wan"}}}
		}, "problem", "flowtables", "flows of eth0:"},
		"another flowtable": {func(m *Machine) {
			m.Survey.Flowtables = []nft.Flowtable{{Table: "f", Name: "ft", Devices: []string{"wan"}}}
		}, "note", "flowtables", "wan"},
		"legacy": {func(m *Machine) { m.Legacy = []string{"ip nat"} }, "note",
			"legacy-iptables", "ip nat"},
		"no policy": {func(m *Machine) { m.Policy, m.PolicyErr = nil, fs.ErrNotExist }, "note",
			"policy", "p.yaml"},
		"a bad policy": {func(m *Machine) {
			m.Policy, m.PolicyErr = nil, errors.New("p.yaml:1:1: what")
		}, "problem", "policy", "what"},
		"a missing device": {func(m *Machine) { m.Policy.Interfaces[0].Device = "Eth0" }, "warning",
			"devices", "nothing is filtered: no device Eth0 (hint: did you mean eth0?)"},
		"which the daemon has said": {func(m *Machine) {
			m.Policy.Interfaces[0].Device = "Eth0"
			m.Daemon = &api.Status{Warnings: []api.Problem{{
				Message: "nothing is filtered: no device Eth0", Hint: "as it says"}}}
		}, "warning", "devices", "nothing is filtered: no device Eth0 (hint: as it says)"},
		"a guest that is not there": {func(m *Machine) {
			m.Policy.Interfaces[0].Device, m.Policy.Interfaces[0].Mode = "guest9", policy.ModeGuest
		}, "note", "devices", "no device guest9 yet: it is filtered as soon as it appears"},
		"an altname": {func(m *Machine) {
			m.Links[0].Altnames, m.Policy.Interfaces[0].Device = []string{"lan"}, "lan"
		}, "", "", ""},
		"an open port behind an altname": {func(m *Machine) {
			m.Links[0].Altnames, m.Policy.Interfaces[0].Device = []string{"lan"}, "lan"
			m.Listeners = []Listener{{"tcp", end("192.0.2.1:443"), "nginx"}}
		}, "note", "listening-ports", "web/ingress/0 permits 0.0.0.0/0 on lan"},
		"an altname that is gone": {func(m *Machine) {
			m.Policy.Interfaces[0].Device = "lan"
			m.Daemon = &api.Status{Interfaces: []api.InterfaceStatus{
				{Device: "lan", Covered: []api.Device{{Name: "eth0", Index: 2}}}},
				Warnings: []api.Problem{{Message: "lan is no altname of eth0 any more"}}}
		}, "warning", "devices", "lan is no altname of eth0 any more"},
		"two names of one device": {func(m *Machine) {
			m.Links[0].Altnames = []string{"lan"}
			m.Policy.Interfaces = append(m.Policy.Interfaces, m.Policy.Interfaces[0])
			m.Policy.Interfaces[1].Device = "lan"
		}, "problem", "devices", "lan and eth0 are one device"},
		"an enslaved device": {func(m *Machine) {
			m.Masters = map[string]member.Master{"eth0": {Name: "br0", Kind: "bridge"}}
		}, "problem", "devices", "eth0 belongs to br0"},
		"a bridge on the wire": {func(m *Machine) {
			m.BridgeCalls, m.Features.Bridged = []string{"net.bridge.bridge-nf-call-iptables"}, true
			m.Policy.Interfaces[0].Device, m.Policy.Interfaces[0].View = "docker0", policy.ViewWire
			m.Policy.Interfaces[0].Mode = policy.ModeGuest
			m.Filtering = []string{"docker0"}
			m.Masters = map[string]member.Master{"eth0": {Name: "docker0", Kind: "bridge"}}
		}, "warning", "bridges", "frames between the ports of the bridge docker0 are judged, too"},
		"a bridge on the wire, its switch is off": {func(m *Machine) {
			m.BridgeCalls = []string{"/sys/class/net/br7/bridge/nf_call_iptables"}
			m.Features.Bridged = true
			m.Policy.Interfaces[0].Device, m.Policy.Interfaces[0].View = "docker0", policy.ViewWire
			m.Policy.Interfaces[0].Mode = policy.ModeGuest
			m.Masters = map[string]member.Master{"eth0": {Name: "docker0", Kind: "bridge"}}
		}, "note", "bridges", "guests on docker0 reach one another without being judged"},
		"a bridge that filters": {func(m *Machine) {
			m.BridgeCalls = []string{"net.bridge.bridge-nf-call-iptables"}
			m.Masters = map[string]member.Master{"port0": {Name: "br7", Kind: "bridge"}}
		}, "note", "bridges", "manages no bridge"},
		"a managed bridge that filters": {func(m *Machine) {
			m.BridgeCalls, m.Features.Bridged = []string{"net.bridge.bridge-nf-call-iptables"}, true
			m.Policy.Interfaces[0].Device = "docker0"
			m.Filtering = []string{"docker0"}
			m.Masters = map[string]member.Master{"eth0": {Name: "docker0", Kind: "bridge"}}
		}, "note", "bridges", "leave them alone"},
		"a managed bridge whose frames wait": {func(m *Machine) {
			m.BridgeCalls = []string{"net.bridge.bridge-nf-call-iptables"}
			m.Policy.Interfaces[0].Device = "docker0"
			m.Filtering = []string{"docker0"}
			m.Masters = map[string]member.Master{"eth0": {Name: "docker0", Kind: "bridge"}}
		}, "warning", "bridges", "between the ports of docker0"},
		"guests on a bridge": {func(m *Machine) {
			m.Policy.Interfaces[0].Device, m.Policy.Interfaces[0].Mode = "docker0", policy.ModeGuest
			m.Masters = map[string]member.Master{"eth0": {Name: "docker0", Kind: "bridge"}}
		}, "note", "bridges", "guests on docker0 reach one another"},
		"guests": {func(m *Machine) {
			m.Policy.Interfaces[0].Mode, m.Forwarding = policy.ModeGuest, [2]bool{false, true}
		}, "warning", "forwarding", "IPv4"},
		"an uncovered port": {func(m *Machine) {
			m.Listeners = []Listener{{"tcp", end("0.0.0.0:8080"), "java"}}
		}, "warning", "listening-ports", "tcp port 8080 (java) is reachable through docker0, which"},
		"of both families": {func(m *Machine) { m.Listeners = []Listener{{"udp", end("[::]:53"), ""}} },
			"warning", "listening-ports", "udp port 53 is reachable through docker0"},
		"an open port": {func(m *Machine) {
			m.Listeners = []Listener{{"tcp", end("192.0.2.1:443"), "nginx"}}
		}, "note", "listening-ports", "web/ingress/0 permits 0.0.0.0/0 on eth0"},
		"not that protocol": {func(m *Machine) {
			m.Listeners = []Listener{{"udp", end("192.0.2.1:443"), "nginx"}}
		}, "", "", ""},
		"a published port": {func(m *Machine) {
			m.Survey.Published = []nft.PublishedPort{
				{Protocol: "tcp", Port: 8080, To: end("172.17.0.2:443"), Table: "ip nat"}}
			m.Toward = map[netip.Addr]string{netip.MustParseAddr("172.17.0.2"): "docker0"}
		}, "note", "published-ports", "for 172.17.0.2:443, is open to the world"},
		"a published port elsewhere": {func(m *Machine) {
			m.Survey.Published = []nft.PublishedPort{
				{Protocol: "tcp", Port: 8080, To: end("172.17.0.2:81"), Table: "ip nat"}}
			m.Policy.Interfaces[0].Device = "eth1"
			m.Listeners = nil
			m.Toward = map[netip.Addr]string{netip.MustParseAddr("172.17.0.2"): "docker0"}
		}, "warning", "published-ports", "reachable through eth0, which"},
	} {
		m := healthy(t)
		c.change(m)
		d := Diagnose(m)
		rank := []string{api.LevelOK, api.LevelNote, api.LevelWarning, api.LevelProblem}
		worst := 0
		for _, f := range d.Findings {
			worst = max(worst, slices.Index(rank, f.Level))
			if f.Message == "" || f.Check == "" || slices.Index(rank, f.Level) < 0 {
				t.Errorf("%s: finding %+v", name, f)
			}
		}
		if d.Healthy != (worst < 3) {
			t.Errorf("%s: healthy %t with %+v", name, d.Healthy, d.Findings)
		}
		if c.check == "" {
			if worst > 1 || len(d.Findings) == 0 {
				t.Errorf("%s: %+v", name, d.Findings)
			}
			continue
		}
		if rank[worst] != c.level && c.level != "note" ||
			!slices.ContainsFunc(d.Findings, func(f api.Finding) bool {
				return f.Check == c.check && f.Level == c.level &&
					strings.Contains(f.Message+" (hint: "+f.Hint+")", c.says)
			}) {
			t.Errorf("%s: no %s of %s that says %q in %+v", name, c.level, c.check, c.says, d.Findings)
		}
	}
}
