package api

// Remains is what the kernel has of sgfw where no daemon answers.
type Remains struct {
	// State is what it does to packets: RemainsNothing, RemainsClosed, RemainsOpen,
	// RemainsHeld or RemainsUnknown.
	State string `json:"state"`
	// Why says why the state is not known.
	Why string `json:"why,omitempty"`
	// Tables are the nftables tables, such as "table inet sgfw".
	Tables []string `json:"tables,omitempty"`
	// Devices are those whose packets the tables take: names, or beginnings and *.
	Devices []string `json:"devices,omitempty"`
	// PID and Process are who holds the tables or reads their queues, and Sockets the
	// control sockets that it listens on.
	PID     int      `json:"pid,omitempty"`
	Process string   `json:"process,omitempty"`
	Sockets []string `json:"sockets,omitempty"`
}

// What remains do.
const (
	// RemainsNothing: there is no table, and sgfw filters nothing.
	RemainsNothing = "nothing"
	// RemainsClosed: what comes in or goes out through the devices is dropped, but
	// failsafes.
	RemainsClosed = "closed"
	// RemainsOpen: everything passes.
	RemainsOpen = "open"
	// RemainsHeld: a process holds the tables, or answers the packets. It decides.
	RemainsHeld = "held"
	// RemainsUnknown: whoever asks may not look, or looking failed.
	RemainsUnknown = "unknown"
)
