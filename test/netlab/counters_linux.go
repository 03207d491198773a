package netlab

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// Counters are a host's protocol counters under the names of RFC 1213 and RFC
// 4293 as the kernel writes them: Ip.InDelivers, Udp.InDatagrams, Icmp.InMsgs,
// Ip6.InDelivers, Udp6.InDatagrams, Icmp6.InEchos, TcpExt.TCPTimeouts. They
// count what has passed the input hook, where their names say so.
type Counters map[string]int64

// Counters reads the host's counters.
func (h *Host) Counters() (Counters, error) {
	c := make(Counters)
	for _, file := range []string{"snmp", "netstat", "snmp6"} {
		b, err := h.ReadFile("/proc/thread-self/net/" + file)
		if err != nil {
			return nil, fmt.Errorf("netlab: host %s: counters: %w", h.name, err)
		}
		c.parse(b)
	}
	return c, nil
}

// parse reads either form of the kernel: "Ip: name name" over "Ip: 1 2", or one
// "Ip6name 1" a line.
func (c Counters) parse(b []byte) {
	var prefix string
	var names []string
	for line := range bytes.Lines(b) {
		f := strings.Fields(string(line))
		switch {
		case len(f) == 2 && !strings.HasSuffix(f[0], ":"):
			group, name, ok := strings.Cut(f[0], "6")
			if v, err := strconv.ParseInt(f[1], 10, 64); ok && err == nil {
				c[group+"6."+name] = v
			}
		case len(f) > 0 && f[0] == prefix:
			for i, name := range names {
				if i+1 >= len(f) {
					break
				}
				if v, err := strconv.ParseInt(f[i+1], 10, 64); err == nil {
					c[strings.TrimSuffix(prefix, ":")+"."+name] = v
				}
			}
			prefix = ""
		case len(f) > 0:
			prefix, names = f[0], f[1:]
		}
	}
}
