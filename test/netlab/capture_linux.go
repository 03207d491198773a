package netlab

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"

	"golang.org/x/sys/unix"
)

// ErrCaptureClosed is returned by a wait on a capture that has been closed.
var ErrCaptureClosed = errors.New("netlab: capture closed")

const (
	// defaultCaptureLimit in packets.
	defaultCaptureLimit = 4096
	// captureBuffer is the receive buffer of a capture in bytes.
	captureBuffer = 8 << 20
	// maxPacket is the longest packet a veth hands over, in bytes: BIG TCP's
	// limit (GSO_MAX_SIZE, include/linux/netdevice.h).
	maxPacket = 8 * 65535
)

// Packet is one packet of a [Capture].
type Packet struct {
	// Bytes starts at the IP header.
	Bytes []byte
	// Outgoing is true for a packet that the capturing host sent.
	Outgoing bool
}

// CaptureOptions says what a capture keeps. The zero value keeps the first 4096
// packets received.
type CaptureOptions struct {
	// Filter keeps a packet if it returns true; nil keeps all. It is called on
	// the capture's goroutine and may keep p.Bytes.
	Filter func(p Packet) bool
	// Limit in packets, 0 for 4096. Later ones are counted, not kept.
	Limit int
	// Outgoing keeps packets that the host sent too.
	Outgoing bool
}

// Capture records the IP packets of one device, as they are before the hooks of
// netfilter for packets received, and after them for packets sent. Its methods
// are safe for concurrent use.
type Capture struct {
	file *os.File
	done chan struct{}

	mu      sync.Mutex
	options CaptureOptions
	packets []Packet
	changed chan struct{} // closed and replaced with every packet
	lost    uint64
}

// receiveBuffer makes the receive buffer of a socket as large as it may be: beyond the
// machine's limit only for real root.
func receiveBuffer(fd, size int) error {
	err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, size)
	if errors.Is(err, unix.EPERM) {
		return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, size)
	}
	return err
}

// Capture starts to record on a device of the host. Everything that arrives
// after the call has returned is seen. The caller closes the capture.
func (h *Host) Capture(dev string, options CaptureOptions) (*Capture, error) {
	d := h.Device(dev)
	if options.Limit == 0 {
		options.Limit = defaultCaptureLimit
	}
	fd := noSocket
	err := h.Do(func() (err error) {
		// Protocol 0 first: a socket with a protocol would receive from all
		// devices until it is bound to one.
		fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			return err
		}
		if err := receiveBuffer(fd, captureBuffer); err != nil {
			return err
		}
		return unix.Bind(fd, &unix.SockaddrLinklayer{
			Protocol: networkOrder(unix.ETH_P_ALL), Ifindex: d.index})
	})
	if err != nil {
		if fd != noSocket {
			unix.Close(fd)
		}
		return nil, fmt.Errorf("netlab: %s/%s: capture: %w", h.name, dev, err)
	}
	c := &Capture{
		file: os.NewFile(uintptr(fd), "capture "+h.name+"/"+dev), done: make(chan struct{}),
		options: options, changed: make(chan struct{}),
	}
	raw, err := c.file.SyscallConn()
	if err != nil {
		c.file.Close()
		return nil, fmt.Errorf("netlab: %s/%s: capture: %w", h.name, dev, err)
	}
	go func() {
		defer close(c.done)
		buf := make([]byte, maxPacket)
		for {
			var n int
			var from unix.Sockaddr
			var rerr error
			err := raw.Read(func(fd uintptr) bool {
				n, from, rerr = unix.Recvfrom(int(fd), buf, 0)
				return !errors.Is(rerr, unix.EAGAIN)
			})
			if err != nil {
				return // closed
			}
			if rerr == nil {
				c.add(buf[:n], from)
			}
		}
	}()
	return c, nil
}

// Packets returns what has been kept so far, oldest first.
func (c *Capture) Packets() []Packet {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.packets)
}

// Count returns how many of the packets kept so far match.
func (c *Capture) Count(match func(Packet) bool) int {
	n := 0
	for _, p := range c.Packets() {
		if match(p) {
			n++
		}
	}
	return n
}

// Reset forgets what has been kept so far.
func (c *Capture) Reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.packets = nil
}

// Wait returns the first packet kept that matches, waiting for it if need be.
func (c *Capture) Wait(ctx context.Context, match func(Packet) bool) (Packet, error) {
	until, err := c.Until(ctx, match)
	if err != nil {
		return Packet{}, err
	}
	return until[len(until)-1], nil
}

// Until waits for the first packet that matches and returns everything kept up
// to and including it. It is how a test sees that a packet did *not* arrive: send
// it, send one that must arrive behind it, and look at what came until then. On
// an error it returns what came until then.
func (c *Capture) Until(ctx context.Context, match func(Packet) bool) ([]Packet, error) {
	for {
		c.mu.Lock()
		packets, changed := slices.Clone(c.packets), c.changed
		c.mu.Unlock()
		if i := slices.IndexFunc(packets, match); i >= 0 {
			return packets[:i+1], nil
		}
		select {
		case <-changed:
		case <-c.done:
			return packets, ErrCaptureClosed
		case <-ctx.Done():
			return packets, fmt.Errorf("netlab: %s: none of %d packets matched: %w", c.file.Name(),
				len(packets), ctx.Err())
		}
	}
}

// Lost returns how many packets were not kept because the limit was reached or
// the kernel's buffer was full.
func (c *Capture) Lost() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if raw, err := c.file.SyscallConn(); err == nil {
		// Reading the statistics resets them.
		_ = raw.Control(func(fd uintptr) {
			if st, err := unix.GetsockoptTpacketStats(int(fd), unix.SOL_PACKET,
				unix.PACKET_STATISTICS); err == nil {
				c.lost += uint64(st.Drops)
			}
		})
	}
	return c.lost
}

// Close ends the capture. What it kept can still be read. Further calls do nothing.
func (c *Capture) Close() error {
	err := c.file.Close()
	<-c.done
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}

// add keeps a packet if it is IP and wanted.
func (c *Capture) add(b []byte, from unix.Sockaddr) {
	ll, ok := from.(*unix.SockaddrLinklayer)
	if !ok || ll.Protocol != networkOrder(unix.ETH_P_IP) &&
		ll.Protocol != networkOrder(unix.ETH_P_IPV6) {
		return
	}
	p := Packet{Bytes: slices.Clone(b), Outgoing: ll.Pkttype == unix.PACKET_OUTGOING}
	if p.Outgoing && !c.options.Outgoing || c.options.Filter != nil && !c.options.Filter(p) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.packets) >= c.options.Limit {
		c.lost++
		return
	}
	c.packets = append(c.packets, p)
	close(c.changed)
	c.changed = make(chan struct{})
}

// networkOrder is htons for the protocols of packet sockets.
func networkOrder(v uint16) uint16 {
	b := [2]byte{byte(v >> 8), byte(v)}
	return binary.NativeEndian.Uint16(b[:])
}
