package media_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/media"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/mediatest"
)

// boots starts a machine from the disc and gives the word that the program
// printed which the firmware started.
func boots(t *testing.T, firmware, disc, format string) string {
	t.Helper()
	serial := filepath.Join(t.TempDir(), "serial")
	args := []string{
		"-machine", "q35,accel=tcg", "-m", "256", "-display", "none", "-no-reboot", "-nic", "none",
		"-device", "isa-debug-exit,iobase=0xf4,iosize=0x01", "-serial", "file:" + serial,
		"-drive", "if=none,id=cd,media=cdrom,readonly=on,file=" + disc + ",format=" + format, "-device", "ide-cd,drive=cd,bootindex=1",
	}
	if firmware == "OVMF" {
		vars, err := os.ReadFile("/usr/share/OVMF/OVMF_VARS_4M.fd")
		if err != nil {
			t.Fatalf("%v: install Debian's package ovmf", err)
		}
		own := filepath.Join(t.TempDir(), "vars.fd")
		if err := os.WriteFile(own, vars, 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "-drive", "if=pflash,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd", "-drive", "if=pflash,format=raw,file="+own)
	}
	qemu, err := exec.LookPath("qemu-system-x86_64")
	if err != nil {
		t.Fatal("qemu-system-x86_64 is not installed; it is in Debian's package qemu-system-x86")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute) // seconds on an idle host
	defer cancel()
	out, err := exec.CommandContext(ctx, qemu, args...).CombinedOutput()
	printed, _ := os.ReadFile(serial)
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 { // isa-debug-exit: 2n+1
		t.Fatalf("%s started no program of ours: %v\n%s\n%q", firmware, err, out, printed)
	}
	words := strings.FieldsFunc(string(printed), func(r rune) bool { return r < 'A' || r > 'Z' })
	return words[len(words)-1]
}

// TestFirmwareBoots has real firmware boot the discs: UEFI goes to the prompt
// before the patch and past it after; BIOS is as it was.
func TestFirmwareBoots(t *testing.T) {
	if testing.Short() {
		t.Skip("boots virtual machines")
	}
	spec := mediatest.Spec(mediatest.Server2022Eval())
	for name, path := range map[string]string{"as Microsoft's": mediatest.Build(t, spec), "genisoimage": genisoimageDisc(t, spec)} {
		t.Run(name, func(t *testing.T) {
			edit := open(t, path).Edit()
			if err := edit.NoPromptUEFI(); err != nil {
				t.Fatal(err)
			}
			bootOnly, err := edit.Plan(media.Options{})
			if err != nil {
				t.Fatal(err)
			}
			quiet := writeOverlay(t, bootOnly, path)
			for p, c := range additions() {
				if err := edit.AddFile(p, strings.NewReader(c)); err != nil {
					t.Fatal(err)
				}
			}
			full, err := edit.Plan(media.Options{})
			if err != nil {
				t.Fatal(err)
			}
			patched := writeOverlay(t, full, path)
			rebuilt := filepath.Join(t.TempDir(), "rebuilt.iso")
			if err := edit.Rebuild(context.Background(), rebuilt); err != nil {
				t.Fatal(err)
			}
			cases := []struct{ firmware, disc, format, want string }{
				{"OVMF", path, "raw", "PROMPT"},
				{"OVMF", quiet, "qcow2", "NOPROMPT"},
				{"OVMF", patched, "qcow2", "NOPROMPT"},
				{"SeaBIOS", patched, "qcow2", "BIOS"},
			}
			if name == "as Microsoft's" { // whatever was there before, one writer writes anew
				cases = append(cases, []struct{ firmware, disc, format, want string }{
					{"OVMF", rebuilt, "raw", "NOPROMPT"},
					{"SeaBIOS", rebuilt, "raw", "BIOS"},
					{"SeaBIOS", path, "raw", "BIOS"},
				}...)
			}
			for _, c := range cases {
				if got := boots(t, c.firmware, c.disc, c.format); got != c.want {
					t.Errorf("%s with %s: %q, want %q", c.firmware, filepath.Base(c.disc), got, c.want)
				}
			}
		})
	}
}

func writeOverlay(t *testing.T, p *media.Plan, backing string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "overlay.qcow2")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := p.WriteQcow2(f, backing); err != nil {
		t.Fatal(err)
	}
	return path
}
