package diskcheck

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/diskcheck/ntfs"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/handoff"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows/model/disktest"
)

const buildPassword = "kQ7-xT2w_Vb9.Lm4"

// TestRemnants puts the password where Windows leaves it, and wants the place
// named and the password never.
func TestRemnants(t *testing.T) {
	const windowsAt = 42 << 20 // of disktest's disks
	obscured := base64.StdEncoding.EncodeToString(utf16le(buildPassword + "AdministratorPassword")[2:])
	for _, c := range []struct {
		name  string
		files map[string]string
		at    int64 // of the disk, where the password is written when not 0
		found []string
	}{
		{name: "nothing"},
		{name: "a file of some clusters", files: map[string]string{"Users/Public/notes.txt": strings.Repeat("x", 9000) + buildPassword}, found: []string{`C:\Users\Public\notes.txt`, "plain text", "1 times"}},
		{name: "a small file, in the file table", files: map[string]string{"Users/Public/small.txt": buildPassword}, found: []string{`C:\$MFT`, "plain text"}},
		{name: "an answer file's", files: map[string]string{"Windows/Panther/x.log": strings.Repeat("x", 9000) + obscured}, found: []string{`C:\Windows\Panther\x.log`, "base64 of UTF-16LE"}},
		{name: "a free cell of the registry", files: map[string]string{"Windows/System32/config/DEFAULT": strings.Repeat("x", 9000) + buildPassword}, found: []string{`C:\Windows\System32\config\DEFAULT`, "registry"}},
		{name: "free clusters", at: windowsAt + 60<<20, found: []string{"free clusters of drive C:", "trims"}},
		{name: "between two clusters", at: windowsAt + 60<<20 - 5, found: []string{"free clusters of drive C:"}},
		{name: "the ESP", at: 40 << 20, found: []string{"partition 1", "plain text"}},
		{name: "behind the last partition", at: 106<<20 + 100, found: []string{"outside of its partitions"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := good(UEFI)
			for path, text := range c.files {
				s.Windows[path] = []byte(text)
			}
			s.want.Secrets = []string{buildPassword, "another password"}
			var done, total int64
			s.want.Progress = func(d, t int64) { done, total = d, t }
			s.finish()
			dir := t.TempDir()
			raw := s.Raw(t, dir)
			if c.at != 0 {
				f, err := os.OpenFile(raw, os.O_WRONLY, 0)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := f.WriteAt([]byte(buildPassword), c.at); err != nil {
					t.Fatal(err)
				}
				f.Close()
			}
			image := filepath.Join(dir, "disk.qcow2")
			disktest.Run(t, "qemu-utils", "qemu-img", "convert", "-c", "-f", "raw", "-O", "qcow2", raw, image)
			r, err := Check(context.Background(), image, s.want)
			if err != nil {
				t.Fatal(err)
			}
			if done == 0 || done != total {
				t.Errorf("progress ended at %d of %d bytes", done, total)
			}
			if err := r.Err(); err != nil {
				t.Errorf("a remnant fails the build: %v", err)
			}
			if all, _ := json.Marshal(r); strings.Contains(string(all), buildPassword) {
				t.Error("the report holds the password")
			}
			warnings := r.Warnings()
			if len(c.found) == 0 {
				if len(warnings) > 0 || !holds(r, secretRemnant, handoff.OK) {
					t.Errorf("%+v", warnings)
				}
				return
			}
			if len(warnings) != 1 || warnings[0].ID != secretRemnant {
				t.Fatalf("%+v", warnings)
			}
			w := warnings[0]
			for _, text := range c.found {
				if !strings.Contains(w.Object+" "+w.Found+" "+w.Remedy, text) {
					t.Errorf("%q is not in: %+v", text, w)
				}
			}
		})
	}
}

// The page file needs no disk: wimlib, which makes the test's, leaves it out.
func TestRemnantInThePageFile(t *testing.T) {
	if p := driveC(ntfs.Place{Path: "pagefile.sys"}); p.object != `C:\pagefile.sys` || !strings.Contains(p.remedy, "page_file") {
		t.Errorf("%+v", p)
	}
}

func TestShortSecretsAreSaid(t *testing.T) {
	t.Parallel()
	s := good(UEFI)
	s.want.Secrets = []string{"packer"}
	if w := s.check(t).Warnings(); len(w) != 1 || !strings.Contains(w[0].Found, "shorter than 8") {
		t.Errorf("%+v", w)
	}
}

func holds(r *Report, id string, severity handoff.Severity) bool {
	for _, f := range r.Findings {
		if f.ID == id && f.Severity == severity {
			return true
		}
	}
	return false
}
