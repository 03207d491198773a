package harness

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/florianl/go-nfqueue/v2"
	"github.com/google/nftables"
	mdnetlink "github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// StealDescriptor duplicates the daemon's own netfilter socket with a port id, as a
// debugger can. What is sent over it the kernel takes for the daemon's: so an
// owned table can be altered as one without owner can by anybody, and a queue be
// unbound.
func (d *Daemon) StealDescriptor(t testing.TB, port uint32) int {
	t.Helper()
	fd, ok := d.duplicate(t, port)
	if !ok {
		t.Fatalf("no descriptor of the daemon has port id %d", port)
	}
	return fd
}

// duplicate is hijack where the daemon may have closed the socket.
func (d *Daemon) duplicate(t testing.TB, port uint32) (fd int, ok bool) {
	t.Helper()
	inode := ""
	b, err := d.Host.ReadFile("/proc/thread-self/net/netlink")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if c := strings.Fields(line); len(c) >= 10 && c[1] == fmt.Sprint(unix.NETLINK_NETFILTER) &&
			c[2] == fmt.Sprint(port) {
			inode = c[9]
		}
	}
	pid := d.Cmd.Process.Pid
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if target, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", pid, e.Name())); target != "socket:["+
			inode+"]" {
			continue
		}
		process, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(process)
		var number int
		fmt.Sscan(e.Name(), &number)
		fd, err := unix.PidfdGetfd(process, number, 0)
		if errors.Is(err, unix.EBADF) {
			return -1, false
		}
		if err != nil {
			t.Fatalf("duplicate the daemon's descriptor %d: %v", number, err)
		}
		t.Cleanup(func() { unix.Close(fd) })
		return fd, true
	}
	return -1, false
}

// Unbind takes a queue from the daemon: by NFQNL_CFG_CMD_UNBIND over its own socket.
// It waits while the daemon has not got it.
func (d *Daemon) Unbind(t testing.TB, queue uint16) {
	t.Helper()
	fd, ok := -1, false
	for deadline := time.Now().Add(ArrivalTimeout); !ok; {
		if port := d.QueuePort(t, queue); port != 0 {
			fd, ok = d.duplicate(t, port)
		}
		if time.Now().After(deadline) {
			t.Fatalf("the daemon has no queue %d", queue)
		}
	}
	const config, command, unbind = unix.NFNL_SUBSYS_QUEUE<<8 | 2, 1, 2
	attr, err := mdnetlink.MarshalAttributes(
		[]mdnetlink.Attribute{{Type: command, Data: []byte{unbind, 0, 0, 0}}})
	if err != nil {
		t.Fatal(err)
	}
	m := mdnetlink.Message{
		Header: mdnetlink.Header{Type: config, Flags: mdnetlink.Request},
		Data: append(binary.BigEndian.AppendUint16([]byte{unix.AF_UNSPEC, unix.NFNETLINK_V0}, queue),
			attr...),
	}
	m.Header.Length = uint32(16 + len(m.Data))
	request, err := m.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := unix.Write(fd, request); err != nil {
		t.Fatal(err)
	}
}

// QueuePort is the netlink port id of whoever has a queue, 0 for nobody.
func (d *Daemon) QueuePort(t testing.TB, queue uint16) (port uint32) {
	t.Helper()
	for _, line := range Queues(t, d.Host) {
		if c := strings.Fields(line); len(c) > 1 && c[0] == fmt.Sprint(queue) {
			fmt.Sscan(c[1], &port)
		}
	}
	return port
}

// tablePort is the port id of the socket that owns the daemon's table, 0 for none.
func (d *Daemon) tablePort(t testing.TB) (port uint32) {
	t.Helper()
	err := d.Host.Do(func() error {
		c, err := mdnetlink.Dial(unix.NETLINK_NETFILTER, nil)
		if err != nil {
			return err
		}
		defer c.Close()
		const getTable, name, owner = unix.NFNL_SUBSYS_NFTABLES<<8 | unix.NFT_MSG_GETTABLE,
			unix.NFTA_TABLE_NAME, 7
		attr, err := mdnetlink.MarshalAttributes(
			[]mdnetlink.Attribute{{Type: name, Data: []byte("sgfw\x00")}})
		if err != nil {
			return err
		}
		answers, err := c.Execute(mdnetlink.Message{
			Header: mdnetlink.Header{Type: getTable, Flags: mdnetlink.Request},
			Data:   append([]byte{unix.NFPROTO_INET, unix.NFNETLINK_V0, 0, 0}, attr...),
		})
		if err != nil || len(answers) == 0 {
			return errors.Join(err, errors.New("no answer"))
		}
		ad, err := mdnetlink.NewAttributeDecoder(answers[0].Data[4:])
		if err != nil {
			return err
		}
		ad.ByteOrder = binary.BigEndian
		for ad.Next() {
			if ad.Type() == owner {
				port = ad.Uint32()
			}
		}
		return ad.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// Intruder is an nftables connection over the socket that owns the daemon's table.
// Nothing that it sends asks for an answer, which the daemon would take for one to
// itself; queries need another connection.
func (d *Daemon) Intruder(t testing.TB) *nftables.Conn {
	t.Helper()
	fd := d.StealDescriptor(t, d.tablePort(t))
	c, err := nftables.New(nftables.WithTestDial(
		func(requests []mdnetlink.Message) ([]mdnetlink.Message, error) {
			var batch []byte
			for _, m := range requests {
				m.Header.Flags &^= mdnetlink.Acknowledge | unix.NLM_F_ECHO
				m.Header.PID = 0
				for len(m.Data)%4 != 0 {
					m.Data = append(m.Data, 0)
				}
				m.Header.Length = uint32(16 + len(m.Data))
				b, err := m.MarshalBinary()
				if err != nil {
					return nil, err
				}
				batch = append(batch, b...)
			}
			if len(batch) > 0 {
				if _, err := unix.Write(fd, batch); err != nil {
					return nil, err
				}
			}
			return requests, nil
		}))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Steal binds a queue of the daemon for a program that accepts everything.
func (d *Daemon) Steal(t testing.TB, queue uint16) (release func()) {
	t.Helper()
	for deadline := time.Now().Add(ArrivalTimeout); time.Now().Before(deadline); {
		d.Unbind(t, queue)
		q, err := nfqueue.Open(&nfqueue.Config{
			NfQueue: queue, NetNS: d.Host.NetNS(), MaxQueueLen: 1024, MaxPacketLen: 64,
			Copymode: nfqueue.NfQnlCopyPacket,
		})
		if err != nil {
			t.Fatal(err)
		}
		err = q.RegisterWithErrorFunc(t.Context(), func(a nfqueue.Attribute) int {
			_ = q.SetVerdict(*a.PacketID, nfqueue.NfAccept)
			return 0
		}, func(error) int { return 0 })
		if err == nil {
			return func() { q.Close() }
		}
		q.Close() // the daemon was faster
	}
	t.Fatalf("queue %d cannot be stolen", queue)
	return nil
}
