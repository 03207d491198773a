package filter

import (
	"net/netip"
	"slices"
	"testing"

	"sgfw/conntrack"
	"sgfw/filter/packet"
	"sgfw/policy"
)

// anything is a Selection of everything.
var anything = Selection{Reasons: Everything}

// TestDroppingIsWhatDrops: those who want to see drops see none that passes.
func TestDroppingIsWhatDrops(t *testing.T) {
	for _, r := range Reasons() {
		if Dropping.Has(r) == r.Accepts() {
			t.Errorf("%s: passes %t, and is among the drops %t", r, r.Accepts(), Dropping.Has(r))
		}
	}
}

// TestWatch: watchers see what was decided, and what they missed is counted.
func TestWatch(t *testing.T) {
	b := newBench(t, onePolicy(tcpRule(80, "0.0.0.0/0")))
	w, memory := b.Watch(2, anything), b.Remember(1, anything)
	for port := range uint16(3) {
		b.in(tcp4(client, us, 40000, 80+port, 1, 0, conntrack.SYN))
	}
	select {
	case <-w.Ready():
	default:
		t.Error("nothing is said to be ready")
	}
	got, lost := w.Take()
	if len(got) != 2 || lost != 1 {
		t.Fatalf("%d records and %d lost, want 2 and 1", len(got), lost)
	}
	if r := got[0]; r.Verdict.Reason != ReasonRule || r.Tuple.LocalPort != 80 ||
		r.Tuple.Remote != conntrack.Addr4(client) ||
		r.Device != "eth0" || r.Index != 2 || r.Flags != conntrack.SYN || r.Length != 40 {
		t.Errorf("first record %+v", r)
	}
	if r := got[1]; r.Verdict.Reason != ReasonNoRule || r.Tuple.LocalPort != 81 || len(r.Groups) != 1 {
		t.Errorf("second record %+v", r)
	}
	if got, lost := memory.Take(); len(got) != 1 || lost != 2 {
		t.Errorf("the memory has %d records and lost %d, want 1 and 2", len(got), lost)
	}
	memory.Close()
	if n := b.WatchLosses(); n != 1 {
		t.Errorf("the engine knows of %d losses, want 1: those of the reader", n)
	}
	if got, lost := w.Take(); len(got) != 0 || lost != 0 {
		t.Errorf("taken twice: %+v, %d", got, lost)
	}
	w.Close()
	b.in(tcp4(client, us, 40000, 83, 1, 0, conntrack.SYN))
	if got, _ := w.Take(); len(got) != 0 {
		t.Errorf("after Close: %+v", got)
	}
	if b.watch.wanted.Load() != 0 {
		t.Error("somebody is still said to watch")
	}
}

// TestTakeCopiesNothing: whoever takes a full buffer keeps no worker waiting for as long as
// the copy of it would take, and what is taken stays as it is until the next time.
func TestTakeCopiesNothing(t *testing.T) {
	b := newBench(t, onePolicy(tcpRule(80, "0.0.0.0/0")))
	w := b.Watch(100, anything)
	defer w.Close()
	ask := func(ports ...uint16) {
		for _, port := range ports {
			b.in(udp4(client, us, 40000, port))
		}
	}
	ports := func(records []Record) (out []uint16) {
		for i := range records {
			out = append(out, records[i].Tuple.LocalPort)
		}
		return out
	}
	ask(1, 2, 3)
	first, _ := w.Take()
	ask(4, 5)
	if got := ports(first); !slices.Equal(got, []uint16{1, 2, 3}) {
		t.Errorf("what was taken is %v now", got)
	}
	second, lost := w.Take()
	if got := ports(second); !slices.Equal(got, []uint16{4, 5}) || lost != 0 {
		t.Errorf("the second time: %v, %d lost", got, lost)
	}
	if n := testing.AllocsPerRun(100, func() {
		ask(6)
		if got, _ := w.Take(); len(got) != 1 {
			t.Errorf("%d records", len(got))
		}
	}); n > 1 { // that of the packet
		t.Errorf("%.0f allocations", n)
	}
}

// TestWatchNobody: established traffic is not recorded while nobody asks for it.
func TestWatchNobody(t *testing.T) {
	b := newBench(t, onePolicy(tcpRule(80, "0.0.0.0/0")))
	w := b.Watch(100, Selection{Reasons: Dropping | ReasonsOf(ReasonRule)})
	defer w.Close()
	b.in(tcp4(client, us, 40000, 80, 1, 0, conntrack.SYN))
	b.Begin()
	ev := Event{Frame: frame(tcp4(us, client, 80, 40000, 9, 2, conntrack.SYN|conntrack.ACK)),
		Hook: HookOutput, Out: 2}
	if !b.Decide(&ev) || b.Last().Reason != ReasonFlow || len(b.records) != 0 {
		t.Errorf("a packet of a flow, %s, was recorded: %+v", b.Last().Reason, b.records)
	}
	b.End()
	if got, _ := w.Take(); len(got) != 1 || got[0].Verdict.Reason != ReasonRule {
		t.Errorf("records %+v, want the SYN alone", got)
	}
}

