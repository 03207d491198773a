package firewalld

import (
	_ "embed" // the table of services
	"strings"
	"sync"

	"sgfw/policy"
)

//go:embed services.txt
var servicesText string

// part is one thing that a service lets in: a protocol with or without ports, or another
// service.
type part struct {
	protocol, ports string
	include         string
}

// service is what firewalld knows by a name.
type service struct {
	parts []part
	// to is the only destination by family, if there is one.
	to map[policy.Family]string
	// source is set if it asks for ports of the source.
	source bool
}

// wellKnown are the services that firewalld comes with, by name.
var wellKnown = sync.OnceValue(func() map[string]*service {
	out := map[string]*service{}
	for line := range strings.SplitSeq(strings.TrimSpace(servicesText), "\n") {
		name, rest, _ := strings.Cut(line, ": ")
		s := &service{}
		for p := range strings.SplitSeq(rest, ", ") {
			kind, value, _ := strings.Cut(p, " ")
			switch kind {
			case "to":
				s.to = destinations(strings.Split(value, ",")...)
			case "source":
				s.source = true
			case "include":
				s.parts = append(s.parts, part{include: value})
			case "protocol":
				s.parts = append(s.parts, part{protocol: value})
			default:
				s.parts = append(s.parts, part{protocol: kind, ports: value})
			}
		}
		out[name] = s
	}
	return out
})

// destinations are addresses by their family.
func destinations(addresses ...string) map[policy.Family]string {
	out := map[policy.Family]string{}
	for _, a := range addresses {
		switch {
		case a == "":
		case strings.Contains(a, ":"):
			out[policy.IPv6] = a
		default:
			out[policy.IPv4] = a
		}
	}
	return out
}

// serviceOf reads a file of a service.
func serviceOf(e *element) *service {
	s := &service{}
	for _, c := range e.children {
		switch c.name {
		case "port":
			s.parts = append(s.parts, part{protocol: c.attrs["protocol"], ports: c.attrs["port"]})
		case "protocol":
			s.parts = append(s.parts, part{protocol: c.attrs["value"]})
		case "include":
			s.parts = append(s.parts, part{include: c.attrs["service"]})
		case "source-port":
			s.source = true
		case "destination":
			s.to = destinations(c.attrs["ipv4"], c.attrs["ipv6"])
		}
	}
	return s
}
