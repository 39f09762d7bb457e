package libvirt

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// oldManifest is what an earlier build of the domain "old" has left.
var oldManifest = `{"version":1,"disk":{"path":"/elsewhere/old.qcow2","sha256":"` + strings.Repeat("0", 64) + `"}}`

func TestPrepareGuardsTheOutput(t *testing.T) {
	dir := t.TempDir()
	work, home, out := filepath.Join(dir, "work"), filepath.Join(dir, "users", "me"), filepath.Join(dir, "work", "out")
	for _, d := range []string{work, home, out} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(out, link); err != nil {
		t.Skip(err)
	}
	t.Chdir(work)
	t.Setenv("HOME", home)
	t.Setenv("USERPROFILE", home)
	for name, c := range map[string]struct {
		fields map[string]any
		want   string
	}{
		"current folder":     {map[string]any{"output_directory": work}, "the current folder"},
		"above the current":  {map[string]any{"output_directory": dir}, "the current folder"},
		"home":               {map[string]any{"output_directory": home}, "the home folder"},
		"above home":         {map[string]any{"output_directory": filepath.Dir(home)}, "the home folder"},
		"iso_url":            {map[string]any{"output_directory": "out", "iso_url": "out/w.iso"}, "iso_url"},
		"iso_urls":           {map[string]any{"output_directory": "out", "iso_url": "", "iso_urls": []string{"http://h/w.iso", "out/w.iso"}}, "iso_url"},
		"drivers_iso_url":    {map[string]any{"output_directory": "out", "drivers_iso_url": filepath.Join(out, "sub", "v.iso")}, "drivers_iso_url"},
		"through a link":     {map[string]any{"output_directory": "out", "drivers_iso_url": filepath.Join(link, "v.iso")}, "drivers_iso_url"},
		"a link itself":      {map[string]any{"output_directory": link, "drivers_iso_url": "out/v.iso"}, "drivers_iso_url"},
		"payload":            {map[string]any{"output_directory": "out", "payload": []string{"out/a.msi?checksum=sha256:" + strings.Repeat("0", 64)}}, "payload"},
		"answer_file":        {map[string]any{"output_directory": "out", "answer_file": "out/a.xml"}, "answer_file ("},
		"beside":             {map[string]any{"output_directory": "out", "drivers_iso_url": "out2/v.iso"}, ""},
		"remote":             {map[string]any{"output_directory": "out", "drivers_iso_url": "https://out/v.iso"}, ""},
		"dots in its name":   {map[string]any{"output_directory": "..out"}, ""},
		"under the current":  {map[string]any{"output_directory": "new/out"}, ""},
		"not known just yet": {map[string]any{"output_directory": unknownText}, ""},
	} {
		_, _, err := prepare(t, with(c.fields))
		if c.want == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), "output_directory: ") || !strings.Contains(err.Error(), " holds "+c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestForceReplacesOnlyAnEarlierOutput(t *testing.T) {
	for name, c := range map[string]struct {
		files   map[string]string
		foreign string // "" when it may be replaced
	}{
		"nothing":                     {nil, ""},
		"a finished one":              {map[string]string{"old.qcow2": "x", "old.json": oldManifest}, ""},
		"an unfinished one":           {map[string]string{buildMark: "id", "ws2022.qcow2": "x"}, ""},
		"a file beside":               {map[string]string{"old.qcow2": "x", "old.json": oldManifest, "precious.txt": "x"}, ": precious.txt;"},
		"a file beside an unfinished": {map[string]string{buildMark: "id", "precious.iso": "x"}, ": precious.iso;"},
		"a disk without manifest":     {map[string]string{"ws2022.qcow2": "x"}, ": ws2022.qcow2;"},
		"another's manifest":          {map[string]string{"ws2022.qcow2": "x", "ws2022.json": "{}"}, ": ws2022.json, ws2022.qcow2;"},
		"another name's manifest":     {map[string]string{"new.json": oldManifest}, ": new.json;"},
		"a folder":                    {map[string]string{"sub/x": "x"}, ": sub;"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil)
			b.builder.config.PackerForce = true
			if err := os.MkdirAll(filepath.Join(b.out, "sub"), 0o755); err != nil {
				t.Fatal(err)
			}
			for file, text := range c.files {
				if err := os.WriteFile(filepath.Join(b.out, file), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if _, ok := c.files["sub/x"]; !ok {
				if err := os.Remove(filepath.Join(b.out, "sub")); err != nil {
					t.Fatal(err)
				}
			}
			_, err := b.build(t.Context())
			if c.foreign == "" {
				if err != nil {
					t.Fatal(err)
				}
				if entries, _ := os.ReadDir(b.out); len(entries) != 2 {
					t.Errorf("output_directory holds %v", entries)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.foreign) {
				t.Errorf("%v, want %q", err, c.foreign)
			}
			if b.called("CreateVolume") {
				t.Error("something was made before the folder was checked")
			}
			for file := range c.files {
				if _, err := os.Stat(filepath.Join(b.out, file)); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func TestForceKeepsWhatIsNoFolder(t *testing.T) {
	b := newBench(t, nil)
	b.builder.config.PackerForce = true
	if err := os.WriteFile(b.out, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := b.build(t.Context()); err == nil || !strings.Contains(err.Error(), "is not a folder") {
		t.Errorf("error is %v", err)
	}
	if _, err := os.Stat(b.out); err != nil {
		t.Error(err)
	}
}

// TestUnfinishedOutputGoesAndNothingElse: what a person has put beside an
// unfinished result is not the build's to remove.
func TestUnfinishedOutputGoesAndNothingElse(t *testing.T) {
	entry := outputEntry(filepath.Join(t.TempDir(), "out"), "ws2022", "0badcafe")
	put := func(names ...string) {
		t.Helper()
		if err := os.MkdirAll(entry.Name, 0o755); err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if err := os.WriteFile(filepath.Join(entry.Name, name), []byte("0badcafe"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	names := func() []string {
		entries, err := os.ReadDir(entry.Name)
		if err != nil {
			return nil
		}
		list := []string{}
		for _, e := range entries {
			list = append(list, e.Name())
		}
		return list
	}
	for _, c := range []struct {
		title string
		build string
		there []string
		want  []string // nil: the folder is gone
	}{
		{"all ours", "0badcafe", []string{buildMark, "ws2022.qcow2", "ws2022.json"}, nil},
		{"only the mark", "0badcafe", []string{buildMark}, nil},
		{"others' files stay", "0badcafe", []string{buildMark, "ws2022.qcow2", "notes.txt", "old.qcow2"}, []string{"notes.txt", "old.qcow2"}},
		{"a finished result stays", "0badcafe", []string{"ws2022.qcow2", "ws2022.json"}, []string{"ws2022.json", "ws2022.qcow2"}},
		{"another build's stays", "deadbeef", []string{buildMark, "ws2022.qcow2"}, []string{buildMark, "ws2022.qcow2"}},
	} {
		t.Run(c.title, func(t *testing.T) {
			put(c.there...)
			defer os.RemoveAll(entry.Name)
			e := entry
			e.UUID = c.build
			for range 2 { // it may be asked for twice
				if err := removeOutput(t.Context(), e); err != nil {
					t.Fatal(err)
				}
			}
			if d := cmp.Diff(c.want, names()); d != "" {
				t.Error(d)
			}
		})
	}
}
