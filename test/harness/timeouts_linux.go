package harness

import "time"

// How long a test waits for what must arrive, and for what must not. The second
// is only for traffic that nothing can be sent behind; see sentinel in
// datagrams.
const (
	ArrivalTimeout = 10 * time.Second
	SilenceTimeout = 400 * time.Millisecond
)
