package peers

import (
	"fmt"
	"net/netip"
	"reflect"
	"time"
	"unsafe"

	"github.com/gaissmai/bart"
	"github.com/sirupsen/logrus"
	"github.com/slackhq/nebula"
	"github.com/slackhq/nebula/cert"
	"github.com/slackhq/nebula/firewall"
)

// nebulaParse is nebula's own parser, which runs before its firewall.
//
//go:linkname nebulaParse github.com/slackhq/nebula.newPacket
func nebulaParse(data []byte, incoming bool, fp *firewall.Packet) error

// certificate is a certificate with the fields that the firewall reads.
type certificate struct {
	cert.Certificate
	networks, unsafeNetworks []netip.Prefix
}

func (c certificate) Networks() []netip.Prefix       { return c.networks }
func (c certificate) UnsafeNetworks() []netip.Prefix { return c.unsafeNetworks }
func (c certificate) Name() string                   { return "peer" }
func (c certificate) Issuer() string                 { return "" }

// nebulaFirewall is nebula's firewall with one tunnel. All senders are at its other end.
type nebulaFirewall struct {
	fw   *nebula.Firewall
	host *nebula.HostInfo
	cas  *cert.CAPool
	pkt  firewall.Packet
}

func newNebula(rules int) (*nebulaFirewall, error) {
	log := logrus.New()
	log.SetLevel(logrus.ErrorLevel)
	mine := certificate{networks: []netip.Prefix{netip.PrefixFrom(server, 24)}}
	fw := nebula.NewFirewall(log, 12*time.Minute, 3*time.Minute, 10*time.Minute, mine)
	for i := range rules {
		port, source := ruleOf(i)
		err := fw.AddRule(true, firewall.ProtoTCP, int32(port), int32(port),
			nil, "", source.String(), "", "", "")
		if err != nil {
			return nil, fmt.Errorf("rule %d: %w", i, err)
		}
	}
	behind := []netip.Prefix{
		netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"),
	}
	networks := new(bart.Table[nebula.NetworkType])
	for _, n := range behind {
		networks.Insert(n, nebula.NetworkTypeUnsafe)
	}
	state, host := new(nebula.ConnectionState), new(nebula.HostInfo)
	set(state, "peerCert", &cert.CachedCertificate{Certificate: certificate{unsafeNetworks: behind}})
	set(host, "networks", networks)
	host.ConnectionState = state
	return &nebulaFirewall{fw: fw, host: host, cas: cert.NewCAPool()}, nil
}

// set writes an unexported field, which nebula sets in a handshake.
func set[T, V any](in *T, field string, v V) {
	f := reflect.ValueOf(in).Elem().FieldByName(field)
	*(*V)(unsafe.Pointer(f.UnsafeAddr())) = v
}

// decide parses and judges one incoming packet. cache is the flow cache that nebula keeps for
// each routine, or nil.
func (n *nebulaFirewall) decide(b []byte, cache firewall.ConntrackCache) bool {
	return nebulaParse(b, true, &n.pkt) == nil && n.fw.Drop(n.pkt, true, n.host, n.cas, cache) == nil
}
