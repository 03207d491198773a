package lifecycle

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"sgfw/test/harness"
	"sgfw/test/netlab"
)

// `make soak` has a thousand.
var (
	kills    = flag.Int("kills", 20, "how often TestKillsUnderTraffic ends the daemon")
	killSeed = flag.Uint64("kill-seed", 0, "the seed of its moments, 0 for one that nobody has tried")
)

// Ports of transfers that the server opens; those that the client opens go to GateEcho.
const outTransfer = 2003

// killPolicy permits transfers both ways, and the sessions of the test or not.
func killPolicy(datapath string, sessions bool) string {
	in := []string{harness.Allow("udp", harness.GateIn), harness.Allow("tcp", harness.GateEcho)}
	out := []string{harness.Allow("udp", harness.GateOut), harness.Allow("tcp", outTransfer)}
	if sessions {
		for _, p := range []string{"tcp", "udp"} {
			in = append(in, harness.Allow(p, harness.Inward))
			out = append(out, harness.Allow(p, harness.Outward))
		}
	}
	return harness.PolicyWith(in, out, "on_stop: keep", "datapath: "+datapath)
}

// TestKillsUnderTraffic ends the daemon at random moments, by SIGKILL, in order, in the middle
// of an ordered stop and in the middle of a start, and starts it again. TCP transfers go on
// both ways meanwhile, and each ends with the right hash. Sessions of TCP and UDP whose rules
// are gone go on by the flow table alone. A revoked one stays cut. And of what no rule permits,
// which is sent all the time, nothing arrives at any moment.
func TestKillsUnderTraffic(t *testing.T) {
	for _, datapath := range []string{"userspace", "offload"} {
		t.Run(datapath, func(t *testing.T) {
			t.Parallel()
			seed := *killSeed
			if seed == 0 {
				seed = rand.Uint64()
			}
			t.Logf("-kill-seed=%d", seed)
			newKilling(t, datapath, seed).run(*kills)
		})
	}
}

// killing is one run of the test.
type killing struct {
	t              *testing.T
	random         *rand.Rand
	client, server *netlab.Host
	g              *harness.Gate
	d              *harness.Daemon
	prober         *prober
	exchange       *exchange
	// over ends what lasts for the whole run.
	over     atomic.Bool
	running  sync.WaitGroup
	sessions []*hashedTransfer
	streams  []*udpStream
	cut      *hashedTransfer
	// What was seen.
	transfers, bytes atomic.Int64
	ends             [endings]int
	restored         int
}

func newKilling(t *testing.T, datapath string, seed uint64) *killing {
	client, server, g := harness.NewPair(t)
	k := &killing{t: t, random: rand.New(rand.NewPCG(seed, 1)), client: client.Host(),
		server: server.Host(), g: g, exchange: newExchange(t)}
	for i := range g.Near {
		for _, port := range []int{harness.GateEcho, harness.Inward} {
			k.exchange.serve(k.server, harness.AddrPort(g.Near[i], port))
		}
		for _, port := range []int{outTransfer, harness.Outward} {
			k.exchange.serve(k.client, harness.AddrPort(g.Far[i], port))
		}
	}
	k.prober = newProber(t, client, server, g)
	k.prober.arrives("before the first start")
	k.d = harness.Prepare(t, k.server, killPolicy(datapath, true))
	k.d.Start("--no-adopt") // the sockets of the prober are no conversations
	k.beginSessions()
	k.d.Reload(killPolicy(datapath, false))
	k.d.Revoke(t, 1, 0, "--from", k.cut.opener.LocalAddr().String())
	time.Sleep(1500 * time.Millisecond) // what is kept is a second old
	return k
}

