package policy

import (
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"sgfw/test/parity"
)

func TestParseCIDR(t *testing.T) {
	parity.Proves(t, "R16", "R17", "R18", "R21")
	for s, want := range map[string]string{
		"10.0.0.0/8":               "10.0.0.0/8",
		"100.68.0.18/18":           "100.68.0.0/18", // R16
		"203.0.113.1/32":           "203.0.113.1/32",
		"0.0.0.0/0":                "0.0.0.0/0",
		"1.2.3.4/0":                "0.0.0.0/0",
		"::/0":                     "::/0",
		"2001:DB8::1/32":           "2001:db8::/32",
		"2001:db8:0:0:0:0:0:1/128": "2001:db8::1/128",
		"64:ff9b::192.0.2.1/128":   "64:ff9b::c000:201/128",
	} {
		if got, bad := ParseCIDR(s); bad != nil || got.String() != want {
			t.Errorf("ParseCIDR(%q) = %v, %v; want %s", s, got, bad, want)
		}
	}
	for _, s := range []string{
		"", "10.0.0.1", "2001:db8::1", // R17
		// R18
		"10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/08", "10.0.0.0/", "/8", "10.0.0/8", "10.0.0.0.0/8",
		"10.0.0.0/8\n", " 10.0.0.0/8", "10.0.0.0/8/8",
		"2001:db8::/129", "2001:db8:::/32", "pl-12345678", "sg-12345678", "any", "10.0.0.0/0x8",
		"10.0.0.0/+8", "256.0.0.0/8", "0xa.0.0.0/8",
		// R21
		"010.0.0.0/8", "10.00.0.0/8", "::ffff:10.0.0.1/128", "::ffff:10.0.0.1/96", "::ffff:a00:1/104",
		"::ffff:10.0.0.1", "fe80::1%eth0/64", "fe80::1%eth0",
	} {
		if got, bad := ParseCIDR(s); bad == nil || bad.Code != InvalidParameterValue ||
			bad.Severity != SeverityError {
			t.Errorf("ParseCIDR(%q) = %v, %v; want it refused", s, got, bad)
		}
	}
}

// TestParseCIDRMasks compares with clearing bits one by one.
func TestParseCIDRMasks(t *testing.T) {
	parity.Proves(t, "R16")
	rnd := rand.New(rand.NewPCG(1, 1))
	for range 2000 {
		raw := make([]byte, 4+12*rnd.IntN(2))
		for i := range raw {
			raw[i] = byte(rnd.Uint32())
		}
		addr, _ := netip.AddrFromSlice(raw)
		bits := rnd.IntN(len(raw)*8 + 1)
		got, bad := ParseCIDR(netip.PrefixFrom(addr, bits).String())
		if bad != nil {
			t.Fatal(bad)
		}
		for i := bits; i < len(raw)*8; i++ {
			raw[i/8] &^= 0x80 >> (i % 8)
		}
		want, _ := netip.AddrFromSlice(raw)
		if got.Addr() != want || got.Bits() != bits {
			t.Fatalf("%v/%d became %v", addr, bits, got)
		}
	}
}

func TestParseAddress(t *testing.T) {
	for _, s := range []string{"10.0.1.7", "2001:db8::7", "fd00::1", "100.64.0.1", "192.0.2.255",
		"fe80::1", "169.254.1.1", "10.0.1.16/28", "2001:db8:1:2:3::/80"} {
		if a, bad := ParseAddress(s); bad != nil || OwnText(a) != s {
			t.Errorf("ParseAddress(%q) = %v, %v", s, a, bad)
		}
	}
	for s, why := range map[string]string{
		"10.0.1.17/28": "host bits", "10.0.1.7/33": "not an address", "0.0.0.0/0": "no address",
		"224.0.0.0/4": "unicast",
		"":            "not an address", "db-1": "not an address", "10.1": "not an address",
		"fe80::1%eth0":    "zone",
		"fd00::1%eth0":    "zone",
		"::ffff:10.0.0.1": "mapped", "0.0.0.0": "no address", "::": "no address",
		"224.0.0.1": "unicast", "ff02::1": "unicast", "255.255.255.255": "unicast",
	} {
		if a, bad := ParseAddress(s); bad == nil || !strings.Contains(bad.Message, why) {
			t.Errorf("ParseAddress(%q) = %v, %v; want it refused for %q", s, a, bad, why)
		}
	}
	if a, bad := ParseAddress("10.0.1.7/32"); bad != nil || OwnText(a) != "10.0.1.7" {
		t.Errorf("the prefix of one address is %v, %v", a, bad)
	}
	for s, guest := range map[string]bool{"fe80::1": true, "169.254.1.1": true, "10.0.0.1": false} {
		p, _ := ParseAddress(s)
		if CheckOwnOf(ModeGuest, p) != nil || (CheckOwnOf(ModeHost, p) == nil) == guest {
			t.Errorf("%s: guest %v, host %v", s, CheckOwnOf(ModeGuest, p), CheckOwnOf(ModeHost, p))
		}
	}
	if CheckAddress(netip.Addr{}) == nil {
		t.Error("no address passes for one")
	}
}
