package main

import (
	"fmt"
	"strconv"
	"time"
)

// duration is a flag that takes a time such as 60s or 5m; a number alone is of seconds.
type duration time.Duration

// Set implements pflag.Value.
func (d *duration) Set(s string) error {
	parsed, err := time.ParseDuration(s)
	if _, number := strconv.ParseFloat(s, 64); number == nil {
		parsed, err = time.ParseDuration(s + "s")
	}
	if err != nil {
		return fmt.Errorf("%q is no time such as 60s or 5m", s)
	}
	*d = duration(parsed)
	return nil
}

// String implements pflag.Value. No time is the default, which help does not show.
func (d *duration) String() string {
	if *d == 0 {
		return ""
	}
	return time.Duration(*d).String()
}

// Type implements pflag.Value.
func (d *duration) Type() string { return "duration" }
