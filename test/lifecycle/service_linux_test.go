package lifecycle

import (
	"os"
	"path/filepath"

	"sgfw/test/sandbox"
)

// serviceFile is the unit that packages install.
const serviceFile = "../../packaging/systemd/sgfw.service"

// A process that is started with confineEnv, the directories that stay
// writable, executes its arguments as the unit would.
const (
	confineEnv   = "SGFW_TEST_CONFINE"
	serviceGroup = 61998
)

// confine does not return unless it fails.
func confine() error {
	unit, err := sandbox.ReadUnit(serviceFile)
	if err != nil {
		return err
	}
	m := sandbox.Machine{Writable: filepath.SplitList(os.Getenv(confineEnv)), Group: serviceGroup}
	os.Unsetenv(confineEnv)
	return sandbox.Exec(unit, m, os.Args[1:])
}
