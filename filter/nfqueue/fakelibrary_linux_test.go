package nfqueue

import (
	"encoding/binary"
	"errors"
	"iter"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	library "github.com/florianl/go-nfqueue/v2"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// librarySocket is a netlink.Socket connected to a fake kernel.
type librarySocket struct {
	kernel *fakeKernel
	read   chan []byte
	errs   chan error
	once   sync.Once
	closed chan struct{}
}

func (s *librarySocket) Send(m netlink.Message) error {
	b, err := m.MarshalBinary()
	if err != nil {
		return err
	}
	s.kernel.take(b)
	return nil
}

func (s *librarySocket) SendMessages([]netlink.Message) error { return errors.ErrUnsupported }

func (s *librarySocket) Receive() ([]netlink.Message, error) {
	// The kernel reports an overrun before the messages that it still has.
	select {
	case err := <-s.errs:
		return nil, err
	default:
	}
	select {
	case b := <-s.read:
		for len(b)%4 != 0 {
			b = append(b, 0)
		}
		var ms []netlink.Message
		for len(b) > 0 {
			if len(b) < 16 {
				return nil, errors.New("short message")
			}
			n := int(binary.NativeEndian.Uint32(b)+3) &^ 3
			if n < 16 || n > len(b) {
				return nil, errors.New("incorrect message length")
			}
			var m netlink.Message
			if err := m.UnmarshalBinary(b[:n]); err != nil {
				return nil, err
			}
			ms = append(ms, m)
			b = b[n:]
		}
		return ms, nil
	case err := <-s.errs:
		return nil, err
	case <-s.closed:
		return nil, os.ErrClosed
	}
}

func (s *librarySocket) ReceiveIter() iter.Seq2[netlink.Message, error] {
	return func(yield func(netlink.Message, error) bool) {
		ms, err := s.Receive()
		if err != nil {
			yield(netlink.Message{}, err)
			return
		}
		for _, m := range ms {
			if !yield(m, nil) {
				return
			}
		}
	}
}

func (s *librarySocket) Close() error {
	s.once.Do(func() { close(s.closed) })
	return nil
}

func (s *librarySocket) SetDeadline(time.Time) error      { return nil }
func (s *librarySocket) SetReadDeadline(time.Time) error  { return nil }
func (s *librarySocket) SetWriteDeadline(time.Time) error { return nil }

func openFakeLibrary(t *testing.T, cfg Config, h Handler, k *fakeKernel) Queue {
	s := &librarySocket{
		kernel: k, read: make(chan []byte, 1000), errs: make(chan error, 10), closed: make(chan struct{}),
	}
	k.deliver = func(b []byte) { s.read <- slices.Clone(b) }
	k.overrun = func() { s.errs <- os.NewSyscallError("recvmsg", unix.ENOBUFS) }
	q := newLibraryQueue(cfg, h)
	lib, err := library.Open(&library.Config{
		NfQueue: cfg.Queue, MaxPacketLen: cfg.CopyRange, Flags: library.NfQaCfgFlagGSO,
		Logger: (*libraryLog)(&q.total),
	})
	if err != nil {
		t.Fatal(err)
	}
	lib.Con.Close()
	lib.Con = netlink.NewConn(s, 1)
	q.lib = lib
	q.waiting = k.waiting
	if err := q.start(); err != nil {
		t.Fatal(err)
	}
	return q
}
