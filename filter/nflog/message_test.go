package nflog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/mdlayher/netlink"

	"sgfw/filter/packet"
)

// message is one of the kernel with these attributes.
func message(t *testing.T, attrs ...netlink.Attribute) netlink.Message {
	t.Helper()
	data, err := netlink.MarshalAttributes(attrs)
	if err != nil {
		t.Fatal(err)
	}
	return netlink.Message{Data: append([]byte{2, 0, 0x10, 0xae}, data...)}
}

func number(kind uint16, n uint32) netlink.Attribute {
	return netlink.Attribute{Type: kind, Data: binary.BigEndian.AppendUint32(nil, n)}
}

var header = netlink.Attribute{Type: attrHeader, Data: []byte{8, 0, 3, 0}}

// TestParse: what the kernel says is read, and a copy that is cut off counts as part of a
// packet of any length.
func TestParse(t *testing.T) {
	udp := []byte{0x45, 0, 0x20, 0, 0, 1, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0x10, 0, 0, 53,
		0x1f, 0xec, 0, 0}
	c, n, err := parse(message(t, header, number(attrIn, 7), number(attrOut, 9),
		number(attrNumber, 41), netlink.Attribute{Type: attrPayload,
			Data: append(bytes.Clone(udp), make([]byte, copyRange-len(udp))...)}))
	if err != nil || n != 41 || c.Hook != 3 || c.In != 7 || c.Out != 9 || c.Bridged {
		t.Fatalf("%+v %d %v", c, n, err)
	}
	var p packet.Packet
	if fault := p.Parse(c.Frame); fault != packet.NoFault || p.DstPort != 53 {
		t.Errorf("%v %+v", fault, p)
	}
	c, _, err = parse(message(t, header, netlink.Attribute{Type: attrPayload, Data: udp[:24]},
		number(attrPort, 3)))
	if err != nil || !c.Bridged {
		t.Fatalf("%+v %v", c, err)
	}
	if fault := p.Parse(c.Frame); fault == packet.NoFault {
		t.Error("a packet that is shorter than it says is whole")
	}
}

// TestMalformed: what is no message of the kernel is an error, and nothing worse.
func TestMalformed(t *testing.T) {
	for name, m := range map[string]netlink.Message{
		"nothing":      {},
		"short":        {Data: []byte{2, 0, 0}},
		"no header":    message(t, number(attrIn, 1)),
		"short header": message(t, netlink.Attribute{Type: attrHeader, Data: []byte{8, 0}}),
		"short number": message(t, header, netlink.Attribute{Type: attrIn, Data: []byte{1}}),
		"broken":       {Data: []byte{2, 0, 0, 0, 200, 0, 1, 0, 8}},
	} {
		if c, _, err := parse(m); !errors.Is(err, errMessage) {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
	}
}

// FuzzParse: no message makes the parser fail in another way than by an error, nor its packet.
func FuzzParse(f *testing.F) {
	f.Add([]byte{2, 0, 0, 0, 8, 0, 1, 0, 8, 0, 3, 0})
	f.Add([]byte{2, 0, 0, 0, 8, 0, 1, 0, 8, 0, 3, 0, 6, 0, 9, 0, 0x45, 0})
	f.Fuzz(func(_ *testing.T, data []byte) {
		c, _, err := parse(netlink.Message{Data: data})
		if err == nil {
			new(packet.Packet).Parse(c.Frame)
		}
	})
}
