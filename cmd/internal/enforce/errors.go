package enforce

import "errors"

// ErrEnslaved says that the policy manages a device that the kernel shows
// under its master's name: packets of a bridge port, or of a bond or VRF
// slave, would never be judged.
var ErrEnslaved = errors.New("device belongs to another device")
