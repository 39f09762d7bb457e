package media_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/media"
)

// driversISO makes an ISO as virtio-win's is made: genisoimage, level 4, Rock
// Ridge, no Joliet. edit changes the tree before.
func driversISO(t *testing.T, label string, edit func(dir string)) (iso, tree string) {
	t.Helper()
	tree = t.TempDir()
	random := rand.NewChaCha8([32]byte{1})
	write := func(name string, b []byte) {
		path := filepath.Join(tree, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	blob := func(n int) []byte {
		b := make([]byte, n)
		_, _ = random.Read(b)
		return b
	}
	for driver, stem := range map[string]string{"viostor": "viostor", "vioscsi": "vioscsi", "NetKVM": "netkvm", "vioserial": "vioser", "Balloon": "balloon"} {
		for _, dir := range []string{"2k16", "2k19", "2k22", "w10", "w11"} {
			at := fmt.Sprintf("%s/%s/amd64/", driver, dir)
			inf := fmt.Sprintf("; %s\r\n[Version]\r\nSignature=\"$WINDOWS NT$\"\r\nCatalogFile=%s.cat\r\nDriverVer = 09/01/2025,100.101.104.28500\r\n\r\n"+
				"[SourceDisksNames]\r\n1 = \"disk\"\r\n\r\n[SourceDisksFiles]\r\n%s.sys = 1,, ; the driver\r\n[SourceDisksFiles.x86]\r\nother.sys=1\r\n", driver, stem, stem)
			write(at+stem+".inf", []byte(inf))
			write(at+stem+".sys", blob(70_000))
			write(at+stem+".cat", blob(11_000))
		}
	}
	write("guest-agent/qemu-ga-x86_64.msi", blob(300_000))
	write("virtio-win-gt-x64.msi", blob(200_000))
	write("cert/Virtio_Win_Red_Hat_CA.cer", []byte("certificate"))
	write("data/info.json", []byte("{}"))
	for i := range 100 {
		write(fmt.Sprintf("data/A folder with a rather long name %03d/And a File with Mixed Case.txt", i), []byte{byte(i)})
	}
	if edit != nil {
		edit(tree)
	}
	iso = filepath.Join(t.TempDir(), "virtio-win.iso")
	run(t, "genisoimage", "genisoimage", "-quiet", "-o", iso, "-iso-level", "4", "-R", "-V", label, tree)
	return iso, tree
}

func openDrivers(t *testing.T, path string) *media.Drivers {
	t.Helper()
	d, closer, err := media.OpenDrivers(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closer.Close() })
	return d
}

func TestDrivers(t *testing.T) {
	iso, tree := driversISO(t, "virtio-win-0.1.285", nil)
	d := openDrivers(t, iso)
	if d.Version() != "0.1.285" {
		t.Errorf("version %q", d.Version())
	}
	for _, c := range []struct {
		driver string
		dirs   []string
		want   string
	}{
		{"viostor", []string{"2k22"}, "viostor/2k22/amd64"},
		{"netkvm", []string{"2k25", "2k22"}, "NetKVM/2k22/amd64"},
		{"VIOSERIAL", []string{"W11", "w10"}, "vioserial/w11/amd64"},
	} {
		f, err := d.Folder(c.driver, c.dirs, "amd64")
		if err != nil {
			t.Error(err)
			continue
		}
		if f.Path != c.want || f.Version != "100.101.104.28500" || f.OSDir != strings.Split(c.want, "/")[1] || f.Driver != strings.Split(c.want, "/")[0] {
			t.Errorf("%+v; want %s", f, c.want)
		}
		if len(f.Files) != 3 {
			t.Errorf("%d files", len(f.Files))
		}
		for _, file := range f.Files {
			want, err := os.ReadFile(filepath.Join(tree, f.Path, file.Path))
			if err != nil || int64(len(want)) != file.Size || !bytes.Equal(want, content(t, &file)) {
				t.Errorf("%s: content differs (%v)", file.Path, err)
			}
		}
	}
	msi, err := d.File("Guest-Agent/QEMU-GA-x86_64.MSI")
	if err != nil || msi.Path != "guest-agent/qemu-ga-x86_64.msi" || msi.Size != 300_000 {
		t.Errorf("%+v, %v", msi, err)
	}
	if _, err := d.File("guest-agent/qemu-ga-aarch64.msi"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an absent file: %v", err)
	}
	if c, err := d.Certificates(); err != nil || len(c) != 1 || c[0].Path != "Virtio_Win_Red_Hat_CA.cer" || string(content(t, &c[0])) != "certificate" {
		t.Errorf("certificates: %+v", c)
	}
}

func TestDriversRefuse(t *testing.T) {
	remove := func(name string) func(string) {
		return func(dir string) {
			if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	insert := func(section, line string) func(string) {
		return func(dir string) {
			path := filepath.Join(dir, "viostor/2k22/amd64/viostor.inf")
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			changed := strings.Replace(string(b), section+"\r\n", section+"\r\n"+line+"\r\n", 1)
			if err := os.WriteFile(path, []byte(changed), 0o644); err != nil || changed == string(b) {
				t.Fatal(err)
			}
		}
	}
	for name, c := range map[string]struct {
		edit func(string)
		arch string
		dirs []string
		want []string
	}{
		"no driver":             {remove("viostor"), "amd64", []string{"2k22"}, []string{"no folder viostor", "NetKVM", "vioscsi"}},
		"no product":            {nil, "amd64", []string{"2k25", "2k99"}, []string{"viostor/{2k25,2k99}/amd64", "2k22"}},
		"no architecture":       {nil, "arm64", []string{"2k22"}, []string{"arm64"}},
		"no binary":             {remove("viostor/2k22/amd64/viostor.sys"), "amd64", []string{"2k22"}, []string{"viostor.inf names viostor.sys", "lacks"}},
		"no catalogue":          {remove("viostor/2k22/amd64/viostor.cat"), "amd64", []string{"2k22"}, []string{"viostor.cat"}},
		"no catalogue of amd64": {insert("[Version]", "CatalogFile.NTamd64 = other.cat"), "amd64", []string{"2k22"}, []string{"viostor.inf names other.cat", "lacks"}},
		"no catalogue of NT":    {insert("[Version]", "CatalogFile.nt=other.cat"), "amd64", []string{"2k22"}, []string{"viostor.inf names other.cat"}},
		"no file of amd64":      {insert("[SourceDisksNames]", "[SourceDisksFiles.AMD64]\r\nviostor64.dll = 1"), "amd64", []string{"2k22"}, []string{"viostor.inf names viostor64.dll"}},
		// only what lies in the driver's folder itself is copied
		"a file in a subfolder": {insert("[SourceDisksFiles]", "helper.dll = 1, bin"), "amd64", []string{"2k22"}, []string{`viostor.inf names bin\helper.dll`}},
		"no INF":                {remove("viostor/2k22/amd64/viostor.inf"), "amd64", []string{"2k22"}, []string{"holds no INF"}},
	} {
		t.Run(name, func(t *testing.T) {
			iso, _ := driversISO(t, "virtio-win-0.1.285", c.edit)
			_, err := openDrivers(t, iso).Folder("viostor", c.dirs, c.arch)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range append(c.want, "virtio-win-0.1.285") {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%v; want %q in it", err, want)
				}
			}
		})
	}
}

func TestDriversAreNoISO(t *testing.T) {
	iso, _ := driversISO(t, "DRIVERS", nil)
	if v := openDrivers(t, iso).Version(); v != "" {
		t.Errorf("version %q of an unnamed ISO", v)
	}
	b, err := os.ReadFile(iso)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		b    []byte
		want string
	}{
		"text":      {[]byte("hello"), "not a drivers ISO: in its 5 bytes is no ISO 9660 volume"},
		"truncated": {b[:len(b)/2], "truncated"},
	} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, c.b, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := media.OpenDrivers(path); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
