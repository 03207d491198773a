package policy

import (
	"fmt"
	"net/netip"
	"path"
	"strings"
	"unicode"
)

// Metrics are the values under `settings.metrics:`.
type Metrics struct {
	// Listen is where they are to be had; empty for nowhere.
	Listen Listen
}

// Listen is a place of this machine that nobody reaches from elsewhere: a loopback address
// with a port, such as 127.0.0.1:9455 or [::1]:9455, or the absolute path of a unix socket.
type Listen string

// MaxSocketPath is what fits into sockaddr_un with its closing zero (unix(7)).
const MaxSocketPath = 107

// Network is "unix" or "tcp", as package net calls it; "" for nowhere.
func (l Listen) Network() string {
	switch {
	case l == "":
		return ""
	case l[0] == '/':
		return "unix"
	}
	return "tcp"
}

// check says what is wrong with a place, "" for nothing, and what to write instead.
func (l Listen) check() (wrong, hint string) {
	const write = "127.0.0.1:PORT, \"[::1]:PORT\", or the absolute path of a unix socket"
	switch l.Network() {
	case "":
		return "", ""
	case "unix":
		return l.checkPath()
	}
	text := string(l)
	if !strings.Contains(text, ":") {
		return "is no address with a port, and no absolute path", write
	}
	at, err := netip.ParseAddrPort(text)
	switch {
	case err == nil && at.Addr().Is4In6():
		return "is an IPv4 address in the clothes of IPv6", fmt.Sprintf("write %s",
			netip.AddrPortFrom(at.Addr().Unmap(), at.Port()))
	case err == nil && !at.Addr().IsLoopback():
		return "can be reached from other machines: metrics are for this one alone", write
	case err == nil && at.Port() == 0:
		return "has no port: 1 to 65535", write
	case err == nil && at.Addr().Zone() != "":
		return "names a device: a loopback address has none",
			"write " + netip.AddrPortFrom(at.Addr().WithZone(""), at.Port()).String()
	case err == nil && at.String() != text:
		return "is written in an unusual way", "write " + at.String()
	case err == nil:
		return "", ""
	case strings.HasPrefix(text, "localhost:"):
		return "is a name: an address is what it says", "write 127.0.0.1" + text[len("localhost"):]
	case strings.HasPrefix(text, ":"):
		return "is every address of this machine: metrics are for this one alone",
			"write 127.0.0.1" + text
	}
	return "is no address with a port", write
}

// checkPath is check for the path of a socket.
func (l Listen) checkPath() (wrong, hint string) {
	text := string(l)
	switch {
	case len(text) > MaxSocketPath:
		return fmt.Sprintf("has %d bytes, and a path of a socket at most %d", len(text),
			MaxSocketPath), "such as /run/sgfw/metrics.sock"
	case strings.ContainsFunc(text, unicode.IsControl):
		return "has characters that nobody sees", "such as /run/sgfw/metrics.sock"
	case path.Clean(text) != text:
		return "is a path by detours", "write " + path.Clean(text)
	case text == "/":
		return "is a directory", "such as /run/sgfw/metrics.sock"
	}
	return "", ""
}

// check reports a place where metrics must not be.
func (m Metrics) check(report func(Problem)) {
	if wrong, hint := m.Listen.check(); wrong != "" {
		report(Problem{Field: "settings.metrics.listen", Code: InvalidParameterValue,
			Message: fmt.Sprintf("metrics.listen: %q %s", string(m.Listen), wrong), Hint: hint})
	}
}
