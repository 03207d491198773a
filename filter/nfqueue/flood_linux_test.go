package nfqueue

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// BenchmarkFlood sends UDP packets of 64 bytes through the output hook of lo as fast as possible,
// with at most 256 packets in flight, so that no queue overflows. Sender and receiver use plain
// system calls, to keep Go's network poller out of the measurement.
func BenchmarkFlood(b *testing.B) {
	for _, d := range Drivers() {
		b.Run(string(d), func(b *testing.B) {
			namespace(b)
			q := mustOpen(b, d, Config{Queue: testQueue}, acceptAll{})
			queueUDP(b, testQueue, 1)
			out, in := blockingPair(b)
			ctx, cancel := context.WithCancel(b.Context())
			ended := make(chan error, 1)
			go func() { ended <- q.Run(ctx) }()
			var arrived atomic.Int64
			received := make(chan error, 1)
			go func() {
				runtime.LockOSThread()
				defer runtime.UnlockOSThread()
				buf := make([]byte, 2048)
				for arrived.Load() < int64(b.N) {
					switch _, err := unix.Read(in, buf); err {
					case nil:
						arrived.Add(1)
					case unix.EINTR: // a receive timeout makes signals visible
					default:
						received <- err
						return
					}
				}
				received <- nil
			}()
			const window = 256
			payload := make([]byte, 64)
			before := processorTime(b)
			b.ResetTimer()
			for sent := range int64(b.N) {
				for sent-arrived.Load() >= window {
					if len(received) > 0 {
						b.Fatalf("receive: %v", <-received)
					}
					_ = unix.Nanosleep(&unix.Timespec{Nsec: 100_000}, nil)
				}
				if _, err := unix.Write(out, payload); err != nil {
					b.Fatal(err)
				}
			}
			if err := <-received; err != nil {
				b.Fatalf("receive: %v", err)
			}
			// Includes sender and receiver. Other work on the machine changes it less than the
			// clock.
			b.ReportMetric(float64(processorTime(b)-before)/float64(b.N), "cpu-ns/packet")
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "packets/s")
			s := q.Stats()
			b.ReportMetric(float64(s.Packets)/float64(max(s.Batches, 1)), "packets/batch")
			cancel()
			if err := <-ended; err != nil {
				b.Fatal(err)
			}
		})
	}
}

// processorTime is the processor time that the process has used.
func processorTime(b *testing.B) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// blockingPair returns a sender and a receiver of UDP on lo.
func blockingPair(b *testing.B) (out, in int) {
	b.Helper()
	for _, fd := range []*int{&in, &out} {
		var err error
		if *fd, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { unix.Close(*fd) })
	}
	// The default holds fewer than 256 packets: each counts as 768 bytes.
	if err := unix.SetsockoptInt(in, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 4<<20); err != nil {
		b.Fatal(err)
	}
	if err := unix.Bind(in, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		b.Fatal(err)
	}
	to, err := unix.Getsockname(in)
	if err != nil {
		b.Fatal(err)
	}
	if err := unix.Connect(out, to); err != nil {
		b.Fatal(err)
	}
	wait := unix.NsecToTimeval(patience.Nanoseconds())
	if err := unix.SetsockoptTimeval(in, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait); err != nil {
		b.Fatal(err)
	}
	return out, in
}
