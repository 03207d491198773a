package main

import (
	"net/netip"

	"sgfw/test/netlab"
)

// position is the machine that the firewall runs on.
type position string

const (
	// forward: on a router between client and server.
	forward position = "forward"
	// host: on the server itself.
	host position = "host"
)

func positions() []position { return []position{forward, host} }

// clientNet is the client's network in either position.
var clientNet = netip.MustParsePrefix("192.0.2.0/24")

// topology is the network for a position. Neighbour entries are static, so that nothing but
// the load crosses it.
func (p position) topology() netlab.Topology {
	// Connections in TIME_WAIT keep their ports: there must be enough.
	many := map[string]string{"net.ipv4.ip_local_port_range": "1024 65535"}
	var t netlab.Topology
	if p == host {
		t = netlab.Pair()
	} else {
		t = netlab.Router()
	}
	for i := range t.Hosts {
		t.Hosts[i].Sysctls = many
	}
	for i := range t.Links {
		t.Links[i].Neighbours = netlab.NeighboursStatic
	}
	return t
}

// place is a running network with the firewall's host in it.
type place struct {
	lab  *netlab.Lab
	pos  position
	fw   *netlab.Host
	ends ends
}

func (p position) build() (*place, error) {
	lab, err := netlab.Build(p.topology())
	if err != nil {
		return nil, err
	}
	server := lab.Host("server")
	pl := &place{lab: lab, pos: p, fw: server, ends: ends{
		client: lab.Host("client"), server: server, at: server.Device("eth0").IPv4(),
	}}
	if p == forward {
		pl.fw = lab.Host("fw")
	}
	return pl, nil
}

// device is the firewall's device on the client's side.
func (p *place) device() string { return "eth0" }