func TestSelection(t *testing.T) {
	p := onePolicy(tcpRule(80, "0.0.0.0/0"))
	p.Groups = append(p.Groups, policy.Group{Name: "two"})
	p.Interfaces = append(p.Interfaces,
		policy.Interface{Device: "eth1", Groups: []string{"two", p.Groups[0].Name},
			Timeouts: policy.DefaultTimeouts})
	b := newBench(t, p)
	w := b.Watch(100, anything)
	defer w.Close()
	b.in(tcp4(client, us, 40000, 80, 1, 0, conntrack.SYN))                     // 0: passes at eth0
	b.in(udp4(other, us, 5000, 53))                                            // 1: dropped at eth0
	b.cross(HookInput, 3, 0, tcp4(other, us, 40001, 443, 1, 0, conntrack.SYN)) // 2: dropped at eth1
	// 3: dropped, an identifier is no port
	b.in(icmp4(client, us, 8, 0, 80, nil))
	b.in([]byte{0x45})                                                         // 4: no packet
	b.cross(HookInput, 9, 0, tcp4(client, us, 40002, 80, 1, 0, conntrack.SYN)) // 5: no known device
	// 6: eth0 permits, eth1 does not
	b.cross(HookForward, 2, 3, tcp4(client, us, 40003, 80, 1, 0, conntrack.SYN))
	records, _ := w.Take()
	if len(records) != 7 {
		t.Fatalf("%d records, want 7", len(records))
	}
	one := p.Groups[0].Name
	ofOne := func(i RuleInfo) bool { return i.Group == one }
	us := netip.MustParsePrefix("192.0.2.1/32")
	sel := func(where ...Condition) Selection { return Selection{Everything, where} }
	for what, c := range map[string]struct {
		sel  Selection
		want []int
	}{
		"everything":        {anything, []int{0, 1, 2, 3, 4, 5, 6}},
		"nothing":           {Selection{}, nil},
		"drops":             {Selection{Reasons: Dropping}, []int{1, 2, 3, 4, 5, 6}},
		"no-rule":           {Selection{Reasons: ReasonsOf(ReasonNoRule)}, []int{1, 2, 3, 6}},
		"eth1":              {sel(OnDevice("eth1")), []int{2, 6}},
		"eth*":              {sel(OnDevice("eth*")), []int{0, 1, 2, 3, 4, 6}},
		"eth":               {sel(OnDevice("eth")), nil},
		"not eth0":          {sel(Not(OnDevice("eth0"))), []int{2, 5, 6}},
		"either":            {sel(AnyOf(OnDevice("eth0"), OnDevice("eth1"))), []int{0, 1, 2, 3, 4, 6}},
		"group two":         {sel(OfGroup("two")), []int{2, 6}},
		"the group of eth0": {sel(OfGroup(one)), []int{0, 1, 2, 3, 4, 6}},
		"a rule of it":      {sel(PermittedBy(ofOne)), []int{0}},
		"udp":               {sel(OfProtocol(17)), []int{1}},
		"not udp":           {sel(Not(OfProtocol(17))), []int{0, 2, 3, 4, 5, 6}},
		"port 80":           {sel(WithPort(80, 80)), []int{0, 5, 6}},
		"ports":             {sel(WithPort(50, 80)), []int{0, 1, 5, 6}},
		"source port":       {sel(WithPort(5000, 5000)), []int{1}},
		"from port":         {sel(FromEnd(netip.Prefix{}, 5000, 5000)), []int{1}},
		"to port":           {sel(ToEnd(netip.Prefix{}, 5000, 5000)), nil},
		"a stranger's":      {sel(WithAddress(netip.MustParsePrefix("203.0.113.0/24"))), []int{1, 2}},
		"from a stranger": {sel(FromEnd(netip.MustParsePrefix("203.0.113.0/24"), 0, 65535)),
			[]int{1, 2}},
		"to a stranger": {sel(ToEnd(netip.MustParsePrefix("203.0.113.0/24"), 0, 65535)), nil},
		"to us":         {sel(WithAddress(us)), []int{0, 1, 2, 3, 5, 6}},
		"tcp from client": {sel(OfProtocol(6), WithAddress(netip.MustParsePrefix("198.51.100.7/32"))),
			[]int{0, 5, 6}},
		"ingress":          {sel(Toward(conntrack.Ingress)), []int{0, 1, 2, 3}},
		"egress":           {sel(Toward(conntrack.Egress)), []int{6}},
		"SYN":              {sel(WithFlags(conntrack.SYN)), []int{0, 2, 5, 6}},
		"SYN+ACK":          {sel(WithFlags(conntrack.SYN | conntrack.ACK)), nil},
		"the other family": {sel(WithAddress(netip.MustParsePrefix("::/0"))), nil},
	} {
		var got []int
		for i := range records {
			if c.sel.Matches(b.Ruleset(), &records[i]) {
				got = append(got, i)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", what, got, c.want)
		}
	}
	if r := records[6]; r.Index != 3 || r.Device != "eth1" {
		t.Errorf("refused where it leaves: %+v", r)
	}
	if r := records[5]; r.Index != 9 || r.Device != "" {
		t.Errorf("on an unknown device: %+v", r)
	}
}

// frame is a whole packet as the kernel hands it over.
func frame(raw []byte) packet.Frame { return packet.Frame{Bytes: raw} }
