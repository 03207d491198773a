package main

import (
	"path/filepath"

	"sgfw/cmd/internal/host/process"
	"sgfw/cmd/internal/state"
)

// lastAltnames are the devices that a daemon with that policy file and state directory knows
// by an altname, with their numbers; none where that cannot be read, or is of another machine.
func lastAltnames(dir, name string) map[string]uint32 {
	path, err := filepath.Abs(name)
	if err != nil {
		return nil
	}
	was, err := state.NewStore(dir, path).LoadAltnames()
	if err != nil {
		return nil
	}
	if now, err := state.Now(); err != nil || now.Boot != was.Boot ||
		was.Network != process.Own().Inode {
		return nil
	}
	return was.Numbers
}
