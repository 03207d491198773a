package state

import (
	"flag"
	"net"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
)

// realTimeEnv marks the process that runs TestUDPTimeoutInRealTime beside the others.
const realTimeEnv = "SGFW_TEST_REAL_TIME"

// ahead waits for that process and returns what became of it. It is nil where the
// test runs by itself.
var ahead func() (out []byte, err error)

// runAhead starts the test that takes half a minute, nearly all of it asleep, so that
// it is over when its turn comes. A run of chosen tests does without.
func runAhead() {
	flag.Parse()
	if os.Getenv(realTimeEnv) != "" || flag.Lookup("test.run").Value.String() != "" ||
		flag.Lookup("test.list").Value.String() != "" {
		return
	}
	c := exec.Command("/proc/self/exe", "-test.run=^TestUDPTimeoutInRealTime$", "-test.v")
	c.Env = append(os.Environ(), realTimeEnv+"=1", harness.ProgramEnv+"="+harness.Program)
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var out []byte
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // the child dies with the thread that started it
		out, err = c.CombinedOutput()
	}()
	ahead = sync.OnceValues(func() ([]byte, error) {
		<-done
		return out, err
	})
}

// TestUDPTimeoutInRealTime: by the machine's own clock an answer passes for 30 s
// after its question, and not later. All other timers are tested with a clock that
// the test turns.
func TestUDPTimeoutInRealTime(t *testing.T) {
	parity.Proves(t, "timer udp", "row 16")
	labtest.RequireRoot(t)
	if ahead != nil {
		if out, err := ahead(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	const (
		timer = 30 * time.Second
		early = timer - 6*time.Second // leaves a busy machine time to be late
	)
	late := timer + time.Second + harness.CountedWithin()
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client"), lab.Host("server")
	harness.Enforce(t, server, harness.PolicyWith([]string{harness.Allow("udp", harness.Inward)}, nil))
	var services, within, beyond []*harness.Inbox
	var asked time.Time
	ask := func(family int, asker *harness.Inbox) {
		at := harness.AddrPort(harness.BothAddresses(server.Device("eth0"))[family], harness.Inward)
		content := asker.Send(t, at)
		for deadline := time.Now().Add(harness.ArrivalTimeout); ; content = asker.Send(t, at) {
			if _, ok := services[family].Receives(content, 2*harness.SilenceTimeout); ok {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("no question arrives at %v", at)
			}
		}
	}
	// Other tests fill the machine's queues: a packet that must pass has several tries.
	answered := func(family int, asker *harness.Inbox, tries int) bool {
		for range tries {
			to := asker.Conn.LocalAddr().(*net.UDPAddr).AddrPort()
			if _, ok := asker.Receives(services[family].Send(t, to), harness.SilenceTimeout); ok {
				return true
			}
		}
		return false
	}
	for family, a := range harness.BothAddresses(server.Device("eth0")) {
		services = append(services, harness.NewInbox(t, server, harness.AddrPort(a, harness.Inward)))
		own := harness.BothAddresses(client.Device("eth0"))[family]
		within, beyond = append(within,
			harness.NewInbox(t, client, harness.AddrPort(own, harness.Outward))),
			append(beyond, harness.NewInbox(t, client, harness.AddrPort(own, harness.Outward+1)))
		if family == 0 {
			asked = time.Now()
		}
		ask(family, within[family])
		ask(family, beyond[family])
	}
	arrived := time.Now()

	time.Sleep(time.Until(asked.Add(early)))
	for family := range services {
		if !answered(family, within[family], 5) && time.Since(asked) < timer {
			t.Errorf("family %d: no answer %v after the question", family, early)
		}
	}
	time.Sleep(time.Until(arrived.Add(late)))
	for family := range services {
		if answered(family, beyond[family], 2) {
			t.Errorf("family %d: an answer %v after the question", family, late)
		}
		ask(family, beyond[family])
		if !answered(family, beyond[family], 5) {
			t.Errorf("family %d: no answer to a new question", family)
		}
	}
}
