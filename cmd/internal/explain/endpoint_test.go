package explain

import (
	"net/netip"
	"testing"
)

func TestEndpoint(t *testing.T) {
	four, six := netip.MustParseAddr("10.0.9.1"), netip.MustParseAddr("2001:db8::1")
	for text, want := range map[string]endpoint{
		"":                  {},
		":http":             {port: 80, hasPort: true, service: "http"},
		"10.0.9.1:HTTP":     {addr: four, port: 80, hasPort: true, service: "http"},
		"[2001:db8::1]:dns": {addr: six, port: 53, hasPort: true, service: "dns"},
		"10.0.9.1:80":       {addr: four, port: 80, hasPort: true},
		"2001:db8::80":      {addr: netip.MustParseAddr("2001:db8::80")},
		"[2001:db8::80]":    {addr: netip.MustParseAddr("2001:db8::80")},
	} {
		if got, err := parseEndpoint(text); err != nil || got != want {
			t.Errorf("%q: %+v, %v, want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{":", ":65536", ":-1", ":8x", ":nosuch", "10.0.9.1:",
		"10.0.9.1:nosuch", "2001:db8::1:http", "[10.0.9.1:http", "web:http", "[::ffff:10.0.9.1]:http"} {
		if got, err := parseEndpoint(text); err == nil {
			t.Errorf("%q: %+v", text, got)
		}
	}
	for text, want := range map[string]string{"10.0.9.1:0": "10.0.9.1", "[::1]:0": "::1",
		"10.0.9.1:80": "10.0.9.1:80", "10.0.9.1": "10.0.9.1", ":443": ":443"} {
		if got := EndpointText(text); got != want {
			t.Errorf("EndpointText(%q) = %q, want %q", text, got, want)
		}
	}
}
