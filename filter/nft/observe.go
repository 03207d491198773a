package nft

import "errors"

// ObserveTable is the name of the table of an observation, family inet. It is not that of
// [TableName], and neither minds the other.
const ObserveTable = TableName + "-learn"

// observeGroup is the first log group that an observation tries.
const observeGroup = 4270

// ErrObserved: there is an observation already.
var ErrObserved = errors.New("table inet " + ObserveTable + " is there already: another " +
	"sgfw learn watches this network namespace")

// ErrNoOwner: the kernel has no tables that vanish with their process (Linux 5.12).
var ErrNoOwner = errors.New("the kernel has no tables that vanish with their process (Linux 5.12)")
