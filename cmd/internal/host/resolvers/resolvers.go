// Package resolvers is a reader of resolv.conf: it says which name servers the machine
// uses, and follows what says so: resolv.conf and, where that names systemd-resolved on
// the machine itself, the file with the servers that this asks.
package resolvers

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	watch "sgfw/cmd/internal/host/files"
)

// Files are where name servers are written down.
type Files struct {
	// Conf is resolv.conf (resolv.conf(5)).
	Conf string
	// Upstream has the form of Conf and is read, if it is there, when Conf names a
	// server on the machine itself (systemd-resolved.service(8)).
	Upstream string
}

// SystemFiles are those of this machine.
var SystemFiles = Files{Conf: "/etc/resolv.conf", Upstream: "/run/systemd/resolve/resolv.conf"}

const (
	// maxServers bounds the list; the C library itself asks three of a file.
	maxServers = 16
	// maxSize is as much of a file as is read, in bytes.
	maxSize = 64 << 10
)

// delays are short: a machine that has moved to another network asks at once.
var delays = watch.Delays{Quiet: 50 * time.Millisecond, Most: time.Second, Again: 5 * time.Second}

// Read returns the name servers of now, in the order of the files. A machine
// without resolv.conf has none.
func (f Files) Read() ([]netip.Addr, error) {
	list, err := servers(f.Conf)
	if slices.ContainsFunc(list, netip.Addr.IsLoopback) {
		upstream, upErr := servers(f.Upstream)
		list, err = append(list, upstream...), errors.Join(err, upErr)
	}
	var out []netip.Addr
	for _, a := range list {
		if !slices.Contains(out, a) && len(out) < maxServers {
			out = append(out, a)
		}
	}
	return out, err
}

// servers reads one file; one that is not there names nobody. Lines that are not
// understood name nobody either, as for the C library.
func servers(path string) ([]netip.Addr, error) {
	// Opening a pipe would wait for somebody who writes.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if fi, err := f.Stat(); err != nil {
		return nil, err
	} else if !fi.Mode().IsRegular() {
		return nil, fmt.Errorf("%s (%s) is not a regular file", path, fi.Mode())
	}
	text, err := io.ReadAll(io.LimitReader(f, maxSize))
	if err != nil {
		return nil, err
	}
	var out []netip.Addr
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		words := strings.Fields(lines.Text())
		// The keyword begins the line (resolv.conf(5)).
		if len(words) < 2 || !strings.HasPrefix(lines.Text(), "nameserver") || words[0] != "nameserver" {
			continue
		}
		if a, err := netip.ParseAddr(words[1]); err == nil {
			out = append(out, a.Unmap())
		}
	}
	return out, nil
}

// Follow calls changed once, and then whenever a file may say something else,
// until ctx ends. It returns an error when it cannot go on.
func (f Files) Follow(ctx context.Context, changed func()) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// One at a time: changed need not be safe for concurrent use.
	news, ended := make(chan struct{}), make(chan error)
	for _, path := range []string{f.Conf, f.Upstream} {
		go func() {
			err := watch.Follow(ctx, path, delays, func() {
				select {
				case news <- struct{}{}:
				case <-ctx.Done():
				}
			})
			select {
			case ended <- err:
			case <-ctx.Done():
			}
		}()
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-ended:
			return err
		case <-news:
			changed()
		}
	}
}
