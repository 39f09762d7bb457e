package answerfile

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestSchemaTable(t *testing.T) {
	elements, err := parseSchema(schemaTable)
	if err != nil {
		t.Fatal(err)
	}
	if len(elements) < 250 {
		t.Fatalf("%d elements", len(elements))
	}
	seen := map[string]bool{}
	for _, e := range elements {
		key := schemaKey(e.Pass, e.Component, e.Path)
		if seen[key] {
			t.Errorf("%s is there twice", key)
		}
		seen[key] = true
		if e.Source == "" || !slices.Contains(passes, e.Pass) || e.Type == Text && e.Max == 0 || e.Type == Int && e.Max <= e.Min {
			t.Errorf("%+v", e)
		}
		if at := strings.LastIndexByte(e.Path, '/'); at > 0 && !seen[schemaKey(e.Pass, e.Component, e.Path[:at])] {
			t.Errorf("%s has no parent", key)
		}
	}
	for _, wrong := range []string{"[x y] both", "[x y] north ; MS", "[x y] both ; MS\n    deep text 1", "[x y] both ; MS\nA text", "[x y] both ; MS\nA int 1 b", "[x y] both ; MS\nA what"} {
		if _, err := parseSchema(wrong); err == nil {
			t.Errorf("%q is taken", wrong)
		}
	}
}

func TestLookupElement(t *testing.T) {
	e, ok := LookupElement("windowsPE", "microsoft-windows-setup", "DiskConfiguration/Disk")
	if !ok || !e.List || e.KeyValue || e.Type != Group {
		t.Errorf("%+v %v", e, ok)
	}
	if e, ok = LookupElement("windowsPE", "Microsoft-Windows-PnpCustomizationsWinPE", "DriverPaths/PathAndCredentials"); !ok || !e.KeyValue {
		t.Errorf("%+v %v", e, ok)
	}
	if e, ok = LookupElement("specialize", "Microsoft-Windows-Shell-Setup", "StartTiles/Anything"); !ok || e.Type != Open {
		t.Errorf("below what is not described: %+v %v", e, ok)
	}
	for _, path := range []string{"Nothing", "DiskConfiguration/Disc", "DiskConfiguration/Disk/DiskID/x"} {
		if e, ok := LookupElement("windowsPE", "Microsoft-Windows-Setup", path); ok {
			t.Errorf("%s: %+v", path, e)
		}
	}
	if _, ok := LookupElement("specialize", "Microsoft-Windows-Setup", "DiskConfiguration"); ok {
		t.Error("an element in another pass is found")
	}
	if passes := ComponentPasses("Microsoft-Windows-EnhancedStorage-Adm"); !slices.Equal(passes, []string{"specialize"}) {
		t.Errorf("%v", passes)
	}
}

// Every element of every golden file is in the table, with its source.
func TestGoldenElementsHaveASource(t *testing.T) {
	files, err := filepath.Glob("testdata/*attend/*.xml")
	if err != nil || len(files) < 60 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range elementPaths(t, data) {
			part := strings.SplitN(path, "|", 3)
			if e, ok := LookupElement(part[0], part[1], part[2]); !ok || e.Source == "" {
				t.Errorf("%s: %s has no source", file, path)
			}
		}
	}
}

func TestBuildSettings(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range BuildSettings() {
		if s.ID == "" || seen[s.ID] || s.Why == "" || s.By == "" || !s.Servers && !s.Clients {
			t.Errorf("%+v", s)
		}
		seen[s.ID] = true
		switch s.Kind {
		case RegistryValue:
			if !strings.HasPrefix(s.Key, `HKLM\S`) || s.Name == "" || s.Type == "" {
				t.Errorf("%+v", s)
			}
		case RegistryKey:
			if !strings.HasPrefix(s.Key, `HKLM\S`) || s.Name != "" || s.Revert != nil {
				t.Errorf("%+v", s)
			}
		default:
			if s.Name == "" || s.Key != "" {
				t.Errorf("%+v", s)
			}
		}
		if strings.Contains(s.Key, "ControlSet001") {
			t.Errorf("%s names a control set by its number", s.ID)
		}
	}
}

// Whatever the specialize pass writes into the registry is either in the list
// of what the seal reverts, or meant to stay.
func TestSpecializeSetsNothingElse(t *testing.T) {
	stays := []string{preventEncryption()}
	for _, server := range []bool{true, false} {
		for _, c := range specializeCommands(server) {
			if !strings.HasPrefix(c.line, "reg.exe ") || slices.Contains(stays, c.line) {
				continue
			}
			if !slices.ContainsFunc(BuildSettings(), func(s Setting) bool {
				return s.Applies(server) && s.Kind != WSManItem && s.By == SetBySpecialize && s.reg() == c.line
			}) {
				t.Errorf("nobody reverts: %s", c.line)
			}
		}
	}
	// And what the bootstrap writes.
	for _, want := range []string{"LocalAccountTokenFilterPolicy", "auth_basic", "MaxTimeoutms", "MaxMemoryPerShellMB", "MaxProcessesPerShell", "MaxShellsPerUser"} {
		if !strings.Contains(string(bootstrapScript), want) || !slices.ContainsFunc(BuildSettings(), func(s Setting) bool { return strings.HasSuffix(s.Name, want) }) {
			t.Errorf("%s is not in both the script and the list", want)
		}
	}
	for _, shared := range []string{GuestFolder, "bootstrap.log", "bootstrap.before.json", "bootstrap.done", WinRMFirewallRule} {
		if !strings.Contains(string(bootstrapScript), shared) {
			t.Errorf("the script does not know %s", shared)
		}
	}
}
