package ssh

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestConfiguredPorts(t *testing.T) {
	root := t.TempDir()
	if got := configuredPorts(root); len(got) > 0 {
		t.Errorf("no configuration: ports %v", got)
	}
	for name, text := range map[string]string{
		"etc/ssh/sshd_config": `Include /etc/ssh/sshd_config.d/*.conf "extra/*"
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
		"etc/ssh/sshd_config.d/10-extra.conf": "Port = 2200\n",
		"etc/ssh/sshd_config.d/ignored.txt":   "Port 9998\n",
		// It includes itself: that ends.
		"etc/ssh/extra/a": "Port 2201\nInclude extra/*\n",
		"usr/lib/systemd/system/ssh.socket": "[Socket]\nListenStream=2300\n# ListenStream=9997\n" +
			"ListenDatagram=9996\nListenStream=/run/ssh\nListenStream=vsock::9995\nListenStream=@a\n",
		"etc/systemd/system/ssh.socket.d/a.conf": "[Socket]\nListenStream=\n ListenStream = 2301 \n" +
			"ListenStream=192.0.2.1:2302\nListenStream=[fe80::1]:2303\n",
		"run/systemd/generator/sshd.socket.d/b.conf": "ListenStream=2304\n",
		"etc/systemd/system/dropbear.socket":         "ListenStream=2305\n",
		"etc/systemd/system/web.socket":              "ListenStream=9994\n",
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := configuredPorts(root), []uint16{2200, 2201, 2222, 2223, 2224, 2225, 2226, 2300,
		2301, 2302, 2303, 2304, 2305}; !slices.Equal(got, want) {
		t.Errorf("ports %v, want %v", got, want)
	}
}

func TestOptionPorts(t *testing.T) {
	for line, want := range map[string][]uint16{
		"/usr/sbin/sshd -D":             nil,
		"/usr/sbin/sshd -p 2222 -p2223": {2222, 2223},
		"sshd: /usr/sbin/sshd -D -o Port=2224 -oport 2225 [listener] 0 of 10-100 startups": {2224},
		"/usr/sbin/dropbear -F -p 192.0.2.1:2226 -p [::]:2227 -P /run/d.pid":               {2226, 2227},
		"sshd: root@pts/0": nil,
		"sshd -p":          nil,
	} {
		if got := optionPorts(strings.Fields(line)); !slices.Equal(got, want) {
			t.Errorf("%s: ports %v, want %v", line, got, want)
		}
	}
}
