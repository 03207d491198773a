//go:build !linux

package process

// ListeningOn knows nothing.
func ListeningOn(string) Listening { return ListeningUnknown }
