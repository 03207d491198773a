package api

// InterfaceStatus is one entry of the policy's interfaces and the devices that
// it covers now.
type InterfaceStatus struct {
	Device string `json:"device"`
	// ID is left out for a pattern: each device that it covers has its own.
	ID   string `json:"id,omitempty"`
	Mode string `json:"mode"`
	// View is "local" or "wire": which addresses are judged where this machine rewrites
	// them.
	View   string   `json:"view"`
	Groups []string `json:"security_groups"`
	// NetworkACL is left out for an interface without one.
	NetworkACL string `json:"network_acl,omitempty"`
	// Scope is that of interfaces which share their flows.
	Scope   string   `json:"scope,omitempty"`
	Covered []Device `json:"covered"`
	// Missing says that no device is there which Device names, and that this needs looking
	// into ("unknown") or that it may well come ("later"); left out where one is.
	Missing string `json:"missing,omitempty"`
}

// Values of InterfaceStatus.Missing.
const (
	MissingUnknown = "unknown"
	MissingLater   = "later"
)

// Device is a network device of the machine. Addresses are those of the machine
// that is protected: this one, or the guest behind the device as far as the policy
// says.
type Device struct {
	// Name is the device's own, also where the policy calls it by an altname.
	Name      string   `json:"name"`
	ID        string   `json:"id,omitempty"`
	Index     uint32   `json:"index"`
	Addresses []string `json:"addresses"`
	// AllowanceExceeded counts packets that began a flow and found the table full.
	// AllowanceAvailable is how many flows of the device still find room: what is left
	// of its guarantee, and what is free for all. The names are those of AWS
	// (docs/aws.md T31).
	AllowanceExceeded  uint64 `json:"conntrack_allowance_exceeded"`
	AllowanceAvailable int    `json:"conntrack_allowance_available"`
	// Flows are the tracked ones of the device or, where devices share theirs, of all
	// that do. GuaranteedFlows is how many of these are set aside for it: max_flows, or
	// less while open connections of others leave no room.
	Flows           int `json:"flows"`
	GuaranteedFlows int `json:"guaranteed_flows"`
}
