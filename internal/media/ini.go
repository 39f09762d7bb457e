package media

import (
	"errors"
	"io/fs"
	"strings"
	"unicode/utf16"
)

// iniFile is a Windows initialization file: the lines of each section, both in
// the order of the file, section names in lower case.
type iniFile map[string][]string

// parseINI reads b, in UTF-16LE or UTF-8 with a byte order mark, or in ASCII.
// Comments and blank lines are left out.
func parseINI(b []byte) iniFile {
	out := iniFile{}
	section := ""
	for line := range strings.Lines(decodeText(b)) {
		if at := strings.IndexByte(line, ';'); at >= 0 && strings.Count(line[:at], `"`)%2 == 0 {
			line = line[:at]
		}
		line = strings.TrimSpace(line)
		switch {
		case line == "":
		case strings.HasPrefix(line, "[") && strings.HasSuffix(line, "]"):
			section = strings.ToLower(strings.TrimSpace(line[1 : len(line)-1]))
			if _, ok := out[section]; !ok {
				out[section] = nil
			}
		default:
			out[section] = append(out[section], line)
		}
	}
	return out
}

// keys are what stands before the equals signs of a section.
func (f iniFile) keys(section string) []string {
	var out []string
	for _, line := range f[strings.ToLower(section)] {
		key, _, _ := strings.Cut(line, "=")
		out = append(out, strings.Trim(strings.TrimSpace(key), `"`))
	}
	return out
}

// value is what follows key's equals sign in a section.
func (f iniFile) value(section, key string) (string, bool) {
	for _, line := range f[strings.ToLower(section)] {
		k, v, ok := strings.Cut(line, "=")
		if ok && strings.EqualFold(strings.TrimSpace(k), key) {
			return strings.TrimSpace(v), true
		}
	}
	return "", false
}

func decodeText(b []byte) string {
	if len(b) >= 2 && b[0] == 0xff && b[1] == 0xfe {
		u := make([]uint16, 0, len(b)/2)
		for i := 2; i+1 < len(b); i += 2 {
			u = append(u, uint16(b[i])|uint16(b[i+1])<<8)
		}
		return string(utf16.Decode(u))
	}
	return strings.TrimPrefix(string(b), "\ufeff")
}

// uiLanguages reads the languages that Setup itself can speak.
func (i *Image) uiLanguages() ([]string, error) {
	b, err := i.readSmall("sources/lang.ini")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return parseINI(b).keys("Available UI Languages"), nil
}

// channel tells how the disc is licensed, as far as the media tell: its images'
// edition ids say evaluation, ei.cfg says the rest.
func (i *Image) channel(images []WindowsImage) (Channel, error) {
	all := true
	for _, x := range images {
		all = all && x.Evaluation
	}
	if all {
		return ChannelEvaluation, nil
	}
	b, err := i.readSmall("sources/ei.cfg")
	if errors.Is(err, fs.ErrNotExist) {
		return ChannelUnknown, nil
	}
	if err != nil {
		return ChannelUnknown, err
	}
	ini := parseINI(b)
	for _, line := range ini["channel"] {
		switch strings.ToLower(line) {
		case "eval":
			return ChannelEvaluation, nil
		case "volume":
			return ChannelVolume, nil
		case "oem":
			return ChannelOEM, nil
		case "retail", "_default":
			if vl := ini["vl"]; len(vl) > 0 && vl[0] == "1" {
				return ChannelVolume, nil
			}
			return ChannelRetail, nil
		}
	}
	if vl := ini["vl"]; len(vl) > 0 && vl[0] == "1" {
		return ChannelVolume, nil
	}
	return ChannelUnknown, nil
}
