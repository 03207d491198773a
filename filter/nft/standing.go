package nft

// Standing is what of our tables stands in a namespace, whoever has installed it. The zero
// value is nothing.
type Standing struct {
	// Tables are those that are there, such as "table inet sgfw".
	Tables []string
	// Owner is who holds one of them, nil for nobody: then it is left of a daemon that is
	// gone, or the kernel has no owned tables.
	Owner *OwnedError
	// Devices are those whose packets the tables take, as a Plan names them, each once and
	// in alphabetical order.
	Devices []string
	// Numbers are the interface indexes of those that go by an altname: what name they had
	// when the rules were made the rules do not tell.
	Numbers []uint32
	// QueueBase and QueueCount are the queues that the packets are sent to; none if
	// QueueCount is 0. Bypass: a queue that nobody reads lets them pass, and drops them
	// otherwise.
	QueueBase, QueueCount uint16
	Bypass                bool
	// Drops: a table drops the packets itself.
	Drops bool
}
