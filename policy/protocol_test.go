package policy

import (
	"strconv"
	"strings"
	"testing"

	"sgfw/test/parity"
)

// TestProtocols: every number reads back from what it prints, names take any
// case, and numbers with a name become it (R10).
func TestProtocols(t *testing.T) {
	parity.Proves(t, "R10")
	names := map[Protocol]string{ICMP: "icmp", TCP: "tcp", UDP: "udp", ICMPv6: "icmpv6"}
	for p := AllProtocols; p <= MaxProtocol; p++ {
		want, named := names[p]
		if !named {
			want = strconv.Itoa(int(p))
		}
		if p.String() != want {
			t.Errorf("protocol %d prints %q, want %q", int(p), p, want)
		}
		for _, s := range []string{p.String(), strings.ToUpper(p.String()), strconv.Itoa(int(p))} {
			if got, bad := ParseProtocol(s); bad != nil || got != p {
				t.Errorf("ParseProtocol(%q) = %v, %v", s, got, bad)
			}
		}
		if !p.Valid() || p.HasPorts() != (p == 6 || p == 17) || p.IsICMP() != (p == 1 || p == 58) {
			t.Errorf("protocol %v: valid %v, ports %v, ICMP %v", p, p.Valid(), p.HasPorts(), p.IsICMP())
		}
	}
	for _, s := range []string{"all", "ALL"} { // as Terraform and the AWS CLI have it
		if got, bad := ParseProtocol(s); bad != nil || got != AllProtocols {
			t.Errorf("ParseProtocol(%q) = %v, %v", s, got, bad)
		}
	}
	for _, s := range []string{"", " tcp", "tcp ", "any", "esp", "256", "-2", "+6", "06", "6.0", "0x6",
		"1e1", "99999999999999999999", "tcp6", "ıcmp"} {
		if p, bad := ParseProtocol(s); bad == nil || bad.Code != InvalidParameterValue {
			t.Errorf("ParseProtocol(%q) = %v, %v; want it refused", s, p, bad)
		}
	}
	if Protocol(256).Valid() || Protocol(-2).Valid() {
		t.Error("numbers outside 0 to 255 are valid")
	}
}

// TestCheckRange is the table of protocols, ports, types and codes.
func TestCheckRange(t *testing.T) {
	parity.Proves(t, "ports given", "ports outside", "ports reversed", "icmp given", "icmp half",
		"icmp any code", "icmp outside", "R13")
	for _, tt := range []struct {
		p        Protocol
		from, to int
		field    string // of the problem; "" for none
	}{
		{TCP, 0, 65535, ""},
		{TCP, 443, 443, ""},
		{UDP, 65535, 65535, ""},
		{TCP, -1, -1, "from_port"},
		{TCP, 0, -1, "to_port"},
		{UDP, 0, 65536, "to_port"},
		{UDP, 65536, 65536, "from_port"},
		{UDP, 2, 1, "from_port"},
		{ICMP, -1, -1, ""},
		{ICMP, 0, 0, ""},
		{ICMP, 255, 255, ""},
		{ICMP, 8, -1, ""},
		{ICMPv6, 128, 0, ""},
		{ICMP, -1, 0, "to_port"},
		{ICMP, 256, 0, "from_port"},
		{ICMP, -2, -1, "from_port"},
		{ICMPv6, 0, 256, "to_port"},
		{ICMPv6, 0, -2, "to_port"},
		{AllProtocols, -1, -1, ""},
		{50, -1, -1, ""},
		{AllProtocols, 0, 0, "from_port"},
		{132, 80, 80, "from_port"}, // R13: SCTP has no port filter
	} {
		bad := CheckRange(tt.p, tt.from, tt.to)
		if (bad == nil) != (tt.field == "") || bad != nil &&
			(bad.Field != tt.field || bad.Code != InvalidParameterValue) {
			t.Errorf("%v %d %d: %v, want a problem of %q", tt.p, tt.from, tt.to, bad, tt.field)
		}
	}
}
