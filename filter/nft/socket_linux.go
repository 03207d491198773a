package nft

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/google/nftables"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Table flags and attributes that x/sys lacks (include/uapi/linux/netfilter/nf_tables.h).
const (
	tableOwner     = 0x2 // NFT_TABLE_F_OWNER
	tablePersist   = 0x4 // NFT_TABLE_F_PERSIST
	attrTableOwner = 7   // NFTA_TABLE_OWNER: port id, big endian
)

// nfgenmsg is the length of what precedes the attributes of a message: family,
// version, resource id (include/uapi/linux/netfilter/nfnetlink.h).
const nfgenmsg = 4

// bufferBytes is asked for in both directions of the socket: a plan with a
// thousand devices is one message batch of about a megabyte, each rule of which
// is answered.
const bufferBytes = 8 << 20

// drainWait is how long to wait for leftovers of a failed batch. The kernel queues its
// answers before the send returns, so any time is enough.
const drainWait = 10 * time.Millisecond

// drainMost bounds the leftovers, one for each message of a batch.
const drainMost = 1 << 16

// socket is one lasting netlink socket, used both by the nftables library and
// by ourselves: the library writes table flags as 0 (K26), and only the socket that
// created an owned table may touch it. Not for concurrent use.
type socket struct {
	*nftables.Conn
	raw *netlink.Conn
}

// dial opens a socket in the namespace of the descriptor ns, 0 for the current one.
func dial(ns int) (*socket, error) {
	s := &socket{}
	conn, err := nftables.New(nftables.AsLasting(), nftables.WithNetNSFd(ns),
		nftables.WithSockOptions(func(c *netlink.Conn) error {
			s.raw = c
			// Best effort: a user who may not raise the limits cannot use the table anyway.
			_ = c.SetReadBuffer(bufferBytes)
			_ = c.SetWriteBuffer(bufferBytes)
			return nil
		}))
	if err != nil {
		return nil, fmt.Errorf("open nftables socket: %w", err)
	}
	s.Conn = conn
	return s, nil
}

// commit sends what the library has buffered, as one transaction.
func (s *socket) commit() error {
	err := s.Flush()
	if err != nil {
		s.drain()
	}
	return err
}

// transact sends our own messages as one transaction and waits for the answer
// to each.
func (s *socket) transact(messages ...netlink.Message) error {
	_, err := s.exchange(messages...)
	return err
}

// exchange is transact, and returns what the kernel tells beside that.
func (s *socket) exchange(messages ...netlink.Message) (told []netlink.Message, err error) {
	edge := func(kind int) netlink.Message {
		return netlink.Message{
			Header: netlink.Header{Type: netlink.HeaderType(kind), Flags: netlink.Request},
			Data:   []byte{unix.AF_UNSPEC, unix.NFNETLINK_V0, 0, unix.NFNL_SUBSYS_NFTABLES},
		}
	}
	batch := append([]netlink.Message{edge(unix.NFNL_MSG_BATCH_BEGIN)}, messages...)
	if _, err := s.raw.SendMessages(append(batch, edge(unix.NFNL_MSG_BATCH_END))); err != nil {
		return nil, err
	}
	for acks := 0; acks < len(messages); {
		answers, err := s.raw.Receive()
		if err != nil {
			s.drain()
			return nil, err
		}
		for _, m := range answers {
			if m.Header.Type == netlink.Error {
				acks++
			} else {
				told = append(told, m)
			}
		}
	}
	return told, nil
}

// drain discards what a failed transaction left in the socket, so that it is not taken
// for the answer to the next one.
func (s *socket) drain() {
	if s.raw.SetReadDeadline(time.Now().Add(drainWait)) != nil {
		return
	}
	for range drainMost {
		_, err := s.raw.Receive()
		// Errors of the failed messages are leftovers as well; a deadline or a closed
		// socket carries no errno.
		if errno := unix.Errno(0); err != nil && !errors.As(err, &errno) {
			break
		}
	}
	_ = s.raw.SetReadDeadline(time.Time{})
}

// message frames an nftables message of family inet.
func message(kind int, flags netlink.HeaderFlags, attrs []netlink.Attribute) netlink.Message {
	data, err := netlink.MarshalAttributes(attrs)
	if err != nil {
		panic(err) // only an attribute beyond 64 KiB fails; ours are names and numbers
	}
	return netlink.Message{
		Header: netlink.Header{
			Type:  netlink.HeaderType(unix.NFNL_SUBSYS_NFTABLES<<8 | kind),
			Flags: netlink.Request | flags,
		},
		Data: append([]byte{unix.NFPROTO_INET, unix.NFNETLINK_V0, 0, 0}, data...),
	}
}

