package ssh

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestConfiguredPorts(t *testing.T) {
	dir := t.TempDir()
	if got := configuredPorts(dir); len(got) > 0 {
		t.Errorf("no configuration: ports %v", got)
	}
	if err := os.Mkdir(filepath.Join(dir, "sshd_config.d"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"sshd_config": `Include /etc/ssh/sshd_config.d/*.conf
Port 2222
  port=2223 # one more
#Port 9999
Port "2224"
Port none
Port 70000
Port 0
ListenAddress 192.0.2.1
ListenAddress 192.0.2.1:2225
ListenAddress [2001:db8::1]:2226
PermitRootLogin yes
`,
		"sshd_config.d/10-extra.conf": "Port = 2200\n",
		"sshd_config.d/ignored.txt":   "Port 9998\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := configuredPorts(dir),
		[]uint16{2200, 2222, 2223, 2224, 2225, 2226}; !slices.Equal(got, want) {
		t.Errorf("ports %v, want %v", got, want)
	}
}
