package ssh

import (
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/vishvananda/netlink"

	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
)

func socket(state uint8, inode uint32, local, remote string) *netlink.Socket {
	l, r := netip.MustParseAddrPort(local), netip.MustParseAddrPort(remote)
	s := &netlink.Socket{State: state, INode: inode}
	s.ID.Source, s.ID.SourcePort = net.IP(l.Addr().AsSlice()), l.Port()
	s.ID.Destination, s.ID.DestinationPort = net.IP(r.Addr().AsSlice()), r.Port()
	return s
}

func TestSessionsAreThoseOfSSHPorts(t *testing.T) {
	const sshd, other, feigned, accepted, outgoing = 7, 8, 9, 10, 11
	stranger := socket(tcpListen, feigned, "0.0.0.0:3333", "0.0.0.0:0")
	stranger.UID = 1000
	got := sessions([]*netlink.Socket{
		socket(tcpListen, sshd, "0.0.0.0:2222", "0.0.0.0:0"),
		socket(tcpListen, other, "0.0.0.0:22", "0.0.0.0:0"),   // socket activation: port 22 counts
		socket(tcpListen, other, "0.0.0.0:2200", "0.0.0.0:0"), // configured: whose it is does not matter
		socket(tcpListen, other, "0.0.0.0:80", "0.0.0.0:0"),
		socket(tcpEstablished, 100, "192.0.2.1:2222", "198.51.100.9:50000"),
		socket(tcpEstablished, 101, "192.0.2.1:22", "198.51.100.9:50001"),
		socket(tcpEstablished, 102, "[::ffff:192.0.2.1]:22", "[::ffff:198.51.100.9]:50002"),
		socket(tcpEstablished, 103, "192.0.2.1:80", "198.51.100.9:50003"), // not SSH
		socket(tcpEstablished, 104, "192.0.2.1:50004", "198.51.100.9:22"), // out of the machine
		socket(2, 105, "192.0.2.1:22", "198.51.100.9:50005"),              // SYN_SENT
		socket(tcpEstablished, 106, "192.0.2.1:2200", "198.51.100.9:50006"),
		stranger, // an ordinary user's process that is called sshd
		socket(tcpEstablished, 108, "192.0.2.1:3333", "198.51.100.9:50008"),
		// systemd listens, and the server holds the connection
		socket(tcpListen, other, "0.0.0.0:2300", "0.0.0.0:0"),
		socket(tcpEstablished, accepted, "192.0.2.1:2300", "198.51.100.9:50009"),
		// the server's own, out of the machine
		socket(tcpEstablished, outgoing, "192.0.2.1:50010", "198.51.100.9:443"),
		// configured, and nobody listens
		socket(tcpEstablished, 107, "192.0.2.1:2201", "198.51.100.9:50007"),
	}, map[uint32]bool{sshd: true, feigned: true, accepted: true, outgoing: true},
		[]uint16{2200, 2201})
	want := []Session{
		session("198.51.100.9:50000", "192.0.2.1:2222"),
		session("198.51.100.9:50001", "192.0.2.1:22"),
		session("198.51.100.9:50002", "192.0.2.1:22"),
		session("198.51.100.9:50006", "192.0.2.1:2200"),
		session("198.51.100.9:50009", "192.0.2.1:2300"),
	}
	if d := cmp.Diff(want, got, cmpopts.EquateComparable(netip.AddrPort{})); d != "" {
		t.Error(d)
	}
}

func TestNobodyListens(t *testing.T) {
	got := sessions([]*netlink.Socket{socket(tcpEstablished, 1, "192.0.2.1:22", "198.51.100.9:50000")},
		nil, nil)
	if got != nil {
		t.Errorf("sessions = %v, want none", got)
	}
}

// pair is two hosts with an open TCP connection to port 22 over each family.
func TestFind(t *testing.T) {
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client"), lab.Host("server")
	caller := "203.0.113.77 1 203.0.113.1 22" // of another network

	dev := server.Device("eth0")
	var want []Session
	l, err := server.Listen(t.Context(), "tcp", netlab.Any(22))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dial := func(from *netlab.Host, to netip.Addr) net.Conn {
		c, err := from.Dial(t.Context(), "tcp", netip.AddrPortFrom(to, 22))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	for _, a := range []netip.Addr{dev.IPv4(), dev.IPv6()} {
		c := dial(client, a)
		s := session(c.LocalAddr().String(), c.RemoteAddr().String(), "eth0")
		s.Toward = s.Devices
		want = append(want, s)
		dial(server, a) // the machine's own session, over lo
	}

	find := func() (got []Session) {
		t.Helper()
		if err := server.Do(func() (err error) { got, err = Find(caller); return err }); err != nil {
			t.Fatal(err)
		}
		slices.SortFunc(got, func(a, b Session) int { return a.Client.Compare(b.Client) })
		return got
	}
	slices.SortFunc(want, func(a, b Session) int { return a.Client.Compare(b.Client) })
	if d := cmp.Diff(want, find(), cmpopts.EquateComparable(netip.AddrPort{})); d != "" {
		t.Error(d)
	}

	// The caller's own session counts even where diagnostics do not show it.
	own := netip.AddrPortFrom(client.Device("eth0").IPv4(), 999)
	caller = own.Addr().String() + " 999 " + dev.IPv4().String() + " 2022"
	if !slices.ContainsFunc(find(), func(s Session) bool {
		return s.Client == own && s.Server.Port() == 2022 && slices.Equal(s.Devices, []string{"eth0"}) &&
			slices.Equal(s.Toward, []string{"eth0"})
	}) {
		t.Errorf("the session of the caller is missing from %v", find())
	}
}

func TestCaller(t *testing.T) {
	t.Setenv("SSH_CONNECTION", "192.0.2.9 1 192.0.2.1 22")
	if got := Caller(); got != "192.0.2.9 1 192.0.2.1 22" {
		t.Errorf("Caller = %q", got)
	}
	// Like sudo: the variable is the parent's alone.
	shell := exec.Command("sh", "-c",
		"SSH_CONNECTION='192.0.2.8 1 192.0.2.1 22' sh -c 'env -u SSH_CONNECTION "+printCaller+"=1 "+
			os.Args[0]+" -test.run=^TestPrintCaller$ -test.v; true'; true")
	shell.Env = []string{"PATH=" + os.Getenv("PATH")}
	out, err := shell.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "caller=192.0.2.8 1 192.0.2.1 22") {
		t.Errorf("child of a shell: %s, %v", out, err)
	}
}

// printCaller makes TestPrintCaller print.
const printCaller = "SGFW_TEST_PRINT_CALLER"

func TestPrintCaller(t *testing.T) {
	if os.Getenv(printCaller) != "" {
		t.Logf("caller=%s", Caller())
	}
}

func TestParent(t *testing.T) {
	if got := parent("/proc/self"); got != os.Getppid() {
		t.Errorf("parent = %d, want %d", got, os.Getppid())
	}
	if got := parent("/proc/nonsense"); got != 0 {
		t.Errorf("parent of nothing = %d", got)
	}
}
