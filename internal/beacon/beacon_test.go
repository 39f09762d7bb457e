package beacon

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	tests := []struct {
		name, line string
		want       Event
		ok         bool
	}{
		{"plain", "wintemplate: bootstrap start", Event{"bootstrap", Start, ""}, true},
		{"text", "wintemplate: bootstrap.drivers fail exit code 1603", Event{"bootstrap.drivers", Fail, "exit code 1603"}, true},
		{"carriage return", "wintemplate: setup.winpe ok\r", Event{"setup.winpe", OK, ""}, true},
		{"after OVMF's escapes", "\x1b[2J\x1b[01;01Hwintemplate: seal start", Event{"seal", Start, ""}, true},
		{"two on a line: the newer", "wintemplate: seal stawintemplate: seal.sysprep info generalize", Event{"seal.sysprep", Info, "generalize"}, true},
		{"unknown stage is kept", "wintemplate: guest.facts ok", Event{"guest.facts", OK, ""}, true},
		{"no beacon", "BdsDxe: starting Boot0001", Event{}, false},
		{"no state", "wintemplate: seal", Event{}, false},
		{"unknown state", "wintemplate: seal done", Event{}, false},
		{"empty", "", Event{}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, ok := Parse(test.line)
			if ok != test.ok {
				t.Fatalf("Parse(%q): ok = %v, want %v", test.line, ok, test.ok)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("Parse(%q): (-want +got)\n%s", test.line, diff)
			}
		})
	}
}

func TestStringIsSafeForCmd(t *testing.T) {
	e := Event{Seal, Fail, "sysprep > 0x80073cf2 & 한국어 100%\nsecond line"}
	if got, want := e.String(), "wintemplate: seal fail sysprep 0x80073cf2 100 second line"; got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	back, ok := Parse(e.String())
	if !ok || back.Text != "sysprep 0x80073cf2 100 second line" {
		t.Errorf("read back: %+v, %v", back, ok)
	}
}

func TestEveryStageHasATitle(t *testing.T) {
	for stage := range titles {
		if Title(stage) == stage {
			t.Errorf("%s has no title", stage)
		}
	}
	if Title("guest.facts") != "guest.facts" {
		t.Error("an unknown stage is its own title")
	}
}
