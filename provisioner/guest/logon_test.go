package guest

import (
	"strings"
	"testing"
)

func TestLocalAccount(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ user, name, why string }{
		{"packer", "packer", ""},
		{"John Smith", "John Smith", ""},
		{`.\packer`, "packer", ""},
		{`WIN-1\packer`, "packer", ""},
		{`win-1\Packer`, "Packer", ""},
		{"packer@WIN-1", "packer", ""},
		{"packer@win-1", "packer", ""},
		{`CORP\packer`, "", "of the domain CORP, not of this machine (WIN-1)"},
		{"packer@corp.example.com", "", "of the domain corp.example.com"},
		{`CORP\packer@WIN-1`, "", "of the domain CORP"},
		{`\packer`, "", "of the domain "},
		{"packer@", "", "of the domain "},
		{`WIN-1\`, "", "names no account"},
		{"@WIN-1", "", "names no account"},
		{"", "", "names no account"},
	} {
		name, why := localAccount(c.user, "WIN-1")
		if name != c.name || (why == "") != (c.why == "") || !strings.Contains(why, c.why) {
			t.Errorf("%q: %q, %q", c.user, name, why)
		}
	}
}
