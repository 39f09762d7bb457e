package guest

import (
	"slices"
	"testing"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/answerfile"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/handoff"
)

// TestProxyOfTheBuild: a proxy is taken out where the builder has set one for
// the build alone; one that a provisioner of the user's has set stays.
func TestProxyOfTheBuild(t *testing.T) {
	for _, build := range []bool{false, true} {
		list := reverts(settingsOf(&handoff.Guest{Server: true, BuildProxy: build}), true)
		n := 0
		for _, r := range list {
			at := slices.IndexFunc(answerfile.BuildSettings(), func(s answerfile.Setting) bool { return s.ID == r.ID })
			if answerfile.BuildSettings()[at].WithProxy {
				n++
				if r.Restore || r.Late {
					t.Errorf("%+v", r)
				}
			}
		}
		if want := map[bool]int{false: 0, true: 5}[build]; n != want {
			t.Errorf("the build's proxy %v: %d settings are reverted, want %d", build, n, want)
		}
	}
}
