package screen

import (
	"fmt"
	"strconv"
	"time"
)

// Span is a time span in its largest unit that fits twice, or seconds.
func Span(d time.Duration) string {
	d = max(d, 0)
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%dd", int(d.Hours())/24)
	case d >= 2*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	case d >= 2*time.Minute:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	}
	return fmt.Sprintf("%ds", int(d.Seconds()))
}

// Seconds is Span of a number of seconds.
func Seconds(n int64) string { return Span(time.Duration(n) * time.Second) }

// Number is a count with its thousands apart: 40,000.
func Number[T ~int | ~int64 | ~uint64](n T) string {
	if n < 0 {
		return "-" + Number(uint64(-n))
	}
	digits := strconv.FormatUint(uint64(n), 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
