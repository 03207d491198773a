package flowlog

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sgfw/conntrack"
	"sgfw/filter"
	"sgfw/policy"
	"sgfw/policy/flowlog"
	"sgfw/policy/member"
	"sgfw/test/parity"
)

// scene has eth0 with two addresses, eth1 with none, and a guest.
func scene() *Scene {
	p := &policy.Policy{
		Groups:   []policy.Group{{Name: "g"}},
		Quotas:   policy.DefaultQuotas,
		Settings: policy.DefaultSettings,
		Interfaces: []policy.Interface{
			{Device: "eth0", Groups: []string{"g"}, Timeouts: policy.DefaultTimeouts},
			{Device: "eth1", Groups: []string{"g"}, Timeouts: policy.DefaultTimeouts},
			{Device: "veth0", Groups: []string{"g"}, Timeouts: policy.DefaultTimeouts,
				Mode: policy.ModeGuest, Addresses: []netip.Addr{netip.MustParseAddr("2001:db8::9"),
					netip.MustParseAddr("192.0.2.9")}},
		},
	}
	first := netip.MustParseAddr("192.0.2.2")
	s := SceneOf(filter.Compile(p, nil).WithLinks([]member.Link{
		{Name: "eth0", Index: 2, Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.1"), first},
			Primary: first},
		{Name: "eth1", Index: 3}, {Name: "veth0", Index: 4}, {Name: "other", Index: 5},
	}))
	return &s
}

func TestScene(t *testing.T) {
	want := map[uint32]Interface{
		2: {ID: "eth0", Device: "eth0", Primary: netip.MustParseAddr("192.0.2.2")},
		3: {ID: "eth1", Device: "eth1"},
		4: {ID: "veth0", Device: "veth0", Primary: netip.MustParseAddr("192.0.2.9")},
	}
	got := scene().Interfaces
	same := cmp.Comparer(func(a, b netip.Addr) bool { return a == b })
	if diff := cmp.Diff(want, got, same); diff != "" {
		t.Error(diff)
	}
}

// traffic is a packet of 100 bytes from 198.51.100.7 to 192.0.2.1, or back.
func traffic(index uint32, d conntrack.Direction, accepted bool, port uint16,
	at time.Duration) *filter.Traffic {
	near, far := conntrack.Addr4([4]byte{192, 0, 2, 1}), conntrack.Addr4([4]byte{198, 51, 100, 7})
	t := &filter.Traffic{Packets: 1, Bytes: 100, First: conntrack.Time(at), Last: conntrack.Time(at),
		Reason: filter.ReasonNoRule, Generation: 3, TCPFlags: 2}
	t.Index, t.Direction, t.Accepted = index, d, accepted
	if d == conntrack.Ingress {
		near, far = far, near
		t.Tuple = conntrack.NewTuple(1, d, 6, near, far, 40000, port)
	} else {
		t.Tuple = conntrack.NewTuple(1, d, 6, near, far, port, 40000)
	}
	return t
}

// clock says that it is 1,000,100 s, and that flows are at 200 s.
var clock = Clock{Flows: conntrack.Time(200 * time.Second), Wall: time.Unix(1000100, 0)}

func lines(t *testing.T, records []flowlog.Record) (out []string) {
	t.Helper()
	f, err := flowlog.ParseFormat("${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} " +
		"${packets} ${bytes} ${start} ${end} ${action} ${log-status} ${pkt-srcaddr} ${pkt-dstaddr}")
	if err != nil {
		t.Fatal(err)
	}
	for i := range records {
		out = append(out, string(f.Append(nil, &flowlog.Names{}, &records[i])))
	}
	return out
}

func TestWindow(t *testing.T) {
	parity.Proves(t, "F4", "F9", "F11", "F12")
	fill := func(wanted policy.TrafficType) []string {
		w := NewWindow(1000040, wanted, 100)
		w.Add(traffic(2, conntrack.Ingress, true, 80, 150*time.Second))
		w.Add(traffic(2, conntrack.Ingress, true, 80, 190*time.Second))
		w.Add(traffic(2, conntrack.Ingress, true, 80, 141*time.Second)) // of another worker
		w.Add(traffic(2, conntrack.Ingress, false, 80, 160*time.Second))
		w.Add(traffic(2, conntrack.Egress, true, 80, 170*time.Second))
		w.Add(traffic(3, conntrack.Ingress, true, 81, 180*time.Second))
		return lines(t, w.Close(scene(), clock))
	}
	const (
		in = "eth0 198.51.100.7 192.0.2.2 40000 80 3 300 " +
			"1000041 1000090 ACCEPT OK 198.51.100.7 192.0.2.1"
		no = "eth0 198.51.100.7 192.0.2.2 40000 80 1 100 " +
			"1000060 1000060 REJECT OK 198.51.100.7 192.0.2.1"
		out = "eth0 192.0.2.2 198.51.100.7 80 40000 1 100 " +
			"1000070 1000070 ACCEPT OK 192.0.2.1 198.51.100.7"
		other = "eth1 198.51.100.7 192.0.2.1 40000 81 1 100 " +
			"1000080 1000080 ACCEPT OK 198.51.100.7 192.0.2.1"
		nobody = "veth0 - - - - - - 1000040 1000100 - NODATA - -"
	)
	for wanted, want := range map[policy.TrafficType][]string{
		policy.TrafficAll:    {in, no, out, other, nobody},
		policy.TrafficAccept: {in, out, other, nobody},
		policy.TrafficReject: {no, nobody},
	} {
		if diff := cmp.Diff(want, fill(wanted)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", wanted, diff)
		}
	}
}

// TestWindowMisses: what finds no room is a line for its interface, and for all where nobody
// knows which.
func TestWindowMisses(t *testing.T) {
	parity.Proves(t, "F11")
	w := NewWindow(1000040, policy.TrafficAll, 1)
	w.Add(traffic(2, conntrack.Ingress, true, 80, 150*time.Second))
	w.Add(traffic(3, conntrack.Ingress, true, 80, 150*time.Second))
	w.Add(traffic(2, conntrack.Ingress, true, 80, 151*time.Second)) // has its room
	w.Miss(filter.Unrecorded{Index: 3, Packets: 5})
	if w.Lost() != 6 {
		t.Errorf("%d packets lost, want 6", w.Lost())
	}
	want := []string{
		"eth0 198.51.100.7 192.0.2.2 40000 80 2 200 1000050 1000051 ACCEPT OK 198.51.100.7 192.0.2.1",
		"eth1 - - - - - - 1000040 1000100 - SKIPDATA - -",
		"veth0 - - - - - - 1000040 1000100 - NODATA - -",
	}
	if diff := cmp.Diff(want, lines(t, w.Close(scene(), clock))); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	w = NewWindow(1000040, policy.TrafficAll, 1)
	w.Miss(filter.Unrecorded{Index: 0, Packets: 1})
	for _, line := range lines(t, w.Close(scene(), clock)) {
		if r := "SKIPDATA - -"; line[len(line)-len(r):] != r {
			t.Errorf("nobody knows which interface: %s", line)
		}
	}
}

// TestWindowKnowsWhatWent: a device that is gone when the window ends has its records.
func TestWindowKnowsWhatWent(t *testing.T) {
	w, s := NewWindow(1000040, policy.TrafficAll, 10), scene()
	w.Look(s)
	w.Add(traffic(2, conntrack.Ingress, true, 80, 150*time.Second))
	later := scene()
	delete(later.Interfaces, 2)
	if got := lines(t, w.Close(later, clock)); len(got) != 3 || got[0][:5] != "eth0 " {
		t.Errorf("%q", got)
	}
}
