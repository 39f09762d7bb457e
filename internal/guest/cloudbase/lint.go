package cloudbase

import (
	"errors"
	"fmt"
	"strings"
)

// Lint looks for what would make a user's own conf files hurt, by the same
// judgement that the disk check passes on the sealed image: what it lets
// through is not refused there.
func Lint(f Files) error {
	var errs []error
	for _, file := range []struct {
		name, text string
		unattend   bool
	}{{"conf", f.Conf, false}, {"unattend_conf", f.Unattend, true}} {
		before := len(errs)
		for i, line := range strings.Split(file.text, "\n") {
			if strings.HasPrefix(strings.TrimSpace(line), "#") {
				continue
			}
			if err := checkValue(strings.ReplaceAll(strings.TrimRight(line, "\r"), "\t", " ")); err != nil {
				errs = append(errs, fmt.Errorf("%s: line %d: %w", file.name, i+1, err))
			}
		}
		if len(errs) > before {
			continue // what it says is not known
		}
		for _, wrong := range Judge(file.text, file.unattend).Wrong {
			errs = append(errs, fmt.Errorf("%s: %s", file.name, wrong))
		}
	}
	return errors.Join(errs...)
}
