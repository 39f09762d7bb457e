package acceptance

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/mediatest"
)

// TestOtherArchitecture gives the builder an ISO for ARM: an answer before
// anything boots, with what was found and what to take instead.
func TestOtherArchitecture(t *testing.T) {
	vars, err := mediaEnv(t.Context(), "$WS2022_")
	if err != nil {
		t.Fatal(err)
	}
	var drivers string
	for _, v := range vars {
		if path, ok := strings.CutPrefix(v, "WS2022_DRIVERS="); ok {
			drivers = path
		}
	}
	images := mediatest.Server2022Eval()
	for i := range images {
		images[i].Architecture = "arm64"
	}
	work := t.TempDir()
	cmd := exec.Command(env.packer, "build", "-color=false", "-var", "name=other-architecture",
		"-var", "iso_url="+mediatest.Build(t, mediatest.Spec(images)), "-var", "drivers_iso_url="+drivers,
		"-var", "cloudbase_init="+drivers, filepath.Join(env.root, "acceptance", "testdata", "interrupt.pkr.hcl"))
	cmd.Dir = work
	cmd.Env = append(os.Environ(), packerEnv(work)...)
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Error("the build succeeded")
	}
	for _, want := range []string{"installs arm64 Windows", "take the x64 ISO"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("nothing says %q:\n%s", want, out)
		}
	}
	if strings.Contains(string(out), "Starting the machine") {
		t.Errorf("a machine was started:\n%s", out)
	}
}
