package discs

import (
	"bytes"
	"context"
	"debug/pe"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows"
)

// judge runs a program that knows nothing of this package.
func judge(t *testing.T, pkg, name string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is not installed: apt-get install %s", name, pkg)
	}
	out, err := exec.Command(path, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

func TestInstallDisc(t *testing.T) {
	for name, c := range map[string]struct {
		options         Options
		build, language string
	}{
		"2022": {Options{Faults: windows.Faults{FreezeAfter: "bootstrap start"}}, "20348", "en-US"},
		"2025": {Options{Product: Server2025, Language: "ko-KR"}, "26100", "ko-KR"},
	} {
		t.Run(name, func(t *testing.T) {
			set, err := Make(context.Background(), c.options)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			judge(t, "p7zip-full", "7z", "x", "-o"+dir, set.InstallISO)
			for _, name := range []string{"efi/microsoft/boot/efisys.bin", "efi/microsoft/boot/efisys_noprompt.bin"} {
				info, err := os.Stat(filepath.Join(dir, name))
				if err != nil || info.Size() != 1474560 {
					t.Errorf("%s: %v, a Windows disc's has 1474560 bytes (%v)", name, info, err)
				}
				judge(t, "mtools", "mdir", "-i", filepath.Join(dir, name), "::EFI/BOOT/BOOTX64.EFI")
			}
			checkImages(t, filepath.Join(dir, "sources/install.wim"), c.build, c.language)
			judge(t, "wimtools", "wimlib-imagex", "verify", filepath.Join(dir, "sources/boot.wim"))
			ini, err := os.ReadFile(filepath.Join(dir, "sources/lang.ini"))
			if err != nil || !bytes.Contains(ini, []byte("[Available UI Languages]\r\n"+strings.ToLower(c.language))) {
				t.Errorf("lang.ini: %q, %v", ini, err)
			}
			var config windows.Config
			data, err := os.ReadFile(filepath.Join(dir, windows.ConfigPath))
			if err != nil || json.Unmarshal(data, &config) != nil || config.Faults.FreezeAfter != c.options.Faults.FreezeAfter {
				t.Errorf("%s: %s, %v", windows.ConfigPath, data, err)
			}
			toc := judge(t, "xorriso", "xorriso", "-indev", set.InstallISO, "-report_el_torito", "plain")
			for _, want := range []string{"El Torito boot img :   1  BIOS", "El Torito boot img :   2  UEFI"} {
				if !strings.Contains(toc, want) {
					t.Errorf("xorriso does not report %q:\n%s", want, toc)
				}
			}
		})
	}
}

// checkImages asks wimlib.
func checkImages(t *testing.T, wim, build, language string) {
	t.Helper()
	judge(t, "wimtools", "wimlib-imagex", "verify", wim)
	info := judge(t, "wimtools", "wimlib-imagex", "info", wim)
	for _, want := range []string{
		`Image Count:\s+4`, `Name:\s+Windows Server \d+ SERVERSTANDARDCORE`, `Name:\s+Windows Server \d+ SERVERDATACENTER\n`,
		`Display Name:\s+Windows Server \d+ Standard Evaluation \(Desktop Experience\)`, `Edition ID:\s+ServerDatacenterEval`,
		`Installation Type:\s+Server Core`, `Architecture:\s+x86_64`, `Build:\s+` + build, `Languages:\s+` + language, `Default Language:\s+` + language,
	} {
		if !regexp.MustCompile(want).MatchString(info) {
			t.Errorf("wimlib does not report %s:\n%s", want, info)
		}
	}
}

func TestDriversDisc(t *testing.T) {
	set, err := Make(context.Background(), Options{OmitDrivers: []string{"viostor/2k22"}})
	if err != nil {
		t.Fatal(err)
	}
	if toc := judge(t, "genisoimage", "isoinfo", "-d", "-i", set.DriversISO); !strings.Contains(toc, "Volume id: virtio-win-0.1.285") ||
		!strings.Contains(toc, "Rock Ridge signatures version 1 found") || !strings.Contains(toc, "NO Joliet present") {
		t.Errorf("isoinfo -d:\n%s", toc)
	}
	list := judge(t, "genisoimage", "isoinfo", "-R", "-f", "-i", set.DriversISO)
	for _, want := range []string{
		"/NetKVM/2k22/amd64/netkvm.inf", "/vioserial/2k25/amd64/vioser.sys", "/viostor/2k25/amd64/viostor.cat",
		"/amd64/2k22/vioscsi.inf", "/virtio-win-gt-x64.msi", "/guest-agent/qemu-ga-x86_64.msi", "/cert/Virtio_Win_Red_Hat_CA.cer",
	} {
		if !strings.Contains(list, want+"\n") {
			t.Errorf("no %s on the disc", want)
		}
	}
	if strings.Contains(list, "/viostor/2k22/amd64/") {
		t.Error("the folder to be left out is on the disc")
	}
}

func TestInstallersAreDatabases(t *testing.T) {
	set, err := Make(context.Background(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	table := judge(t, "msitools", "msiinfo", "export", set.CloudbaseInstaller, "Property")
	if !strings.Contains(table, "ProductName\tCloudbase-Init 1.1.8") || !strings.Contains(table, "ProductVersion\t1.1.8") {
		t.Errorf("Property table:\n%s", table)
	}
}

// TestSameInputsSameMedia: a cache key names content.
func TestSameInputsSameMedia(t *testing.T) {
	first, err := Make(context.Background(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	again, err := Make(context.Background(), Options{Product: Server2022, Language: "en-US"})
	if err != nil || *again != *first {
		t.Errorf("defaults spelled out give other media: %+v, %v", again, err)
	}
	other, err := Make(context.Background(), Options{Faults: windows.Faults{IgnoreShutdown: true}})
	if err != nil || other.InstallISO == first.InstallISO {
		t.Errorf("a fault gives the same media: %+v, %v", other, err)
	}
}

func TestMakeRefuses(t *testing.T) {
	for name, o := range map[string]Options{
		"product":  {Product: "2012"},
		"language": {Language: "tlh"},
	} {
		if _, err := Make(context.Background(), o); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestStubIsAnExecutable(t *testing.T) {
	file, err := pe.NewFile(bytes.NewReader(peStub("x.sys")))
	if err != nil {
		t.Fatal(err)
	}
	if file.Machine != pe.IMAGE_FILE_MACHINE_AMD64 {
		t.Errorf("machine %#x", file.Machine)
	}
}
