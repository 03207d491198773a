package nflog

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/mdlayher/netlink"

	"sgfw/filter/packet"
)

// Copy is one packet of which the kernel has made a copy.
type Copy struct {
	// Frame is valid until the next read.
	Frame packet.Frame
	// Hook is the netfilter hook in which it was (include/uapi/linux/netfilter.h).
	Hook uint8
	// In and Out are interface indexes, 0 where the hook has none.
	In, Out uint32
	// Bridged is true for a frame that a bridge hands from one of its ports to another (K27).
	Bridged bool
}

// Attributes of a packet (enum nfulnl_attr_type, include/uapi/linux/netfilter/nfnetlink_log.h).
const (
	attrHeader  = 1
	attrIn      = 4
	attrOut     = 5
	attrPort    = 7
	attrPayload = 9
	attrNumber  = 12
)

const (
	// nfgenmsg is the length of what precedes the attributes of a message.
	nfgenmsg = 4
	// copyRange is how much of a packet is copied: its headers, behind extension headers
	// of IPv6, too.
	copyRange = 256
	// anyLength is as long as a packet may be of which a part was copied: its true length is
	// not told but in its header.
	anyLength = 1 << 20
)

var errMessage = errors.New("nflog: malformed message")

// parse reads a message of the kernel, and the number that it gave it.
func parse(m netlink.Message) (c Copy, number uint32, err error) {
	if len(m.Data) < nfgenmsg {
		return c, 0, errMessage
	}
	ad, err := netlink.NewAttributeDecoder(m.Data[nfgenmsg:])
	if err != nil {
		return c, 0, fmt.Errorf("%w: %w", errMessage, err)
	}
	ad.ByteOrder = binary.BigEndian
	header := false
	for ad.Next() {
		switch ad.Type() {
		case attrHeader: // protocol of the link, 2 bytes; hook; padding
			if b := ad.Bytes(); len(b) >= 3 {
				c.Hook, header = b[2], true
			}
		case attrIn:
			c.In = ad.Uint32()
		case attrOut:
			c.Out = ad.Uint32()
		case attrPort: // the port of a bridge that it leaves by
			c.Bridged = true
		case attrPayload:
			c.Frame.Bytes = ad.Bytes()
		case attrNumber:
			number = ad.Uint32()
		}
	}
	if err := ad.Err(); err != nil {
		return c, 0, fmt.Errorf("%w: %w", errMessage, err)
	}
	if !header {
		return c, 0, errMessage
	}
	if len(c.Frame.Bytes) >= copyRange {
		// It may also be an aggregate, which says no length at all.
		c.Frame.Length, c.Frame.Info = anyLength, packet.InfoGSO
	}
	return c, number, nil
}
