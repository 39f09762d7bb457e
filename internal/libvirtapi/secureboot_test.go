//go:build linux

package libvirtapi_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/debian"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/libvirtapi"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/libvirtapi/libvirttest"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/linuxguest"
)

// The judges are not ours: Debian's kernel, started by a shim that Microsoft signed, says whether Secure Boot is on
// and which TPM it sees; the same firmware refuses a loader that Microsoft did not sign.
func TestTPMAndSecureBoot(t *testing.T) {
	c := libvirttest.Connect(t)
	if _, err := c.StartNetwork(t.Context(), "default"); err != nil {
		t.Fatal(err)
	}
	kernel, initrd := linuxguest.Files(t, "echo tpm $(cat /sys/class/tpm/tpm0/tpm_version_major)\ndmesg | grep -i 'secure *boot'\n")
	shim := filepath.Join(unpacked(t, "shim-signed"), "usr/lib/shim/shimx64.efi.signed")
	grub := filepath.Join(unpacked(t, "grub-efi-amd64-signed"), "usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed")
	config := filepath.Join(t.TempDir(), "grub.cfg")
	if err := os.WriteFile(config, []byte("linux /vmlinuz console=ttyS1 no_timer_check quiet panic=-1\ninitrd /initrd\nboot\n"), 0o600); err != nil {
		t.Fatal(err)
	}

	t.Run("signed", func(t *testing.T) {
		t.Parallel()
		d, lines := bootDisk(t, c, map[string]string{
			shim: "EFI/BOOT/BOOTX64.EFI", grub: "EFI/BOOT/grubx64.efi", config: "EFI/debian/grub.cfg", kernel: "vmlinuz", initrd: "initrd",
		})
		said := until(t, lines, "guest script ends")
		for _, want := range []string{"tpm 2", "Secure boot enabled"} {
			if !strings.Contains(said, want) {
				t.Errorf("the guest does not say %q:\n%s", want, said)
			}
		}
		removed(t, c, d)
	})
	t.Run("unsigned", func(t *testing.T) {
		t.Parallel()
		// Debian signs its kernel by a key that the firmware has not.
		d, lines := bootDisk(t, c, map[string]string{kernel: "EFI/BOOT/BOOTX64.EFI"})
		if said := until(t, lines, "Access Denied"); !strings.Contains(said, "failed to load Boot") {
			t.Errorf("the firmware says:\n%s", said)
		}
		removed(t, c, d)
	})
}

func unpacked(t *testing.T, debianPackage string) string {
	t.Helper()
	tree, err := debian.Unpack(t.Context(), debianPackage)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// bootDisk starts a machine with Secure Boot and TPM from a FAT disk with these files (host's path: disk's path).
func bootDisk(t *testing.T, c *libvirtapi.Conn, files map[string]string) (libvirtapi.Domain, <-chan libvirtapi.ConsoleLine) {
	t.Helper()
	pool, dir := libvirttest.Pool(t)
	image := filepath.Join(dir, "efi.img")
	run := func(name string, args ...string) {
		t.Helper()
		if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
			t.Fatalf("%s (Debian packages dosfstools and mtools): %v\n%s", name, err, out)
		}
	}
	run("mkfs.vfat", "-C", image, "131072")
	run("mmd", "-i", image, "::EFI", "::EFI/BOOT", "::EFI/debian")
	for from, to := range files {
		run("mcopy", "-i", image, from, "::"+to)
	}
	if err := os.Chmod(image, 0o666); err != nil { //nolint:gosec // QEMU runs as another user
		t.Fatal(err)
	}
	spec := secureSpec(libvirtapi.TCG)
	spec.Name, spec.UUID, spec.CPUs, spec.MemoryMiB, spec.CDs = pool, "", 1, 512, nil
	spec.Disks[0].Path, spec.Disks[0].Format = image, "raw"
	d := define(t, c, spec)
	if err := c.StartPaused(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	console, err := c.Console(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(console.Close)
	if err := c.Resume(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	return d, console.Lines()
}

// until reads the console to the line with the text.
func until(t *testing.T, lines <-chan libvirtapi.ConsoleLine, text string) string {
	t.Helper()
	var said strings.Builder
	const patience = 15 * time.Minute // half a minute on an idle host
	limit := time.NewTimer(patience)
	defer limit.Stop()
	for {
		select {
		case line, open := <-lines:
			said.WriteString(line.Text + "\n")
			if strings.Contains(line.Text, text) {
				return said.String()
			}
			if !open {
				t.Fatalf("the console ended without %q:\n%s", text, said.String())
			}
		case <-limit.C:
			t.Fatalf("no line %q in %s:\n%s", text, patience, said.String())
		}
	}
}

// removed takes the domain away and looks for the state that it had.
func removed(t *testing.T, c *libvirtapi.Conn, d libvirtapi.Domain) {
	t.Helper()
	state := []string{"/var/lib/libvirt/qemu/nvram/" + d.Name + "_VARS.fd", "/var/lib/libvirt/swtpm/" + d.UUID}
	for _, path := range state {
		if _, err := os.Stat(path); err != nil && os.Geteuid() == 0 {
			t.Errorf("the machine has no %s: what is looked for afterwards?", path)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if err := errors.Join(c.Destroy(ctx, d), c.Undefine(ctx, d)); err != nil {
		t.Fatal(err)
	}
	for _, path := range state {
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s is left behind", path)
		}
	}
}