// beginSessions begins what no rule permits later on: sessions that last, and one that is
// revoked.
func (k *killing) beginSessions() {
	k.t.Helper()
	begin := func(from *netlab.Host, to netip.AddrPort, tr *hashedTransfer) *hashedTransfer {
		k.t.Helper()
		tr.over, tr.chunk, tr.pause = &k.over, 2000, 5*time.Millisecond
		if err := k.exchange.begin(from, to, tr); err != nil {
			k.t.Fatal(err)
		}
		return tr
	}
	for i := range k.g.Near {
		for _, s := range []struct {
			from, other *netlab.Host
			to          netip.AddrPort
		}{
			{k.client, k.server, harness.AddrPort(k.g.Near[i], harness.Inward)},
			{k.server, k.client, harness.AddrPort(k.g.Far[i], harness.Outward)},
		} {
			tr := begin(s.from, s.to, new(hashedTransfer))
			k.sessions = append(k.sessions, tr)
			k.running.Go(func() { k.finish(tr) })
			echoDatagrams(k.t, s.other, s.to)
			k.streams = append(k.streams, newUDPStream(k.t, s.from, s.to))
		}
	}
	k.cut = begin(k.client, harness.AddrPort(k.g.Near[0], harness.Inward),
		&hashedTransfer{patience: 24 * time.Hour})
	go k.cut.run() // which is an error
	k.t.Cleanup(func() { k.cut.opener.Close() })
	k.cut.forwards(k.t, "at first")
	k.goOn("at first")
}

