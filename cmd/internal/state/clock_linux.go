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
	steady, err := Steady()
	if err != nil {
		return Moment{}, err
	}
	return Moment{Wall: time.Now(), Boot: strings.TrimSpace(string(boot)), Steady: steady}, nil
}

// Steady is the time since the boot, suspension included.
func Steady() (time.Duration, error) {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return 0, fmt.Errorf("state: CLOCK_BOOTTIME: %w", err)
	}
	return time.Duration(ts.Nano()), nil
}
