package devices

import (
	"fmt"
	"strings"
	"testing"

	"sgfw/policy"
	"sgfw/policy/member"
)

// machine has the devices of a list: "enp1s0/eth0,lan!" is a network card with two altnames,
// "port0>" a port of a bridge.
func machine(list string) (f member.Facts) {
	for i, text := range strings.Fields(list) {
		l := member.Link{Index: uint32(i + 2)}
		text, l.Hardware = strings.CutSuffix(text, "!")
		text, l.Enslaved = strings.CutSuffix(text, ">")
		name, altnames, _ := strings.Cut(text, "/")
		if l.Name = name; altnames != "" {
			l.Altnames = strings.Split(altnames, ",")
		}
		f.Links = append(f.Links, l)
	}
	return f
}

// naming is a policy for the devices of a list: "tap0+" is that of a guest.
func naming(list string) *policy.Policy {
	p := &policy.Policy{}
	for i, d := range strings.Fields(list) {
		n := policy.Interface{Pos: policy.Pos{File: "p.yaml", Line: i + 10, Col: 5}}
		var guest bool
		if n.Device, guest = strings.CutSuffix(d, "+"); guest {
			n.Mode = policy.ModeGuest
		}
		p.Interfaces = append(p.Interfaces, n)
	}
	return p
}

// said is a line for each problem, without the file.
func said(ps policy.Problems) string {
	return strings.NewReplacer("p.yaml: ", "", "p.yaml:", "", "warning: ", "").Replace(ps.Error())
}

func TestMissing(t *testing.T) {
	for _, c := range []struct{ policy, machine, want string }{
		{"enp1s0", "enp1s0!", ""},
		{"lan", "enp1s0/eth0,lan!", ""},
		{"*", "enp1s0!", ""},
		{"enp*", "enp1s0!", ""},
		// What may have been meant: case, a slip, the only card, the only device.
		{"e0", "enp1s0!", "10:5: nothing is filtered: no device e0 (hint: did you mean enp1s0?)"},
		{"E0", "e0 e1 e2", "10:5: nothing is filtered: no device E0 (hint: did you mean e0?)"},
		{"enp1s1", "enp1s0! veth9 veth8",
			"10:5: nothing is filtered: no device enp1s1 (hint: did you mean enp1s0?)"},
		{"enp1s1", "eth0/enp1s0! wlan0!",
			"10:5: nothing is filtered: no device enp1s1 (hint: did you mean enp1s0?)"},
		{"eth0", "enp1s0! veth0 docker0",
			"10:5: nothing is filtered: no device eth0 (hint: did you mean enp1s0?)"},
		{"br1", "enp1s0! wlan0! br0 veth0",
			"10:5: nothing is filtered: no device br1 (hint: did you mean br0?)"},
		{"eth0", "veth0", "10:5: nothing is filtered: no device eth0 (hint: did you mean veth0?)"},
		{"uplink", "enp1s0! veth0 docker0",
			"10:5: nothing is filtered: no device uplink (hint: did you mean enp1s0?)"},
		{"uplink", "enp1s0! wlan0! veth0",
			"10:5: nothing is filtered: no device uplink " +
				"(hint: this machine has enp1s0 and wlan0)"},
		{"uplink", "",
			"10:5: nothing is filtered: no device uplink" +
				" (hint: this machine has no device but lo)"},
		{"uplink", "a1 b1 c1 d1 e1 f1 g1", "10:5: nothing is filtered: no device uplink " +
			"(hint: this machine has a1, b1, c1, d1, e1 and 2 others)"},
		// A port of a bridge cannot be managed.
		{"eth0", "enp1s0>! br0",
			"10:5: nothing is filtered: no device eth0 (hint: did you mean br0?)"},
		// Some are there; what another entry names was not meant, but what a pattern covers.
		{"enp1s0 enp1s1", "enp1s0! wlan0!",
			"11:5: interface enp1s1 filters nothing: no device enp1s1 (hint: did you mean wlan0?)"},
		{"e0 *", "enp1s0!",
			"10:5: interface e0 filters nothing: no device e0 (hint: did you mean enp1s0?)"},
		{"lan lam", "enp1s0/lan!", "11:5: interface lam filters nothing: no device lam " +
			"(hint: this machine has enp1s0)"},
		// Patterns.
		{"eth*", "enp1s0!",
			"10:5: nothing is filtered: no device eth* (hint: did you mean enp1s0?)"},
		{"Eth*", "eth0! eth1!",
			"10:5: nothing is filtered: no device Eth* (hint: did you mean eth0?)"},
		{"enp*", "eth0/enp1s0! eth1!", "10:5: nothing is filtered: no device enp* " +
			"(hint: enp1s0 is an altname of eth0, and patterns are about names)"},
		// What comes later.
		{"tap0+", "enp1s0!",
			"10:5: notice: no device tap0 yet: it is filtered as soon as it appears"},
		{"guest*+", "enp1s0!",
			"10:5: notice: no device guest* yet: it is filtered as soon as it appears"},
		{"wg0", "enp1s0!", "10:5: notice: no device wg0 yet: it is filtered as soon as it appears"},
		{"e0 tap0+", "enp1s0!",
			"10:5: nothing is filtered: no device e0 (hint: did you mean enp1s0?)\n" +
				"11:5: notice: no device tap0 yet: it is filtered as soon as it appears"},
		{"e0 tap0+", "tap0",
			"10:5: interface e0 filters nothing: no device e0 (hint: this machine has tap0)"},
		// Many.
		{"a b c d e f g tap+", "tap x1! x2!",
			"7 interfaces filter nothing: no devices a, b, c, d, e and 2 others " +
				"(hint: this machine has x1 and x2)"},
		{"a b c d e f", "x1! x2!", "nothing is filtered: no devices a, b, c, d, e and 1 other " +
			"(hint: this machine has x1 and x2)"},
		{"a+ b+ c+ d+ e+ f+", "x1",
			"notice: no devices a, b, c, d, e and 1 other yet: each is filtered as soon as " +
				"it appears"},
	} {
		if got := said(Missing(naming(c.policy), machine(c.machine))); got != c.want {
			t.Errorf("%s on a machine with %s:\n got %s\nwant %s", c.policy, c.machine, got, c.want)
		}
	}
}

