package file

import (
	"net/netip"
	"time"

	"sgfw/policy"
)

func (d *decoder) iface(n *node, preset policy.Preset) (i policy.Interface, ok bool) {
	f, ok := d.mapping(n, "an interface", interfaceKeys)
	if !ok {
		return i, false
	}
	i.Pos = d.part(n)
	i.Timeouts = preset.Timeouts()
	d.timeouts(f["connection_tracking"], &i.Timeouts)
	mode := d.word(f["mode"], "mode", "interfaces[]")
	if mode == policy.ModeGuest.String() {
		i.Mode = policy.ModeGuest
	}
	i.View = preset.View()
	switch d.word(f["view"], "view", "interfaces[]") {
	case policy.ViewLocal.String():
		i.View = policy.ViewLocal
	case policy.ViewWire.String():
		i.View = policy.ViewWire
	}
	groups, ok := d.texts(f["security_groups"], "security_groups")
	if f["security_groups"] == nil {
		groups = []string{policy.DefaultName} // D2
	}
	if acl := f["network_acl"]; acl != nil {
		var good bool
		if i.NetworkACL, good = d.text(acl, "network_acl"); good && i.NetworkACL == "" {
			d.invalid(acl, "leave it out for none", "network_acl has no name")
		}
	}
	addresses, prefixes, known := d.addresses(f["addresses"], i.Mode)
	device, named := d.name(f["device"], "device")
	i.Groups, i.Addresses, i.Prefixes, i.Device = groups, addresses, prefixes, device
	if scope := f["scope"]; scope != nil {
		var good bool
		if i.Scope, good = d.text(scope, "scope"); good && i.Scope == "" {
			d.invalid(scope, "leave it out where flows are not shared", "scope has no name")
		}
	}
	if flows, good := d.number(f["max_flows"], "max_flows"); good {
		if i.MaxFlows = flows; flows == 0 { // which would mean that it is left out
			d.invalid(f["max_flows"], "leave it out for an equal part of half the table",
				"max_flows 0 is out of range")
		}
	}
	i.SourceDestCheck = i.DefaultSourceDestCheck()
	check, good := d.truth(f["source_dest_check"], "source_dest_check")
	// With an invalid mode it is unknown whether the check may be set.
	if f["source_dest_check"] != nil && good && (mode != "" || f["mode"] == nil) {
		i.SourceDestCheck = check
	}
	return i, ok && known && named
}

func (d *decoder) remote(n *node) (r policy.Remote, ok bool) {
	f, ok := d.mapping(n, "a peer", peerKeys)
	if !ok {
		return r, false
	}
	r.Pos = d.part(n)
	groups, ok := d.texts(f["security_groups"], "security_groups")
	addresses, prefixes, good := d.addresses(f["addresses"], policy.ModeHost)
	name, fine := d.name(f["name"], "name")
	r.Groups, r.Addresses, r.Prefixes, r.Name = groups, addresses, prefixes, name
	return r, ok && good && fine
}

// addresses reads a list of addresses and prefixes, all or none.
func (d *decoder) addresses(n *node, mode policy.Mode) (addresses []netip.Addr,
	prefixes []netip.Prefix, ok bool) {
	items, ok := d.list(n, "addresses")
	for _, item := range items {
		s, good := d.plainText(item, "each of addresses")
		if !good {
			ok = false
			continue
		}
		p, bad := policy.ParseAddress(s)
		if bad == nil {
			bad = policy.CheckOwnOf(mode, p)
		}
		if bad != nil {
			bad.Pos = d.at(item)
			d.found.Add(*bad)
			ok = false
			continue
		}
		if p.IsSingleIP() {
			addresses = append(addresses, p.Addr())
		} else {
			prefixes = append(prefixes, p)
		}
	}
	if !ok {
		return nil, nil, false
	}
	return addresses, prefixes, true
}

// timeouts reads seconds over the defaults in t.
func (d *decoder) timeouts(n *node, t *policy.Timeouts) {
	if n == nil {
		return
	}
	f, _ := d.mapping(n, "connection_tracking", trackingKeys)
	for _, timer := range []struct {
		key string
		to  *time.Duration
	}{
		{"tcp_established_timeout", &t.TCPEstablished},
		{"tcp_half_closed_timeout", &t.TCPHalfClosed},
		{"udp_timeout", &t.UDP},
		{"udp_stream_timeout", &t.UDPStream},
	} {
		if seconds, ok := d.number(f[timer.key], timer.key); ok {
			*timer.to = time.Duration(seconds) * time.Second
		}
	}
}
