package regf

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/winrm/pyvenv"
)

// regipy reads a hive with a reader that is neither ours nor hivex's.
func regipy(t *testing.T, files ...string) map[string]any {
	t.Helper()
	cmd := exec.Command(pyvenv.Python(t, "testdata/requirements.txt"), append([]string{"testdata/judge.py"}, files...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("regipy: %v\n%s", err, stderr.String())
	}
	var values map[string]any
	if err := json.Unmarshal(out, &values); err != nil {
		t.Fatalf("regipy: %v\n%s", err, out)
	}
	return values
}

// TestRegipyReadsWhatWeWrite leaves key names beyond ASCII to hivex: regipy
// takes them for UTF-8.
func TestRegipyReadsWhatWeWrite(t *testing.T) {
	values := regipy(t, writeHive(t, "SOFTWARE", encode(t, sample(), Options{})))
	for name, want := range map[string]any{
		`\Microsoft\Windows\CurrentVersion\Setup\State!ImageState`: "IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE",
		`\Kinds!dword`: float64(0xfffffffe),
		`\Kinds!한국어`:   "서울",
	} {
		if got := values[name]; got != want {
			t.Errorf("regipy reads %s = %v, want %v", name, got, want)
		}
	}
	if t.Failed() {
		for name := range values {
			t.Log(name)
		}
	}
}

func TestRegipyReplaysTheLogs(t *testing.T) {
	const key = `Microsoft\Windows\CurrentVersion\Setup\State`
	tree := func(state string) *Key {
		root := NewRoot()
		for i := range 50 {
			root.SetString(fmt.Sprintf(`Classes\class%02d`, i), "", strings.Repeat("x", 100))
		}
		root.SetString(key, "ImageState", state)
		return root
	}
	d, err := EncodeDirty(Options{Sequence: 41}, tree("IMAGE_STATE_COMPLETE"), tree("IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE"))
	if err != nil {
		t.Fatal(err)
	}
	hive, log := writeHive(t, "SOFTWARE", d.Primary), writeHive(t, "SOFTWARE.LOG1", d.Log1)
	if got := regipy(t, hive)[`\`+key+"!ImageState"]; got != "IMAGE_STATE_COMPLETE" {
		t.Errorf("the primary file alone says %v", got)
	}
	if got := regipy(t, hive, log)[`\`+key+"!ImageState"]; got != "IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE" {
		t.Errorf("with its log it says %v", got)
	}
}
