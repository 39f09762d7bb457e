package guest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows/setup"
)

// progressFile carries a clone's specialize pass over its restarts.
const progressFile = "Windows/Panther/standin-specialize.json"

// specializeClone runs the commands of a clone's specialize pass. When one
// wants a restart the machine restarts, and the pass goes on at its next start.
func (h *host) specializeClone(commands []setup.Command) (restart bool, err error) {
	path := filepath.Join(h.Root(), progressFile)
	var p setup.Progress
	if data, err := os.ReadFile(path); err == nil {
		if err := json.Unmarshal(data, &p); err != nil {
			return false, err
		}
	}
	restart, screen := p.Run(commands, h.cloneCommand)
	if screen != nil {
		return false, screen
	}
	data, err := json.Marshal(p)
	if err != nil {
		return false, err
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		return false, err
	}
	if !restart {
		return false, nil
	}
	progress("Getting ready", "Windows restarts to go on")
	h.Reboot()
	return true, h.serve()
}

var configFile = regexp.MustCompile(`^--config-file "([^"]+)"$`)

// cloneCommand is the exit code of a command of a clone's specialize pass:
// cloudbase-init's is the model's; other commands are not run, and succeed.
func (h *host) cloneCommand(c setup.Command) int {
	conditional, ok := setup.ParseConditional(c.Line)
	if !ok {
		logf("not run: %s", c.Line)
		return 0
	}
	code := 1
	conf := configFile.FindStringSubmatch(conditional.Arguments)
	if file, onC := strings.CutPrefix(conditional.Program, `C:\`); onC && conf != nil &&
		fileExists(filepath.Join(h.Root(), filepath.FromSlash(strings.ReplaceAll(file, `\`, "/")))) {
		code = h.model.CloudbaseSpecialize(conf[1])
	}
	logf("%s ends with %d", conditional.Program, code)
	return conditional.Exit(code)
}
