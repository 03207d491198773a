package explain

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"sgfw/policy"
)

// endpoint is one side of the packet; either part may be missing.
type endpoint struct {
	addr    netip.Addr
	port    uint16
	hasPort bool
	// service is the name that the port was given by, "" for a number.
	service string
}

// parseEndpoint reads ADDRESS, ADDRESS:PORT, [ADDRESS]:PORT or :PORT. A port is a number or
// the name of a service, as in policies.
func parseEndpoint(s string) (endpoint, error) {
	if s == "" {
		return endpoint{}, nil
	}
	if port, ok := strings.CutPrefix(s, ":"); ok && !strings.Contains(port, ":") {
		return parsePort(port)
	}
	if ap, err := netip.ParseAddrPort(s); err == nil {
		a, err := plain(ap.Addr())
		return endpoint{addr: a, port: ap.Port(), hasPort: true}, err
	}
	if a, name, ok := cutService(s); ok {
		e, err := parsePort(name)
		if err == nil {
			e.addr, err = plain(a)
		}
		return e, err
	}
	a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"))
	if err != nil {
		return endpoint{}, fmt.Errorf("%q is none of ADDRESS, ADDRESS:PORT, [ADDRESS]:PORT and :PORT", s)
	}
	a, err = plain(a)
	return endpoint{addr: a}, err
}

// cutService splits ADDRESS:NAME or [ADDRESS]:NAME.
func cutService(s string) (a netip.Addr, name string, ok bool) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 || i == len(s)-1 || s[i+1] >= '0' && s[i+1] <= '9' {
		return a, "", false
	}
	host := s[:i]
	inside, bracketed := strings.CutPrefix(host, "[")
	if bracketed {
		if host, bracketed = strings.CutSuffix(inside, "]"); !bracketed {
			return a, "", false
		}
	}
	a, err := netip.ParseAddr(host)
	return a, s[i+1:], err == nil && (bracketed || a.Is4())
}

// parsePort reads the port of an endpoint.
func parsePort(s string) (endpoint, error) {
	if n, err := strconv.ParseUint(s, 10, 16); err == nil {
		return endpoint{port: uint16(n), hasPort: true}, nil
	}
	if s == "" || s[0] >= '0' && s[0] <= '9' || s[0] == '-' {
		return endpoint{}, fmt.Errorf("%q is not a port", s)
	}
	service, problem := policy.ServiceNamed(s)
	if problem != nil {
		return endpoint{}, *problem
	}
	return endpoint{port: uint16(service.Port), hasPort: true, service: service.Name}, nil
}

// ofProtocol says whether the protocol has the service that the port was named by.
func (e *endpoint) ofProtocol(p policy.Protocol) error {
	if e.service == "" {
		return nil
	}
	if _, problem := policy.ServicePort(e.service, p); problem != nil {
		return *problem
	}
	return nil
}

// plain refuses addresses that no packet carries.
func plain(a netip.Addr) (netip.Addr, error) {
	switch {
	case a.Zone() != "":
		return a, fmt.Errorf("%s: leave out the zone", a)
	case a.Is4In6():
		return a, fmt.Errorf("%s: write the IPv4 address %s", a, a.Unmap())
	}
	return a, nil
}

// EndpointText is one side of a packet for people: in documents port 0 stands for any, which
// goes without saying.
func EndpointText(s string) string {
	if ap, err := netip.ParseAddrPort(s); err == nil && ap.Port() == 0 {
		return ap.Addr().String()
	}
	return s
}
