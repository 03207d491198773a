package state

import (
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Now reads both clocks.
func Now() (Moment, error) {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return Moment{}, fmt.Errorf("state: %w", err)
	}
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return Moment{}, fmt.Errorf("state: CLOCK_BOOTTIME: %w", err)
	}
	return Moment{Wall: time.Now(), Boot: strings.TrimSpace(string(boot)),
		Steady: time.Duration(ts.Nano())}, nil
}
