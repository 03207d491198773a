package operations

import (
	"net"
	"net/netip"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
)

// toNobody is how many datagrams a host got for ports on which nobody waits
// (UDP NoPorts of SNMP).
func toNobody(t *testing.T, h *netlab.Host) int {
	t.Helper()
	b, err := h.ReadFile("/proc/thread-self/net/snmp")
	if err != nil {
		t.Fatal(err)
	}
	var lines [][]string
	for line := range strings.Lines(string(b)) {
		if strings.HasPrefix(line, "Udp:") {
			lines = append(lines, strings.Fields(line))
		}
	}
	for i, name := range lines[0] {
		if name == "NoPorts" {
			n, err := strconv.Atoi(lines[1][i])
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatal("no NoPorts")
	return 0
}

// numberBefore is the number before a text in what was said, 0 for none.
func numberBefore(t *testing.T, said, text string) int {
	t.Helper()
	m := regexp.MustCompile(`([\d,]+) ` + text).FindStringSubmatch(strings.Join(
		strings.Fields(said), " "))
	if m == nil {
		return 0
	}
	n, err := strconv.Atoi(strings.ReplaceAll(m[1], ",", ""))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestLearnUnderFlood scans all ports of a machine from several addresses, as fast as one can,
// while sgfw learn is suspended and then goes on: nobody waits for it, each first packet is
// either read or counted as lost, none of them becomes a rule, and the memory that it takes
// stays within bounds.
func TestLearnUnderFlood(t *testing.T) {
	t.Parallel()
	lab := labtest.New(t, harness.Neighbours())
	client, server := lab.Host("client"), lab.Host("server")
	l := learn(t, server, "--device", "eth0")
	before := toNobody(t, server)
	if err := l.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for i, from := range []string{"192.0.2.1", "192.0.2.10", "192.0.2.11", "192.0.2.12"} {
		if i == 3 {
			if err := l.cmd.Process.Signal(syscall.SIGCONT); err != nil {
				t.Fatal(err)
			}
		}
		c, err := client.ListenPacket(t.Context(), "udp", harness.ParseAddrPort(from+":0"))
		if err != nil {
			t.Fatal(err)
		}
		for port := 1; port < 1<<16; port++ {
			// What the devices have no room for is not counted here either.
			_, _ = c.WriteTo([]byte("x"), net.UDPAddrFromAddrPort(
				netip.AddrPortFrom(netip.MustParseAddr("192.0.2.2"), uint16(port))))
		}
		c.Close()
	}
	time.Sleep(500 * time.Millisecond)
	memory, err := os.ReadFile("/proc/" + strconv.Itoa(l.cmd.Process.Pid) + "/status")
	if err != nil {
		t.Fatal(err)
	}
	policy, said := l.ends()
	got := toNobody(t, server) - before
	read := numberBefore(t, said, "conversations? that others tried")
	lost := numberBefore(t, said, "first packets? not seen")
	peak := numberBefore(t, strings.ReplaceAll(string(memory), "VmHWM:\t", "VmHWM: "), "kB VmRSS")
	t.Logf("%d arrived, %d read, %d lost, %d kB at most", got, read, lost, peak)
	if got < 100_000 || lost == 0 || read == 0 || read+lost < got || read+lost > got+10 {
		t.Errorf("%d arrived; %d are read and %d lost", got, read, lost)
	}
	if peak == 0 || peak > 200<<10 {
		t.Errorf("it takes %d kB", peak)
	}
	if strings.Contains(policy, "ports:") {
		t.Errorf("a scan teaches something:\n%s", policy)
	}
}
