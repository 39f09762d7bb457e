package msi

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func build(t *testing.T, properties ...[2]string) []byte {
	t.Helper()
	if _, err := exec.LookPath("msibuild"); err != nil {
		t.Fatal("msibuild is missing: apt-get install msitools")
	}
	path := filepath.Join(t.TempDir(), "x.msi")
	args := []string{path, "-q", "CREATE TABLE `Property` (`Property` CHAR(72) NOT NULL, `Value` LONGCHAR NOT NULL LOCALIZABLE PRIMARY KEY `Property`)"}
	for _, p := range properties {
		args = append(args, "INSERT INTO `Property` (`Property`, `Value`) VALUES ('"+p[0]+"', '"+p[1]+"')")
	}
	if out, err := exec.Command("msibuild", args...).CombinedOutput(); err != nil {
		t.Fatalf("msibuild: %v\n%s", err, out)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestProperties(t *testing.T) {
	b := build(t, [2]string{"ProductName", "QEMU guest agent"}, [2]string{"ProductVersion", "0.1.285"}, [2]string{"ProductCode", "{0}"}, [2]string{"Manufacturer", "nobody"})
	got, err := Properties(b)
	if err != nil {
		t.Fatal(err)
	}
	if got["ProductName"] != "QEMU guest agent" || got["ProductVersion"] != "0.1.285" || len(got) != 4 {
		t.Errorf("properties %v", got)
	}
	for _, n := range []int{0, 100, 600, len(b) / 2} {
		if _, err := Properties(b[:n]); !errors.Is(err, ErrNotPackage) {
			t.Errorf("cut to %d bytes: %v", n, err)
		}
	}
}

func FuzzProperties(f *testing.F) {
	f.Add([]byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"))
	f.Fuzz(func(_ *testing.T, b []byte) { _, _ = Properties(b) })
}
