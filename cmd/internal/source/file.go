package source

import (
	"context"

	"sgfw/cmd/internal/host/files"
	"sgfw/policy/file"
)

// File is a policy file.
type File struct {
	// Path is what positions in messages are called.
	Path string
}

// Read returns what the file says now.
func (f File) Read() (Revision, error) {
	text, err := file.Read(f.Path)
	if err != nil {
		return Revision{}, err
	}
	return NewRevision(text), nil
}

// Follow calls settled when the file may say something new, however it was changed:
// written in place, replaced by a rename, or reached through a symbolic link that was
// swapped, as Kubernetes does with a ConfigMap. It calls it once at the start, too.
// It returns nil when ctx ends.
func (f File) Follow(ctx context.Context, settled func()) error {
	return files.Follow(ctx, f.Path, files.DefaultDelays, settled)
}
