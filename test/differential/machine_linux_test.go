package differential

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sgfw/test/harness"
	"sgfw/test/naive"
	"sgfw/test/netlab"
)

// ownMark is the mark of what the tests send from the machine itself. Whatever else it says,
// such as RST to who knocks, is kept from going out: nobody asked it.
const ownMark = 0x7e57

// flowInfo is IPV6_FLOWINFO (include/uapi/linux/in6.h): the label of what is read.
const flowInfo = 11

// muzzle is a table beside the one under test. It comes before connection tracking.
const muzzle = `table inet muzzle {
	chain output {
		type filter hook output priority -400; policy accept;
		meta mark != %#x drop
	}
}
`

// listened are the protocols of which the machine takes packets.
var listened = []int{1, 2, naive.TCP, naive.UDP, 47, 50, naive.ICMPv6, 89, marker}

// inside is the machine itself as an end of traffic.
type inside struct {
	ears []unix.PollFd     // sockets that take packets
	raw  map[string][2]int // sockets that send through a device, by family
	buf  []byte
	oob  []byte
}

// newInside makes the machine between the hosts an end. What it receives has passed the
// input hook.
func newInside(t *testing.T, h *netlab.Host, w *World) *inside {
	t.Helper()
	in := &inside{raw: make(map[string][2]int), buf: make([]byte, 2048), oob: make([]byte, 256)}
	open := func(f func() (int, error)) (fd int) {
		err := h.Do(func() (err error) {
			fd, err = f()
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Close(fd) })
		return fd
	}
	for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
		for _, protocol := range listened {
			fd := open(func() (int, error) { return ear(family, protocol) })
			in.ears = append(in.ears, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
		}
	}
	for _, d := range w.Devices {
		in.raw[d.Name] = [2]int{
			open(func() (int, error) { return rawSocket(unix.AF_INET, d.Name) }),
			open(func() (int, error) { return rawSocket(unix.AF_INET6, d.Name) }),
		}
	}
	return in
}

// ear takes the packets of a protocol.
func ear(family int, protocol int) (int, error) {
	fd, err := unix.Socket(family, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, protocol)
	if err == nil && family == unix.AF_INET6 {
		err = unix.SetsockoptInt(fd, unix.SOL_IPV6, flowInfo, 1)
	}
	if err != nil {
		return 0, fmt.Errorf("raw socket of protocol %d: %w", protocol, err)
	}
	return fd, nil
}

// through waits for the marker behind packet n and reports whether the packet came; ok is
// false when the marker does not come. The two may be for different sockets, so all of
// them are asked once more when the marker is there.
func (in *inside) through(n uint16) (passed, ok bool) {
	deadline := time.Now().Add(harness.ArrivalTimeout)
	for time.Now().Before(deadline) {
		_, err := unix.Poll(in.ears, 100)
		if err != nil && err != unix.EINTR {
			return false, false
		}
		got := in.drain()
		if passed = passed || slices.Contains(got, n); slices.Contains(got, n+1) {
			return passed || slices.Contains(in.drain(), n), true
		}
	}
	return false, false
}

// drain is the numbers of all packets that are there.
func (in *inside) drain() (numbers []uint16) {
	for i, e := range in.ears {
		for {
			n, oobn, _, _, err := unix.Recvmsg(int(e.Fd), in.buf, in.oob, unix.MSG_DONTWAIT)
			if err != nil {
				break
			}
			if i < len(listened) { // IPv4, whose header is there
				number, _ := numberOf(in.buf[:n])
				numbers = append(numbers, number)
				continue
			}
			messages, _ := unix.ParseSocketControlMessage(in.oob[:oobn])
			for _, m := range messages {
				if m.Header.Level == unix.SOL_IPV6 && m.Header.Type == flowInfo {
					numbers = append(numbers, binary.BigEndian.Uint16(m.Data[2:]))
				}
			}
		}
	}
	return numbers
}

// rawSocket sends whole packets through a device.
func rawSocket(family int, device string) (int, error) {
	fd, err := unix.Socket(family, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
	if err != nil {
		return 0, fmt.Errorf("raw socket: %w", err)
	}
	set := func(level, option, value int) {
		if err == nil {
			err = unix.SetsockoptInt(fd, level, option, value)
		}
	}
	err = unix.BindToDevice(fd, device)
	set(unix.SOL_SOCKET, unix.SO_MARK, ownMark)
	set(unix.SOL_SOCKET, unix.SO_BROADCAST, 1)
	if family == unix.AF_INET {
		set(unix.SOL_IP, unix.IP_MULTICAST_LOOP, 0)
	} else {
		set(unix.SOL_IPV6, unix.IPV6_HDRINCL, 1)
		set(unix.SOL_IPV6, unix.IPV6_MULTICAST_LOOP, 0)
	}
	if err != nil {
		unix.Close(fd)
		return 0, fmt.Errorf("raw socket of %s: %w", device, err)
	}
	return fd, nil
}

// send sends a packet through a device. That the firewall drops it is no error.
func (in *inside) send(t *testing.T, device string, index int, dst netip.Addr, b []byte) {
	t.Helper()
	fd := in.raw[device][0]
	var to unix.Sockaddr
	if dst.Is6() {
		six := &unix.SockaddrInet6{Addr: dst.As16()}
		if dst.IsLinkLocalUnicast() || dst.IsMulticast() {
			six.ZoneId = uint32(index)
		}
		fd, to = in.raw[device][1], six
	} else {
		to = &unix.SockaddrInet4{Addr: dst.As4()}
	}
	if err := unix.Sendto(fd, b, 0, to); err != nil && err != unix.EPERM {
		t.Fatalf("to %v through %s: %v", dst, device, err)
	}
}
