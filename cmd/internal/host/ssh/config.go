package ssh

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// configuredPorts returns the ports that OpenSSH's server is told to listen on by
// the files in dir (sshd_config(5): Port, and ListenAddress with a port). What
// cannot be read or understood is passed over; Include is followed only to
// where distributions put it.
func configuredPorts(dir string) []uint16 {
	files, _ := filepath.Glob(filepath.Join(dir, "sshd_config.d", "*.conf"))
	var out []uint16
	for _, f := range append(files, filepath.Join(dir, "sshd_config")) {
		b, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(b)) {
			line, _, _ = strings.Cut(line, "#")
			// "Port 22", "port=22" and "Port = 22" are the same.
			words := strings.Fields(strings.Replace(line, "=", " ", 1))
			if len(words) < 2 {
				continue
			}
			port := strings.Trim(words[1], `"`)
			switch strings.ToLower(words[0]) {
			case "port":
			case "listenaddress":
				_, p, err := net.SplitHostPort(port)
				if err != nil {
					continue
				}
				port = p
			default:
				continue
			}
			if n, err := strconv.ParseUint(port, 10, 16); err == nil && n > 0 {
				out = append(out, uint16(n))
			}
		}
	}
	return out
}
