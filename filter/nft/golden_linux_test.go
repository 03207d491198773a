package nft

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"sgfw/policy"
)

// host16 is a number in the byte order of this machine, as xtables has it.
func host16(v uint16) []byte { return binary.NativeEndian.AppendUint16(nil, v) }

// attr is a netlink attribute: length and type in host order, data padded to 4.
func attr(kind uint16, data ...[]byte) []byte {
	d := bytes.Join(data, nil)
	b := append(host16(uint16(4+len(d))), host16(kind)...)
	b = append(b, d...)
	return append(b, make([]byte, (4-len(d)%4)%4)...)
}

func TestQueueExpressionBytes(t *testing.T) {
	const nested = unix.NLA_F_NESTED
	for _, c := range []struct {
		name                string
		kind                QueueKind
		first, total, flags uint16
		want                []byte
	}{
		{"native", QueueNative, 4270, 4, 0, bytes.Join([][]byte{
			attr(1 /* NFTA_EXPR_NAME */, []byte("queue\x00")),
			attr(nested|2, /* NFTA_EXPR_DATA */
				attr(1 /* NFTA_QUEUE_NUM, big endian */, []byte{0x10, 0xae}),
				attr(2 /* NFTA_QUEUE_TOTAL */, []byte{0, 4}),
				attr(3 /* NFTA_QUEUE_FLAGS */, []byte{0, 0})),
		}, nil)},
		{"native, bypass", QueueNative, 4270, 4, queueBypass, bytes.Join([][]byte{
			attr(1, []byte("queue\x00")),
			attr(nested|2, attr(1, []byte{0x10, 0xae}), attr(2, []byte{0, 4}), attr(3, []byte{0, 1})),
		}, nil)},
		{"xt", QueueXT, 4270, 4, 0, bytes.Join([][]byte{
			attr(1, []byte("target\x00")),
			attr(nested|2,
				attr(1 /* NFTA_TARGET_NAME */, []byte("NFQUEUE\x00")),
				attr(2 /* NFTA_TARGET_REV, big endian */, []byte{0, 0, 0, 3}),
				attr(3, /* NFTA_TARGET_INFO: xt_NFQ_info_v3, host order, padded to 8 */
					host16(4270), host16(4), host16(0), []byte{0, 0})),
		}, nil)},
		{"xt, bypass", QueueXT, 4270, 4, queueBypass, bytes.Join([][]byte{
			attr(1, []byte("target\x00")),
			attr(nested|2, attr(1, []byte("NFQUEUE\x00")), attr(2, []byte{0, 0, 0, 3}),
				attr(3, host16(4270), host16(4), host16(1), []byte{0, 0})),
		}, nil)},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := expr.Marshal(unix.NFPROTO_INET, queueTo(c.kind, c.first, c.total, c.flags))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, c.want) {
				t.Errorf("got  %x\nwant %x", got, c.want)
			}
		})
	}
}

func TestNewTableBytes(t *testing.T) {
	m := newTable(TableName, tableOwner|tablePersist)
	want := bytes.Join([][]byte{
		{unix.NFPROTO_INET, 0 /* version */, 0, 0 /* resource */},
		attr(1 /* NFTA_TABLE_NAME */, []byte("sgfw\x00")),
		attr(2 /* NFTA_TABLE_FLAGS, big endian */, []byte{0, 0, 0, 6}),
	}, nil)
	if !bytes.Equal(m.Data, want) {
		t.Errorf("got  %x\nwant %x", m.Data, want)
	}
	if m.Header.Type != 0x0a00 ||
		m.Header.Flags != netlink.Request|netlink.Acknowledge|netlink.Create {
		t.Errorf("header %+v", m.Header)
	}
}

// TestQueueRulesByPlan: which flags the one queue rule carries. Fanout, which
// would separate the directions of a flow, is not among them with a hash.
func TestQueueRulesByPlan(t *testing.T) {
	for _, c := range []struct {
		gone   policy.FailAction
		have   features
		bypass bool
	}{
		{policy.FailDrop, features{}, false},
		{policy.FailDrop, features{owner: true}, false},
		{policy.FailDrop, features{owner: true, persist: true}, false},
		{policy.FailAccept, features{}, true},
		{policy.FailAccept, features{owner: true}, false},
		{policy.FailAccept, features{owner: true, persist: true}, false},
	} {
		c.have.queue = QueueNative
		var queues []*expr.Queue
		for _, chain := range layout(plan(c.gone, "eth0", "veth-*"), c.have) {
			for _, r := range chain.rules {
				for _, e := range r {
					if q, ok := e.(*expr.Queue); ok {
						queues = append(queues, q)
					}
				}
			}
		}
		if len(queues) != 1 {
			t.Fatalf("%d queue expressions", len(queues))
		}
		want := expr.Queue{Num: 4270, Total: 2}
		if c.bypass {
			want.Flag = expr.QueueFlagBypass
		}
		if *queues[0] != want {
			t.Errorf("gone %v, kernel %+v: %+v, want %+v", c.gone, c.have, *queues[0], want)
		}
	}
}
