package doctor

import (
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestParseSockets reads lines as /proc/net/tcp and tcp6 have them, on a machine
// whose byte order is little endian.
func TestParseSockets(t *testing.T) {
	if !littleEndian {
		t.Skip("the lines were made by a little-endian machine")
	}
	const table = "" +
		"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   " +
		"uid  timeout inode\n" +
		"   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     " +
		"0        0 101 1\n" +
		"   1: 010200C0:0016 090200C0:9C40 01 00000000:00000000 00:00000000 00000000     " +
		"0        0 102 1\n" +
		"   2: 00000000000000000000000000000000:01BB " +
		"00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000 " +
		"    0        0 103 1\n" +
		"   3: B80D0120000000000000000001000000:0050 " +
		"00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000 " +
		"    0        0 104 1\n" +
		"   4: nonsense\n"
	got, inodes := parseSockets(strings.NewReader(table), "tcp", stateListen)
	var ends []string
	for _, l := range got {
		ends = append(ends, l.Address.String())
	}
	if want := []string{"127.0.0.1:8080", "[::]:443", "[2001:db8::1]:80"}; !slices.Equal(ends, want) ||
		!slices.Equal(inodes, []string{"101", "103", "104"}) {
		t.Errorf("listeners %v of %v, want %v", ends, inodes, want)
	}
}

// TestListeners finds the test's own sockets.
func TestListeners(t *testing.T) {
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	comm, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		t.Fatal(err)
	}
	all := Listeners()
	for _, want := range []Listener{
		{"tcp", netip.MustParseAddrPort(tcp.Addr().String()), strings.TrimSpace(string(comm))},
		{"udp", netip.MustParseAddrPort(udp.LocalAddr().String()), strings.TrimSpace(string(comm))},
	} {
		if !slices.Contains(all, want) {
			t.Errorf("%+v is not among %+v", want, all)
		}
	}
}
