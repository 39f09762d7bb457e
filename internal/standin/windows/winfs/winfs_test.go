package winfs

import (
	"errors"
	"io/fs"
	"testing"
	"testing/fstest"
)

func TestNamesInAnyCase(t *testing.T) {
	inner := fstest.MapFS{
		"Sources/Install.WIM":        {Data: []byte("wim")},
		"$WinPEDriver$/NetKVM/a.inf": {Data: []byte("inf")},
		"twice/FILE":                 {Data: []byte("upper")},
		"twice/file":                 {Data: []byte("lower")},
		"한국어/자동.xml":                 {Data: []byte("ko")},
	}
	f := New(inner)
	for name, want := range map[string]string{
		"sources/install.wim":        "wim",
		"SOURCES/INSTALL.wim":        "wim",
		"$winpedriver$/netkvm/A.INF": "inf",
		"twice/file":                 "lower",
		"twice/FILE":                 "upper",
		"한국어/자동.XML":                 "ko",
	} {
		got, err := fs.ReadFile(f, name)
		if err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		if _, err := fs.Stat(f, name); err != nil {
			t.Errorf("stat %s: %v", name, err)
		}
	}
	if real, err := f.Name("SOURCES/install.wim"); err != nil || real != "Sources/Install.WIM" {
		t.Errorf("Name: %q, %v", real, err)
	}
	if entries, err := fs.ReadDir(f, "SOURCES"); err != nil || len(entries) != 1 {
		t.Errorf("ReadDir: %v, %v", entries, err)
	}
	for _, name := range []string{"sources/absent", "absent/install.wim", "sources/install.wim/below"} {
		if _, err := f.Open(name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := f.Open("../x"); !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("../x: %v", err)
	}
}
