package api

// Namespace is a network namespace of the machine.
type Namespace struct {
	// Inode tells it from others, as in /proc/PID/ns/net.
	Inode uint64 `json:"inode"`
	// Name is what ip-netns(8) calls it, left out where it has no name.
	Name string `json:"name,omitempty"`
	// Initial is true for the one that the machine has from its start on.
	Initial bool `json:"initial"`
}
