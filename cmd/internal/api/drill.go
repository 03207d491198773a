package api

// Drill is what `sgfw doctor --drill` provoked, and what happened.
type Drill struct {
	Schema string `json:"schema"`
	// AsPromised is true when every promise was kept.
	AsPromised bool       `json:"as_promised"`
	Exercises  []Exercise `json:"exercises"`
}

// Exercise is one failure that was provoked.
type Exercise struct {
	// Datapath is the one in force: "userspace" or "offload".
	Datapath string `json:"datapath"`
	// Provoked, Promised and Happened are words for people.
	Provoked string `json:"provoked"`
	Promised string `json:"promised"`
	Happened string `json:"happened"`
	Kept     bool   `json:"kept"`
}