// TestMissingIsTold: neither many entries nor many devices make it slow or long.
func TestMissingIsTold(t *testing.T) {
	var entries, devices []string
	for i := range 5000 {
		entries = append(entries, fmt.Sprint("tap", i))
		devices = append(devices, fmt.Sprint("veth", i))
	}
	got := Missing(naming(strings.Join(entries, " ")), machine(strings.Join(devices, " ")))
	if len(got) != 1 || len(got.Error()) > 200 {
		t.Errorf("%d problems: %.500s", len(got), got)
	}
}

func TestTwins(t *testing.T) {
	for _, c := range []struct{ policy, machine, want string }{
		{"eth0 enp1s0", "eth0! enp1s0!", ""},
		{"eth* enp1s0", "eth0/enp1s0", ""},
		{"enp1s0", "eth0/enp1s0,lan", ""},
		{"enp1s0 eth0", "eth0/enp1s0",
			"10:5: enp1s0 and eth0 are one device, see line 11: only the groups of eth0 judge it " +
				"(hint: one entry for each device)"},
		{"lan wan enp1s0", "eth0/enp1s0,lan eth1/wan",
			"12:5: enp1s0 and lan are one device, see line 10: only the groups of lan judge it " +
				"(hint: one entry for each device)"},
	} {
		got := Twins(naming(c.policy), machine(c.machine))
		if said(got) != c.want || c.want != "" && got.Err() == nil {
			t.Errorf("%s on a machine with %s:\n got %s\nwant %s", c.policy, c.machine, got, c.want)
		}
	}
}

// TestBridgesOnWire: a bridge whose frames come to the hooks is named where prerouting
// would judge them, and no other one.
func TestBridgesOnWire(t *testing.T) {
	for _, c := range []struct {
		view  policy.View
		names []string
		want  int
	}{
		{policy.ViewWire, []string{"br0"}, 1}, {policy.ViewWire, nil, 0},
		{policy.ViewWire, []string{"br1", "lan0"}, 0}, {policy.ViewLocal, []string{"br0"}, 0},
	} {
		p := naming("br0*")
		p.Interfaces[0].View = c.view
		got := BridgesOnWire(p, machine("br0 port0> lan0"), c.names)
		if len(got) != c.want || c.want == 1 && got[0].Severity != policy.SeverityWarning {
			t.Errorf("view %s, %v: %v", c.view, c.names, got)
		}
	}
}

func TestPorts(t *testing.T) {
	for _, c := range []struct{ policy, machine, want string }{
		{"eth0", "eth0", ""},
		{"eth0", "eth1>br0 eth0", ""},
		{"br0", "eth0>br0 br0", ""},
		{"lan eth0", "eth0>br0 br0", "11:5: eth0 belongs to br0 (bridge) and filters nothing: " +
			"its packets appear on br0 (hint: name br0 instead)"},
		{"lan", "eth0/lan>br0 br0", "10:5: eth0 belongs to br0 (bridge) and filters nothing: " +
			"its packets appear on br0 (hint: name br0 instead)"},
		{"eth0 br0", "eth0>br0 br0", "10:5: eth0 belongs to br0 (bridge) and filters nothing: " +
			"its packets appear on br0 (hint: leave it out: br0 is filtered)"},
		// The master's master.
		{"eth0 bond0", "eth0>bond0 bond0>br0 br0",
			"10:5: eth0 belongs to bond0 (bridge) and filters nothing: " +
				"its packets appear on br0 (hint: name br0 instead)\n" +
				"11:5: bond0 belongs to br0 (bridge) and filters nothing: " +
				"its packets appear on br0 (hint: name br0 instead)"},
		{"eth*", "eth0>a a>b b>a", "10:5: eth0 belongs to a (bridge) and filters nothing: " +
			"its packets appear on b (hint: name b instead)"},
		// Patterns: many are told at once, and none whose master is filtered.
		{"eth*", "eth0>br0 eth1>br0 eth2 br0",
			"10:5: eth0 and eth1 belong to br0 (bridge) and filter nothing: " +
				"their packets appear on br0 (hint: name br0 instead)"},
		{"*", "eth0>br0 eth1>br0 br0", ""},
		{"eth* br0", "eth0>br0 eth1>br0 br0", ""},
	} {
		masters := make(map[string]member.Master)
		var list []string
		for _, d := range strings.Fields(c.machine) {
			d, master, belongs := strings.Cut(d, ">")
			if list = append(list, d); belongs {
				name, _, _ := strings.Cut(d, "/")
				masters[name] = member.Master{Name: master, Kind: "bridge"}
			}
		}
		p := naming(c.policy)
		got := Ports(p, machine(strings.Join(list, " ")), masters)
		if said(got) != c.want {
			t.Errorf("%s on a machine with %s:\n got %s\nwant %s", c.policy, c.machine, said(got), c.want)
		}
		if refused := got.Err() != nil; refused != (c.want != "" && !p.Interfaces[0].Pattern()) {
			t.Errorf("%s on a machine with %s: refused is %v", c.policy, c.machine, refused)
		}
	}
}
