package windows

import (
	"strings"
	"testing"
)

func TestParseKey(t *testing.T) {
	const key = "VDYBN-27WPP-V4HQT-9VMD4-VMK7H"
	for _, text := range []string{key, strings.ToLower(key), " " + key + "\n"} {
		if got, err := ParseKey(text); err != nil || got != key {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "SECRET-KEY", strings.Replace(key, "V", "A", 1), key + "X"} {
		_, err := ParseKey(text)
		if err == nil {
			t.Errorf("%q was taken", text)
		} else if text != "" && strings.Contains(err.Error(), text) {
			t.Errorf("the key is in the error: %v", err)
		}
	}
}