// echoDatagrams answers datagrams to an address of a host.
func echoDatagrams(t *testing.T, h *netlab.Host, at netip.AddrPort) {
	t.Helper()
	c, err := h.ListenPacket(t.Context(), "udp", at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	go func() {
		for buf := make([]byte, 64); ; {
			n, from, err := c.ReadFrom(buf)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil {
				_, _ = c.WriteTo(buf[:n], from) // a drop is EPERM for its sender
			}
		}
	}()
}

// finish carries a transfer to its end.
func (k *killing) finish(tr *hashedTransfer) {
	if err := tr.run(); err != nil {
		k.t.Error(err)
		return
	}
	k.transfers.Add(1)
	k.bytes.Add(tr.came[0].Load() + tr.came[1].Load())
}

// keepTransferring begins transfers that rules permit, one after another, until it is over.
// One side may have nothing more to say long before the other one.
func (k *killing) keepTransferring(from *netlab.Host, to netip.AddrPort, seed uint64) {
	k.running.Go(func() {
		for r := rand.New(rand.NewPCG(seed, 2)); !k.over.Load() && !k.t.Failed(); {
			tr := &hashedTransfer{chunk: 16 << 10, pause: 20 * time.Millisecond,
				size: [2]int64{1 + r.Int64N(2<<20), 1 + r.Int64N(2<<20)}}
			if err := k.exchange.begin(from, to, tr); err != nil {
				k.t.Errorf("a connection that rules permit does not come about: %v", err)
				return
			}
			k.finish(tr)
		}
	})
}

// goOn fails the test unless each session of UDP does.
func (k *killing) goOn(when string) {
	k.t.Helper()
	for _, s := range k.streams {
		s.goesOn(k.t, when)
	}
}

// ending is how a daemon goes.
type ending int

const (
	killed ending = iota
	stopped
	killedInStop
	killedInStart
	endings
)

// end ends the daemon in some way.
func (k *killing) end() (how ending, when string) {
	pause := func(most time.Duration) time.Duration {
		after := time.Duration(k.random.Int64N(int64(most)))
		time.Sleep(after)
		return after
	}
	switch n := k.random.IntN(8); {
	case n < 4:
		after := pause(200 * time.Millisecond)
		k.d.Kill()
		return killed, fmt.Sprintf("killed after %v", after)
	case n < 6:
		after := pause(200 * time.Millisecond)
		k.d.Stop()
		return stopped, fmt.Sprintf("stopped after %v", after)
	case n < 7:
		k.d.Cmd.Process.Signal(syscall.SIGTERM)
		after := pause(30 * time.Millisecond)
		k.d.Kill()
		return killedInStop, fmt.Sprintf("killed %v after a stop began", after)
	}
	k.d.Kill()
	if err := k.d.Begin(); err != nil {
		k.t.Fatal(err)
	}
	after := pause(100 * time.Millisecond)
	k.d.Kill()
	return killedInStart, fmt.Sprintf("killed %v after a start began", after)
}

// run ends the daemon so many times.
func (k *killing) run(times int) {
	begun := time.Now()
	for i := range k.g.Near {
		k.keepTransferring(k.client, harness.AddrPort(k.g.Near[i], harness.GateEcho), k.random.Uint64())
		k.keepTransferring(k.server, harness.AddrPort(k.g.Far[i], outTransfer), k.random.Uint64())
	}
	arrived, cut, sent := k.prober.total(), k.cut.came[0].Load()+k.cut.came[1].Load(),
		k.prober.sent.Load()
	for n := 0; n < times && !k.t.Failed(); n++ {
		how, when := k.end()
		k.ends[how]++
		when = fmt.Sprintf("%d: %s", n, when)
		time.Sleep(time.Duration(k.random.Int64N(int64(50 * time.Millisecond))))
		var args []string
		if n < times-1 && k.random.IntN(2) == 0 {
			args = []string{"--no-adopt"} // the flow table alone knows the sessions
		}
		k.d.Start(args...)
		k.looksWell(when)
		k.goOn(when)
		if n := k.prober.total(); n != arrived {
			k.t.Errorf("%s: %d packets that no rule permits arrived", when, n-arrived)
		}
		if n := k.cut.came[0].Load() + k.cut.came[1].Load(); n != cut {
			k.t.Errorf("%s: %d bytes of the revoked session arrived", when, n-cut)
		}
		if n%50 == 49 {
			for _, s := range k.sessions {
				s.forwards(k.t, when)
			}
		}
	}
	took := time.Since(begun)
	if k.t.Failed() { // what began in the last second may be unknown
		k.d.Kill()
		k.d.Start()
	} else {
		for _, s := range k.sessions {
			s.forwards(k.t, "at the end")
		}
	}
	k.over.Store(true)
	k.running.Wait()
	if n := k.prober.total(); n != arrived {
		k.t.Errorf("%d packets that no rule permits arrived", n-arrived)
	}
	sent = k.prober.sent.Load() - sent
	k.d.Stop()
	k.d.Must(k.t, 0, "cleanup")
	k.prober.arrives("after a cleanup")
	var back int64
	for _, s := range k.streams {
		back += s.back.Load()
	}
	k.t.Logf("%d killed, %d stopped, %d killed in a stop, %d in a start, in %v; %d flows restored; "+
		"%d transfers of %d MB had the right hash; %d datagrams of streams came back; of %d packets "+
		"that no rule permits none arrived", k.ends[killed], k.ends[stopped], k.ends[killedInStop],
		k.ends[killedInStart], took.Round(time.Second), k.restored, k.transfers.Load(),
		k.bytes.Load()>>20, back, sent)
}

// takenOver is what a daemon logs of the flows of an earlier one.
var takenOver = regexp.MustCompile(`restored=(\d+) .*gone=(\d+) impossible=(\d+) full=(\d+) ` +
	`.*damaged_blocks=(\d+)`)

// looksWell fails the test unless the daemon has taken over the flows of the one before.
func (k *killing) looksWell(when string) {
	k.t.Helper()
	var m []string
	for deadline := time.Now().Add(harness.EnoughTime(k.t)); ; time.Sleep(time.Millisecond) {
		// What it wrote before it was ready may be on its way.
		m = takenOver.FindStringSubmatch(k.d.Log.String())
		if m != nil || time.Now().After(deadline) {
			break
		}
	}
	if m == nil {
		k.t.Errorf("%s: the log says nothing of flows that go on:\n%s", when, k.d.Log)
		return
	}
	n, _ := strconv.Atoi(m[1])
	k.restored += n
	if n < len(k.sessions)+len(k.streams) || slices.ContainsFunc(m[2:], func(s string) bool {
		return s != "0"
	}) {
		k.t.Errorf("%s: the log says %s", when, m[0])
	}
}
