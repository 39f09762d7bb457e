package cloudbase

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/windows"
)

// check says what is wrong with a value: what oslo.config refuses, with which
// cloudbase-init ends at each start, and what only shows in a clone.
func (t optionType) check(value string) error {
	if strings.Contains(value, "$") {
		return nil // another option's value, which oslo.config puts in its place
	}
	trimmed := strings.TrimSpace(value)
	switch t.name {
	case "boolean":
		if _, ok := boolean(trimmed); !ok {
			return fmt.Errorf("%q is neither true nor false", value)
		}
	case "integer":
		if _, err := strconv.Atoi(trimmed); err != nil && trimmed != "" {
			return fmt.Errorf("%q is no whole number", value)
		}
	case "float":
		if _, err := strconv.ParseFloat(trimmed, 64); err != nil {
			return fmt.Errorf("%q is no number", value)
		}
	case "choice":
		if value != "" && !slices.Contains(t.choices, value) {
			return fmt.Errorf("%q is none of %s", value, strings.Join(t.choices, ", "))
		}
	}
	if meaning, ok := meanings[t.option[strings.Index(t.option, "/")+1:]]; ok && trimmed != "" {
		return meaning(trimmed)
	}
	return nil
}

// boolean is a truth value as oslo.config reads one.
func boolean(text string) (value, ok bool) {
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "true", "1", "on", "yes":
		return true, true
	case "false", "0", "off", "no":
		return false, true
	}
	return false, false
}

// meanings check what is a mere string to oslo.config, by the option's name.
var meanings = map[string]func(string) error{
	"kms_host": checkKMSHost, "metadata_base_url": checkURL, "logging_serial_port_settings": checkSerialPort,
}

// checkKMSHost: cloudbase-init takes the text apart at each colon
// (plugins/windows/licensing.py), so that an IPv6 address ends in an error.
func checkKMSHost(text string) error {
	host, err := windows.ParseKMSHost(text)
	if err == nil && host.IPv6() {
		return fmt.Errorf("%q is an IPv6 address, which cloudbase-init cannot read; give a name", text)
	}
	return err
}

func checkURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || strings.ContainsAny(text, " \t") {
		return fmt.Errorf("%q is no URL such as http://169.254.169.254/", text)
	}
	return nil
}

// checkSerialPort: port, baud rate, parity, data bits (utils/log.py).
func checkSerialPort(text string) error {
	f := strings.Split(text, ",")
	if len(f) == 4 && f[0] != "" {
		_, rate := strconv.Atoi(f[1])
		bits, err := strconv.Atoi(f[3])
		if rate == nil && err == nil && bits >= 5 && bits <= 8 && slices.Contains([]string{"N", "E", "O", "M", "S"}, f[2]) {
			return nil
		}
	}
	return fmt.Errorf("%q is no serial port such as COM1,115200,N,8", text)
}
