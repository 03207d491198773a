package daemon

import (
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// notifier tells the service manager about the daemon's state by the protocol
// of sd_notify(3). Without NOTIFY_SOCKET it does nothing. Its zero value does
// nothing, too.
type notifier struct {
	addr *net.UnixAddr
}

// newNotifier reads NOTIFY_SOCKET and removes it from the environment, so that
// no child speaks in our name. A name that begins with @ is abstract.
func newNotifier() notifier {
	name := os.Getenv("NOTIFY_SOCKET")
	os.Unsetenv("NOTIFY_SOCKET")
	if name == "" || name[0] != '/' && name[0] != '@' {
		return notifier{}
	}
	return notifier{addr: &net.UnixAddr{Name: name, Net: "unixgram"}}
}

// ready says that the policy is in force.
func (n notifier) ready(status string) error { return n.send("READY=1", "STATUS="+status) }

// reloading says that a reload has begun; ready ends it. The time stamp is the
// system-wide monotonic clock in microseconds, as Type=notify-reload wants it.
func (n notifier) reloading() error {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return err
	}
	return n.send("RELOADING=1", fmt.Sprintf("MONOTONIC_USEC=%d", ts.Nano()/1000))
}

// stopping says that an ordered stop has begun.
func (n notifier) stopping() error { return n.send("STOPPING=1", "STATUS=stopping") }

// status replaces the line that `systemctl status` shows.
func (n notifier) status(s string) error { return n.send("STATUS=" + s) }

// alive feeds the watchdog.
func (n notifier) alive() error { return n.send("WATCHDOG=1") }

// notifyPatience is how long a service manager that does not read may hold up
// the daemon, a reload or a stop: a full socket blocks its writers for ever.
const notifyPatience = time.Second

func (n notifier) send(lines ...string) error {
	if n.addr == nil {
		return nil
	}
	c, err := net.DialUnix("unixgram", nil, n.addr)
	if err != nil {
		return fmt.Errorf("sd_notify: %w", err)
	}
	defer c.Close()
	if err := c.SetWriteDeadline(time.Now().Add(notifyPatience)); err != nil {
		return fmt.Errorf("sd_notify: %w", err)
	}
	for i, line := range lines {
		// What comes behind a line feed would be an assignment of its own.
		lines[i] = strings.ReplaceAll(line, "\n", "; ")
	}
	if _, err := c.Write([]byte(strings.Join(lines, "\n"))); err != nil {
		return fmt.Errorf("sd_notify: %w", err)
	}
	return nil
}
