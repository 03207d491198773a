package sockets

// Owner is the process that has a socket open.
type Owner struct {
	// Name is that of the process, as ps shows it (comm).
	Name string
	PID  int
}
