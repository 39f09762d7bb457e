package windows

import (
	"strings"
	"testing"
)

func TestParseKMSHost(t *testing.T) {
	for text, want := range map[string]KMSHost{
		"kms":                {"kms", 0},
		"kms.example:1689":   {"kms.example", 1689},
		"10.0.0.1":           {"10.0.0.1", 0},
		"10.0.0.1:1688":      {"10.0.0.1", 1688},
		"[2001:db8::1]":      {"[2001:db8::1]", 0},
		"[2001:db8::1]:1688": {"[2001:db8::1]", 1688},
		"my_kms":             {"my_kms", 0},
	} {
		if got, err := ParseKMSHost(text); err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{
		"", "a b", "a b:99999", "kms:0", "kms:99999", "kms:notaport", "kms:", ":1688", "2001:db8::1", "[2001:db8::1", "[10.0.0.1]", "[kms]:1688", "[2001:db8::1]:x",
		"10.0.0.999", "kms..example", "-kms", "kms-", "http://kms/", `x" & format c:`, strings.Repeat("a", 64), strings.Repeat("a.", 130) + "b",
	} {
		if got, err := ParseKMSHost(text); err == nil {
			t.Errorf("%q was taken as %+v", text, got)
		}
	}
	if h, _ := ParseKMSHost("[2001:db8::1]:1688"); !h.IPv6() {
		t.Error("IPv6 is not seen")
	}
}
