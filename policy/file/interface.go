package file

import (
	"net/netip"
	"time"

	"sgfw/policy"
)

func (d *decoder) iface(n *node) (i policy.Interface, ok bool) {
	f, ok := d.mapping(n, "an interface", interfaceKeys)
	if !ok {
		return i, false
	}
	i.Pos = d.part(n)
	i.Timeouts = d.timeouts(f["connection_tracking"])
	d.choice(f["mode"], "mode", "host", "guest")
	if check, ok := d.truth(f["source_dest_check"], "source_dest_check"); ok && check {
		d.unbuilt(f["source_dest_check"], "source_dest_check: true", "write false, or leave it out")
	}
	groups, ok := d.texts(f["security_groups"], "security_groups")
	addresses, good := d.addresses(f["addresses"])
	device, fine := d.name(f["device"], "device")
	i.Groups, i.Addresses, i.Device = groups, addresses, device
	return i, ok && good && fine
}

func (d *decoder) remote(n *node) (r policy.Remote, ok bool) {
	f, ok := d.mapping(n, "a peer", peerKeys)
	if !ok {
		return r, false
	}
	r.Pos = d.part(n)
	groups, ok := d.texts(f["security_groups"], "security_groups")
	addresses, good := d.addresses(f["addresses"])
	name, fine := d.name(f["name"], "name")
	r.Groups, r.Addresses, r.Name = groups, addresses, name
	return r, ok && good && fine
}

// addresses reads a list of addresses, all or none.
func (d *decoder) addresses(n *node) ([]netip.Addr, bool) {
	items, ok := d.list(n, "addresses")
	var addresses []netip.Addr
	for _, item := range items {
		s, good := d.text(item, "each of addresses")
		if !good {
			ok = false
			continue
		}
		a, bad := policy.ParseAddress(s)
		if bad != nil {
			bad.Pos = d.at(item)
			d.found.Add(*bad)
			ok = false
			continue
		}
		addresses = append(addresses, a)
	}
	if !ok {
		return nil, false
	}
	return addresses, true
}

// timeouts reads seconds; what is not there is AWS's default.
func (d *decoder) timeouts(n *node) policy.Timeouts {
	t := policy.DefaultTimeouts
	if n == nil {
		return t
	}
	f, _ := d.mapping(n, "connection_tracking", trackingKeys)
	for _, timer := range []struct {
		key string
		to  *time.Duration
	}{
		{"tcp_established_timeout", &t.TCPEstablished},
		{"udp_timeout", &t.UDP},
		{"udp_stream_timeout", &t.UDPStream},
	} {
		if seconds, ok := d.number(f[timer.key], timer.key); ok {
			*timer.to = time.Duration(seconds) * time.Second
		}
	}
	return t
}
