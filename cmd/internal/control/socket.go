package control

// DefaultSocket is where a daemon listens unless told otherwise.
const DefaultSocket = "/run/sgfw/sgfw.sock"

// NoGroup leaves the socket to the group of the process that makes it.
const NoGroup = -1
