package match

// Selector is what a rule can say of a packet besides its peer, as one number:
// protocol<<16 | destination port, or protocol<<16 | type<<8 | code for ICMP.
// A rule is then one range of selectors, whatever its protocol; ports 1-65535
// are one range like any other.
type Selector uint32

const (
	// Portless is the selector of a packet whose ports or type are not to be
	// seen, a later fragment: a protocol number beyond 255, so that only a rule
	// for all protocols covers it (T25).
	Portless Selector = 256 << 16

	// MaxLow is the last port, or the last type and code, of a selector.
	MaxLow = 0xffff

	// Protocols whose selectors have ports.
	protoTCP = 6
	protoUDP = 17
)
