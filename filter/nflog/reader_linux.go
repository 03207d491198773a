package nflog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Messages of the log, their attributes and values (include/uapi/linux/netfilter/nfnetlink_log.h).
const (
	messagePacket = unix.NFNL_SUBSYS_ULOG << 8
	messageConfig = unix.NFNL_SUBSYS_ULOG<<8 | 1

	configCommand = 1
	configMode    = 2
	configTimeout = 4
	configFlags   = 6

	commandBind  = 1
	modePacket   = 2
	flagNumbered = 1
)

const (
	// receiveBuffer is asked for: what waits while nobody reads.
	receiveBuffer = 8 << 20
	// joined is how long the kernel gathers packets for a message, in 10 ms.
	joined = 2
)

// ErrTaken: another process listens on the group.
var ErrTaken = errors.New("nflog: the group has another listener")

// Reader reads a log group of the network namespace of the thread that opened it. Read is
// for one goroutine; Close and Lost may be called at any time.
type Reader struct {
	conn *netlink.Conn
	lost atomic.Uint64
	// shut is true once somebody closes it.
	shut atomic.Bool
	next uint32
}

// Open begins to listen on a group. It fails with ErrTaken if another process does, and with
// an error that is os.ErrPermission without CAP_NET_ADMIN.
func Open(group uint16) (*Reader, error) {
	conn, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return nil, fmt.Errorf("nflog: %w", err)
	}
	// A smaller buffer loses more, which is counted.
	if conn.SetReadBuffer(receiveBuffer) != nil {
		_ = conn.SetReadBuffer(receiveBuffer / 16)
	}
	mode := append(binary.BigEndian.AppendUint32(nil, copyRange), modePacket, 0)
	for _, attrs := range [][]netlink.Attribute{
		{{Type: configCommand, Data: []byte{commandBind}}},
		{{Type: configMode, Data: mode},
			{Type: configTimeout, Data: binary.BigEndian.AppendUint32(nil, joined)},
			{Type: configFlags, Data: binary.BigEndian.AppendUint16(nil, flagNumbered)}},
	} {
		if err := configure(conn, group, attrs); err != nil {
			_ = conn.Close()
			return nil, err
		}
	}
	return &Reader{conn: conn}, nil
}

func configure(conn *netlink.Conn, group uint16, attrs []netlink.Attribute) error {
	data, err := netlink.MarshalAttributes(attrs)
	if err != nil {
		return fmt.Errorf("nflog: %w", err)
	}
	head := binary.BigEndian.AppendUint16([]byte{unix.AF_UNSPEC, unix.NFNETLINK_V0}, group)
	_, err = conn.Execute(netlink.Message{
		Header: netlink.Header{Type: messageConfig, Flags: netlink.Request | netlink.Acknowledge},
		Data:   append(head, data...),
	})
	switch {
	case errors.Is(err, unix.EPERM) && taken(group):
		return ErrTaken
	case err != nil:
		return fmt.Errorf("nflog: listen on group %d: %w", group, err)
	}
	return nil
}

// kernelGroups is the kernel's list of groups that somebody listens on: number, netlink port and
// more (seq_show, net/netfilter/nfnetlink_log.c). Only root may read it.
const kernelGroups = "/proc/thread-self/net/netfilter/nfnetlink_log"

// taken reports whether somebody listens on a group. The kernel's answer does not tell that
// from a lack of privilege.
func taken(group uint16) bool {
	list, err := os.ReadFile(kernelGroups)
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(list)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == strconv.Itoa(int(group)) {
			return true
		}
	}
	return false
}

// Read waits for packets until the deadline, the zero time for none, and calls each for every
// one. It returns an error that is os.ErrDeadlineExceeded when there were none, and
// os.ErrClosed after Close. Losses are no error, see [Reader.Lost].
func (r *Reader) Read(deadline time.Time, each func(Copy)) error {
	if err := r.conn.SetReadDeadline(deadline); err != nil {
		return fmt.Errorf("nflog: read: %w", r.closed(err))
	}
	messages, err := r.conn.Receive()
	if err != nil && !errors.Is(err, unix.ENOBUFS) {
		return fmt.Errorf("nflog: read: %w", r.closed(err))
	}
	for _, m := range messages {
		if m.Header.Type != messagePacket || m.Header.PID != 0 { // other processes can write, too
			continue
		}
		c, number, err := parse(m)
		if err != nil {
			continue
		}
		r.lost.Add(uint64(number - r.next)) // the kernel numbers from 0, across what it loses
		r.next = number + 1
		each(c)
	}
	return nil
}

// closed makes the error of a closed socket os.ErrClosed: what the socket says depends on
// when it was closed.
func (r *Reader) closed(err error) error {
	if r.shut.Load() {
		return os.ErrClosed
	}
	return err
}

// Lost is how many packets were copied and could not be delivered.
func (r *Reader) Lost() uint64 { return r.lost.Load() }

// Close ends the listening, and a running Read.
func (r *Reader) Close() error {
	r.shut.Store(true)
	return r.conn.Close()
}
