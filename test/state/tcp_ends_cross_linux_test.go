package state

import (
	"io"
	"net/netip"
	"testing"
	"time"

	"sgfw/test/harness"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
	"sgfw/test/wire"
)

// TestEndsCross has both sides of a connection end it before either has seen the end of the
// other one. With either datapath the flow ends with them, though with offload the
// acknowledgements of both pass unseen. A FIN with numbers that somebody made up ends nothing.
func TestEndsCross(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "offload ends")
	for _, datapath := range []string{"userspace", "offload"} {
		t.Run(datapath, func(t *testing.T) {
			t.Parallel()
			endsCross(t, datapath)
		})
	}
}

func endsCross(t *testing.T, datapath string) {
	lab := labtest.New(t, harness.TwoHosts())
	far, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	setting := "datapath: " + datapath
	opened := harness.PolicyWith([]string{harness.Allow("tcp", harness.Inward)}, nil, setting,
		harness.InOrder)
	d := harness.Enforce(t, server.Host(), opened)
	ended := "time_wait"
	if datapath == "offload" {
		ended = "last_ack|time_wait"
	}
	for i, peer := range []netip.Addr{harness.IP("192.0.2.77"), harness.IP("2001:db8::77")} {
		name := harness.FamilyName(peer)
		UnusedAddress(t, server, peer)
		at := harness.AddrPort(harness.BothAddresses(server)[i], harness.Inward)
		conns := harness.Accepting(t, server.Host(), at)
		w := newWireTCP(t, far, harness.AddrPort(peer, 5555), at)
		w.send(wire.SYN, nil)
		w.receive(wire.SYN|wire.ACK, nil)
		w.send(wire.ACK|wire.PSH, []byte("question"))
		c := harness.Accept(t, conns)
		d.Reload(harness.PolicyWith(nil, nil, setting, harness.InOrder))
		c.SetDeadline(time.Now().Add(harness.ArrivalTimeout))
		if _, err := io.ReadFull(c, make([]byte, 8)); err != nil {
			t.Fatalf("%s: the question did not arrive: %v", name, err)
		}
		if _, err := c.Write([]byte("answer")); err != nil {
			t.Fatal(err)
		}
		w.receive(wire.ACK, []byte("answer"))
		w.send(wire.ACK|wire.PSH, []byte("more"))
		if _, err := io.ReadFull(c, make([]byte, 4)); err != nil {
			t.Fatalf("%s: what followed did not arrive: %v", name, err)
		}
		d.InState(t, "established", "tcp", at.String(), w.local.String())

		c.Close()
		fin := w.receive(wire.FIN|wire.ACK, nil)
		forged := wire.TCP(w.local, at, wire.FIN|wire.ACK, w.seq+1<<20, fin.Seq, nil)
		if err := far.Send(forged); err != nil {
			t.Fatal(err)
		}
		time.Sleep(harness.SilenceTimeout)
		if f, _ := d.Flow("tcp", at.String(), w.local.String()); f.State != "fin_wait" &&
			f.State != "established" {
			t.Errorf("%s: after a FIN with made-up numbers: %+v", name, f)
		}
		w.ack = fin.Seq // the server's FIN has not come
		w.send(wire.FIN|wire.ACK, nil)
		w.receive(wire.ACK, nil)
		w.ack = fin.Next()
		w.send(wire.ACK, nil)
		d.InState(t, ended, "tcp", at.String(), w.local.String())

		if again := harness.DialTCP(t, far.Host(), netip.AddrPort{}, at,
			harness.SilenceTimeout); again != nil {
			again.Close()
			t.Errorf("%s: a new connection passed without a rule", name)
		}
		d.Reload(opened)
		if again := harness.DialTCP(t, far.Host(), netip.AddrPort{}, at,
			harness.ArrivalTimeout); again == nil {
			t.Errorf("%s: a new connection did not pass", name)
		} else {
			again.Close()
		}
	}
}
