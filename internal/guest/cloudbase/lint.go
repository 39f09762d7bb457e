package cloudbase

import (
	"errors"
	"fmt"
	"strings"
)

// Lint looks for what would make a user's own conf files hurt: it names the
// mistakes that keep a clone from ever starting, and no matters of taste.
func Lint(f Files) error {
	var errs []error
	for _, file := range []option{{"conf", f.Conf}, {"unattend_conf", f.Unattend}} {
		name, text := file.name, file.value
		if !strings.Contains(text, "[DEFAULT]") {
			errs = append(errs, fmt.Errorf("%s: holds no section [DEFAULT]", name))
		}
		for i, line := range strings.Split(text, "\n") {
			if err := checkValue(strings.TrimRight(line, "\r")); err != nil && !strings.HasPrefix(strings.TrimSpace(line), "#") {
				errs = append(errs, fmt.Errorf("%s: line %d: %w", name, i+1, err))
			}
		}
	}
	for _, name := range []string{"stop_service_on_exit", "allow_reboot"} {
		if value(f.Unattend, name) != "false" {
			errs = append(errs, fmt.Errorf("unattend_conf: %s is not false: in the specialize pass that is exit code 2, and Setup restarts for ever", name))
		}
	}
	return errors.Join(errs...)
}

func value(text, option string) string {
	for line := range strings.Lines(text) {
		name, v, ok := strings.Cut(strings.TrimSpace(line), "=")
		if ok && strings.TrimSpace(name) == option {
			return strings.ToLower(strings.TrimSpace(v))
		}
	}
	return ""
}
