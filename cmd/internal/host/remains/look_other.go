//go:build !linux

package remains

import "sgfw/cmd/internal/api"

// Look knows nothing: only Linux has the tables.
func Look() api.Remains {
	return api.Remains{State: api.RemainsUnknown, Why: "this is not Linux"}
}
