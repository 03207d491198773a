package ssh

import (
	"bufio"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const (
	// maxIncludes bounds how deep files of sshd name others.
	maxIncludes = 8
	// maxConfig bounds what is read of one file, in bytes.
	maxConfig = 1 << 20
)

// unitDirs are where systemd looks for units, what it generates included
// (systemd.unit(5)).
var unitDirs = []string{
	"etc/systemd/system.control", "run/systemd/system.control", "run/systemd/transient",
	"run/systemd/generator.early", "etc/systemd/system", "run/systemd/system",
	"run/systemd/generator", "usr/local/lib/systemd/system", "usr/lib/systemd/system",
	"lib/systemd/system", "run/systemd/generator.late",
}

// configuredPorts returns the ports on which the files below root have SSH servers
// listen: sshd's own, and systemd's socket units. What cannot be read or understood is
// passed over. A port that another file takes back stays in: nobody listens on it then.
func configuredPorts(root string) []uint16 {
	out := sshdPorts(root, filepath.Join(root, "etc/ssh/sshd_config"), 0)
	// Distributions put files there which theirs includes, and users replace theirs.
	dropIns, _ := filepath.Glob(filepath.Join(root, "etc/ssh/sshd_config.d/*.conf"))
	for _, path := range dropIns {
		out = append(out, sshdPorts(root, path, 0)...)
	}
	for _, dir := range unitDirs {
		for _, pattern := range []string{"*ssh*.socket", "*dropbear*.socket"} {
			for _, pattern := range []string{pattern, filepath.Join(pattern+".d", "*.conf")} {
				paths, _ := filepath.Glob(filepath.Join(root, dir, pattern))
				for _, path := range paths {
					out = append(out, unitPorts(path)...)
				}
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// sshdPorts are those of a file of sshd (sshd_config(5): Port, ListenAddress with a
// port, and Include).
func sshdPorts(root, path string, depth int) (out []uint16) {
	for line := range configLines(path) {
		line, _, _ = strings.Cut(line, "#")
		// "Port 22", "port=22" and "Port = 22" are the same.
		words := strings.Fields(strings.Replace(line, "=", " ", 1))
		if len(words) < 2 {
			continue
		}
		switch strings.ToLower(words[0]) {
		case "port":
			out = appendPort(out, strings.Trim(words[1], `"`))
		case "listenaddress":
			if _, port, err := net.SplitHostPort(strings.Trim(words[1], `"`)); err == nil {
				out = appendPort(out, port)
			}
		case "include":
			if depth == maxIncludes {
				continue
			}
			for _, pattern := range words[1:] {
				if pattern = strings.Trim(pattern, `"`); !filepath.IsAbs(pattern) {
					pattern = filepath.Join("etc/ssh", pattern)
				}
				paths, _ := filepath.Glob(filepath.Join(root, pattern))
				for _, path := range paths {
					out = append(out, sshdPorts(root, path, depth+1)...)
				}
			}
		}
	}
	return out
}

// unitPorts are those of a socket unit (systemd.socket(5): ListenStream is a port, an
// address and a port, or something that is neither).
func unitPorts(path string) (out []uint16) {
	for line := range configLines(path) {
		key, value, ok := strings.Cut(line, "=")
		if !ok || strings.TrimSpace(key) != "ListenStream" {
			continue
		}
		value = strings.TrimSpace(value)
		if _, port, err := net.SplitHostPort(value); err == nil && !strings.HasPrefix(value, "vsock:") {
			value = port
		}
		out = appendPort(out, value)
	}
	return out
}

// optionPorts are those on the command line of a server: -p 2222, -p2222, -p HOST:2222
// as dropbear has it, and -o Port=2222 (sshd(8), dropbear(8)).
func optionPorts(args []string) (out []uint16) {
	for i, arg := range args {
		next := ""
		if i+1 < len(args) {
			next = args[i+1]
		}
		if value, ok := strings.CutPrefix(arg, "-p"); ok {
			if value == "" {
				value = next
			}
			if _, port, err := net.SplitHostPort(value); err == nil {
				value = port
			}
			out = appendPort(out, value)
		}
		if value, ok := strings.CutPrefix(arg, "-o"); ok {
			if value == "" {
				value = next
			}
			key, value, _ := strings.Cut(strings.Replace(value, " ", "=", 1), "=")
			if strings.EqualFold(key, "port") {
				out = appendPort(out, value)
			}
		}
	}
	return out
}

func appendPort(out []uint16, text string) []uint16 {
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil || n == 0 {
		return out
	}
	return append(out, uint16(n))
}

// configLines are the lines of a file, none if it cannot be read. Nothing else than a
// regular file is: a pipe would be waited for.
func configLines(path string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		if fi, err := os.Stat(path); err != nil || !fi.Mode().IsRegular() || fi.Size() > maxConfig {
			return
		}
		f, err := os.Open(path)
		if err != nil {
			return
		}
		defer f.Close()
		for s := bufio.NewScanner(f); s.Scan(); {
			if !yield(s.Text()) {
				return
			}
		}
	}
}
