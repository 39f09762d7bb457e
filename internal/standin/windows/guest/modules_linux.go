package guest

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

func (g *machine) readModules() error {
	data, err := os.ReadFile("/" + ModuleIndex)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, &g.modules)
}

// load inserts a group's kernel modules. A group that the index does not have
// is a driver that the stand-in has no device for, and loads nothing.
func (g *machine) load(group string) error {
	for _, name := range g.modules[group] {
		file, err := os.Open("/" + ModuleDir + "/" + name + ".ko")
		if err != nil {
			return err
		}
		before := time.Now()
		err = unix.FinitModule(int(file.Fd()), "", 0)
		file.Close()
		logf("module %s: %s", name, time.Since(before).Round(time.Millisecond))
		if err != nil && !errors.Is(err, unix.EEXIST) && !errors.Is(err, unix.ENODEV) {
			return fmt.Errorf("kernel module %s: %w", name, err)
		}
	}
	return nil
}
