package nft

import (
	"context"
	"os"
	"sync"
	"time"

	"github.com/florianl/go-nfqueue/v2"
	"golang.org/x/sys/unix"
)

// Hooks as a queue names them (include/uapi/linux/netfilter.h).
const (
	hookInput   = 1
	hookForward = 2
	hookOutput  = 3
	hookPre     = 0
	hookPost    = 4
)

// queuedPacket is what a queue was asked about.
type queuedPacket struct {
	queue uint16
	hook  uint8
	bytes []byte
}

// listener answers a queue and remembers what it was asked.
type listener struct {
	mu      sync.Mutex
	packets []queuedPacket
}

func (l *listener) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.packets = nil
}

func (l *listener) all() []queuedPacket {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]queuedPacket(nil), l.packets...)
}

func (l *listener) seen(hook uint8) (n int) {
	for _, p := range l.all() {
		if p.hook == hook {
			n++
		}
	}
	return n
}

// answer binds a queue of the namespace until the test ends.
func (l *lab) answer(queue uint16, passes func(queuedPacket) bool) *listener {
	l.t.Helper()
	q := &listener{}
	conn, err := nfqueue.Open(&nfqueue.Config{NetNS: l.fd, NfQueue: queue, MaxPacketLen: 65535,
		Copymode: nfqueue.NfQnlCopyPacket, WriteTimeout: time.Second})
	if err != nil {
		l.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	l.t.Cleanup(func() { cancel(); _ = conn.Close() })
	hook := func(a nfqueue.Attribute) int {
		p := queuedPacket{queue: queue, hook: *a.Hook, bytes: *a.Payload}
		q.mu.Lock()
		q.packets = append(q.packets, p)
		q.mu.Unlock()
		verdict := nfqueue.NfDrop
		if passes(p) {
			verdict = nfqueue.NfAccept
		}
		_ = conn.SetVerdict(*a.PacketID, verdict)
		return 0
	}
	if err := conn.RegisterWithErrorFunc(ctx, hook, func(error) int { return 0 }); err != nil {
		l.t.Fatal(err)
	}
	return q
}

// tun makes a device without link-layer headers; what is written to it comes in.
func (l *lab) tun(device string, addrs ...string) *os.File {
	l.t.Helper()
	var file *os.File
	l.do(func() error {
		fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		request, err := unix.NewIfreq(device)
		if err != nil {
			return err
		}
		request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, request); err != nil {
			return err
		}
		file = os.NewFile(uintptr(fd), device)
		return nil
	})
	l.t.Cleanup(func() { _ = file.Close() })
	l.up(device, addrs...)
	return file
}