func name(attr uint16, value string) netlink.Attribute {
	return netlink.Attribute{Type: attr, Data: append([]byte(value), 0)}
}

// newTable creates a table, or changes the flags of the one that is there.
func newTable(table string, flags uint32) netlink.Message {
	return message(unix.NFT_MSG_NEWTABLE, netlink.Create|netlink.Acknowledge, []netlink.Attribute{
		name(unix.NFTA_TABLE_NAME, table),
		{Type: unix.NFTA_TABLE_FLAGS, Data: binary.BigEndian.AppendUint32(nil, flags)},
	})
}

func deleteTable(table string) netlink.Message {
	return message(unix.NFT_MSG_DELTABLE, netlink.Acknowledge,
		[]netlink.Attribute{name(unix.NFTA_TABLE_NAME, table)})
}

// generation is the number of the last ruleset transaction of the namespace,
// anybody's, and our own port id.
func (s *socket) generation() (generation, port uint32, err error) {
	answers, err := s.raw.Execute(message(unix.NFT_MSG_GETGEN, 0, nil))
	if err != nil {
		return 0, 0, fmt.Errorf("read ruleset generation: %w", err)
	}
	if len(answers) == 0 {
		return 0, 0, errors.New("read ruleset generation: no answer")
	}
	g, err := parseGeneration(answers[0])
	if err != nil {
		return 0, 0, err
	}
	return g.id, answers[0].Header.PID, nil
}

// tableState is what the kernel says of a table.
type tableState struct {
	exists bool
	flags  uint32
	owner  uint32 // port id, where flags has tableOwner
	raw    []byte
}

// table looks a table up. A missing one is no error.
func (s *socket) table(table string) (tableState, error) {
	answers, err := s.raw.Execute(
		message(unix.NFT_MSG_GETTABLE, 0, []netlink.Attribute{name(unix.NFTA_TABLE_NAME, table)}))
	if errors.Is(err, unix.ENOENT) {
		return tableState{}, nil
	}
	if err != nil {
		return tableState{}, fmt.Errorf("read table inet %s: %w", table, err)
	}
	if len(answers) == 0 {
		return tableState{}, nil
	}
	st := tableState{exists: true, raw: body(answers[0])}
	ad, err := attributes(answers[0])
	if err != nil {
		return tableState{}, err
	}
	for ad.Next() {
		switch ad.Type() {
		case unix.NFTA_TABLE_FLAGS:
			st.flags = ad.Uint32()
		case attrTableOwner:
			st.owner = ad.Uint32()
		}
	}
	return st, ad.Err()
}

// body is a message without its nfgenmsg header, the last two bytes of which
// are the generation.
func body(m netlink.Message) []byte { return m.Data[min(nfgenmsg, len(m.Data)):] }

// attributes decodes what follows the nfgenmsg header.
func attributes(m netlink.Message) (*netlink.AttributeDecoder, error) {
	if len(m.Data) < nfgenmsg {
		return nil, fmt.Errorf("nftables message of %d bytes", len(m.Data))
	}
	ad, err := netlink.NewAttributeDecoder(body(m))
	if err != nil {
		return nil, fmt.Errorf("nftables message: %w", err)
	}
	ad.ByteOrder = binary.BigEndian
	return ad, nil
}

// commitInfo is the notification that ends a transaction.
type commitInfo struct {
	id     uint32
	thread int    // that sent it, as this process numbers threads
	comm   string // of that thread
	port   uint32 // of the socket that it used
}

func parseGeneration(m netlink.Message) (commitInfo, error) {
	c := commitInfo{port: m.Header.PID}
	ad, err := attributes(m)
	if err != nil {
		return c, err
	}
	for ad.Next() {
		switch ad.Type() {
		case unix.NFTA_GEN_ID:
			c.id = ad.Uint32()
		case unix.NFTA_GEN_PROC_PID:
			c.thread = int(ad.Uint32())
		case unix.NFTA_GEN_PROC_NAME:
			c.comm = ad.String()
		}
	}
	return c, ad.Err()
}
