package harness

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sgfw/test/netlab"
)

// Service is what can be exempt.
type Service struct {
	Name      string
	Networks  []string
	Port      int
	Addresses []string
}

// The name servers are the tests' own, see nameServers.
var Services = []Service{
	{"resolvers", []string{"udp", "tcp"}, 53, []string{"198.51.100.53", "2001:db8:53::53"}},
	{"metadata", []string{"tcp"}, 80, []string{"169.254.169.254", "169.254.170.2", "fd00:ec2::254"}},
	{"time", []string{"udp"}, 123, []string{"169.254.169.123", "fd00:ec2::123"}},
}

// Serviced is a pair whose client has the addresses of all services, and
// 198.51.100.54 and 2001:db8:53::54, which no file names at first.
func Serviced() netlab.Topology {
	t := netlab.Pair()
	client, server := &t.Links[0].A, &t.Hosts[1]
	far := families4and6(client.Addrs)
	for _, a := range append(AddressesOf(Services...), IP("198.51.100.54"), IP("2001:db8:53::54")) {
		p := netip.PrefixFrom(a, a.BitLen())
		client.Addrs = append(client.Addrs, p)
		server.Routes = append(server.Routes, netlab.Route{Dst: p, Via: far[a.Is6()]})
	}
	return t
}

// families4and6 are the first addresses by whether they are IPv6.
func families4and6(list []netip.Prefix) map[bool]netip.Addr {
	out := make(map[bool]netip.Addr)
	for _, p := range list {
		if _, ok := out[p.Addr().Is6()]; !ok {
			out[p.Addr().Is6()] = p.Addr()
		}
	}
	return out
}

func AddressesOf(list ...Service) (out []netip.Addr) {
	for _, s := range list {
		for _, a := range s.Addresses {
			out = append(out, IP(a))
		}
	}
	return out
}

// OwnEtc has a daemon that is not started find an /etc of its own, which it returns.
func OwnEtc(t testing.TB, d *Daemon) string {
	t.Helper()
	dir := t.TempDir()
	d.Through = filepath.Join(dir, "through")
	script := fmt.Sprintf("#!/bin/sh\nexec unshare --mount --propagation private sh -c 'mount "+
		"--bind %s/etc /etc && exec \"$@\"' sh \"$@\"\n", dir)
	if err := os.WriteFile(d.Through, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	etc := filepath.Join(dir, "etc")
	if err := os.Mkdir(etc, 0o755); err != nil {
		t.Fatal(err)
	}
	return etc
}

// NameServers has a daemon that is not started find an /etc of its own, and
// returns what writes its resolv.conf.
func NameServers(t testing.TB, d *Daemon) (write func(servers ...string)) {
	t.Helper()
	etc := OwnEtc(t, d)
	return func(servers ...string) {
		t.Helper()
		var text strings.Builder
		for _, s := range servers {
			fmt.Fprintf(&text, "nameserver %s\n", s)
		}
		next := filepath.Join(etc, "resolv.conf.new")
		if err := os.WriteFile(next, []byte(text.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(next, filepath.Join(etc, "resolv.conf")); err != nil {
			t.Fatal(err)
		}
	}
}

// exemption is what status says of one.
type exemption struct {
	Name, Kind, State, In, Out string
	Addresses                  []string
	Packets                    *uint64
}

// Exemptions lists those of status by name.
func (d *Daemon) Exemptions() map[string]exemption {
	d.T.Helper()
	var status struct{ Exemptions []exemption }
	d.Document(&status, "status")
	out := make(map[string]exemption)
	for _, x := range status.Exemptions {
		out[x.Name] = x
	}
	return out
}
