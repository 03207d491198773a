package process

// Listening is what can be known of a socket without asking who listens.
type Listening int

const (
	// ListeningUnknown: nothing is known.
	ListeningUnknown Listening = iota
	// ListeningNobody: no process of this network namespace listens.
	ListeningNobody
	// ListeningSomebody: a process of this network namespace does.
	ListeningSomebody
)
