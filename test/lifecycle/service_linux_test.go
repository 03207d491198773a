package lifecycle

import (
	"os"
	"path/filepath"

	"sgfw/test/sandbox"
)

// serviceFile is the unit that packages install, and loopbackFile what is added to it for
// metrics at a loopback address.
const (
	serviceFile  = "../../packaging/systemd/sgfw.service"
	loopbackFile = "../../packaging/systemd/metrics-on-loopback.conf"
)

// A process that is started with confineEnv, the directories that stay
// writable, executes its arguments as the unit would; with loopbackEnv also what is added.
const (
	confineEnv   = "SGFW_TEST_CONFINE"
	loopbackEnv  = "SGFW_TEST_LOOPBACK"
	serviceGroup = 61998
)

// confine does not return unless it fails.
func confine() error {
	unit, err := sandbox.ReadUnit(serviceFile)
	if err != nil {
		return err
	}
	if os.Getenv(loopbackEnv) != "" {
		added, err := sandbox.ReadUnit(loopbackFile)
		if err != nil {
			return err
		}
		unit = unit.With(added)
	}
	m := sandbox.Machine{Writable: filepath.SplitList(os.Getenv(confineEnv)), Group: serviceGroup}
	os.Unsetenv(confineEnv)
	return sandbox.Exec(unit, m, os.Args[1:])
}
