package standintest

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/answerfile"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/diskcheck"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/handoff"
)

const (
	cloudbaseFolder = "Program Files/Cloudbase Solutions/Cloudbase-Init/"
	currentVersion  = `HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion`
	winlogonKey     = `HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon`
	services        = `HKLM\SYSTEM\CurrentControlSet\Services\`
	stateKey        = currentVersion + `\Setup\State`
	otherAnswers    = `<unattend xmlns="urn:schemas-microsoft-com:unattend"><settings pass="oobeSystem"><component name="Microsoft-Windows-Shell-Setup"><TimeZone>UTC</TimeZone></component></settings></unattend>`
)

// breakers break one thing of a sealed disk, by the id of the finding that
// must tell it.
var breakers = map[string]func(*broken){
	"image": func(b *broken) {
		b.Finish = func(qcow2 string) { b.Write(qcow2, 79, []byte{2}) } // corrupt (QEMU, docs/interop/qcow2.txt)
	},
	"partition-table": func(b *broken) { b.Want.Firmware = diskcheck.BIOS },
	"esp": func(b *broken) {
		file := filepath.Join(b.dir, "esp")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			b.t.Fatal(err)
		}
		if err := os.Truncate(file, b.esp.Size); err != nil {
			b.t.Fatal(err)
		}
		run(b.t, "dosfstools", "mkfs.vfat", "-F", "16", file)
		punch(b.t, b.Disk, b.esp)
		extract(b.t, file, slice{0, b.esp.Size}, b.Disk, b.esp)
	},
	"fallback-loader": func(b *broken) { b.ESP("mdel", "::/EFI/Boot/bootx64.efi") },
	"boot-store":      func(b *broken) { b.ESP("mdel", "::/EFI/Microsoft/Boot/BCD") },
	"windows-volume":  func(b *broken) { b.Write(b.Drive, 0, make([]byte, 512)) },
	"windows-last": func(b *broken) {
		b.shrink()
		run(b.t, "gdisk", "sgdisk", "-n", "0:0:0", "-t", "0:2700", b.Disk)
	},
	"windows-filled": func(b *broken) { b.shrink() },
	"ntfs-clean":     func(b *broken) { b.markDirty() },
	"hive-software":  func(b *broken) { b.Put(config+"SOFTWARE", "not a hive") },
	"hive-system":    func(b *broken) { b.Put(config+"SYSTEM", "not a hive") },
	"hive-security":  func(b *broken) { b.Put(config+"SECURITY", "not a hive") },
	"hive-sam":       func(b *broken) { b.Put(config+"SAM", "not a hive") },
	"hive-dirty": func(b *broken) {
		hive, err := os.ReadFile(b.hives["SOFTWARE"])
		if err != nil {
			b.t.Fatal(err)
		}
		le := binary.LittleEndian
		le.PutUint32(hive[4:], le.Uint32(hive[4:])+1) // a write has begun
		sum := uint32(0)
		for i := 0; i < 508; i += 4 {
			sum ^= le.Uint32(hive[i:])
		}
		le.PutUint32(hive[508:], sum)
		b.Put(config+"SOFTWARE", string(hive))
	},
	"image-state":         func(b *broken) { b.Merge(stateKey, `"ImageState"="IMAGE_STATE_COMPLETE"`) },
	"boot-driver-viostor": func(b *broken) { b.Merge(services+"viostor", `"Start"=dword:00000003`) },
	"boot-driver-vioscsi": func(b *broken) {
		b.Rebuild("delete '/Windows/System32/drivers/vioscsi.sys'")
	},
	"cloudbase-init":               func(b *broken) { b.Merge(services+"cloudbase-init", `"Start"=dword:00000002`) },
	"cloudbase-init-conf":          func(b *broken) { b.Put(cloudbaseFolder+"conf/cloudbase-init.conf", "[DEFAULT]\nuser=x\n") },
	"cloudbase-init-unattend-conf": func(b *broken) { b.Rebuild("delete '/" + cloudbaseFolder + "conf/cloudbase-init-unattend.conf'") },
	"cloudbase-init-state": func(b *broken) {
		b.Merge(`HKLM\SOFTWARE\Cloudbase Solutions\Cloudbase-Init\i-1\Plugins`, `"SetHostNamePlugin"=dword:00000001`)
	},
	"answer-file-cached": func(b *broken) { b.Put("Windows/Panther/unattend.xml", otherAnswers) },
	"answer-file-stray":  func(b *broken) { b.Put("Windows/System32/Sysprep/unattend.xml", otherAnswers) },
	// The image has no page file.
	"page-file": func(b *broken) {
		b.Put("Windows/Panther/unattend.xml", strings.ReplaceAll(string(b.Want.Unattend), "/v PagingFiles ", "/v Other "))
		b.Want.Unattend = nil // else it is another file than sysprep was given
	},
	"autologon": func(b *broken) { b.Merge(winlogonKey, `"AutoAdminLogon"="1"`) },
	"winrm-listener": func(b *broken) {
		b.Merge(currentVersion+`\WSMAN\Listener\*+HTTPS`, `"certThumbprint"="AA"`)
	},
	"winrm-binding": func(b *broken) {
		b.Merge(services+`HTTP\Parameters\SslBindingInfo\0.0.0.0:5986`, `"SslCertHash"=hex:00`)
	},
	"firewall-rule": func(b *broken) {
		b.Merge(services+`SharedAccess\Parameters\FirewallPolicy\FirewallRules`, regName(answerfile.WinRMFirewallRule)+`="v2.30|Action=Allow|Active=TRUE|Dir=In|Protocol=6|LPort=5986|"`)
	},
	"winrm-certificate": func(b *broken) {
		blob := binary.LittleEndian.AppendUint32([]byte{32, 0, 0, 0, 1, 0, 0, 0}, uint32(len(b.Want.Certificate)))
		hex := strings.ReplaceAll(strings.TrimSpace(fmt.Sprintf("% x", append(blob, b.Want.Certificate...))), " ", ",")
		b.Merge(`HKLM\SOFTWARE\Microsoft\SystemCertificates\MY\Certificates\AA`, `"Blob"=hex:`+hex)
	},
	"winrm-private-key": func(b *broken) {
		leaf, err := x509.ParseCertificate(b.Want.Certificate)
		if err != nil {
			b.t.Fatal(err)
		}
		modulus := leaf.PublicKey.(*rsa.PublicKey).N.Bytes()
		slices.Reverse(modulus)
		b.Put("ProgramData/Microsoft/Crypto/RSA/MachineKeys/aa_1", "RSA1"+string(modulus))
	},
	"build-account": func(b *broken) { b.Merge(`HKLM\SAM\SAM\Domains\Account\Users\Names\`+b.Want.Account, `"x"="y"`) },
	"build-task": func(b *broken) {
		b.Merge(`HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Schedule\TaskCache\Tree\wintemplate-seal-1`, `"SD"=hex:00`)
	},
	"product-key": func(b *broken) {
		local := filepath.Join(b.dir, "dism.log")
		if err := os.WriteFile(local, []byte("dism.exe /Online /ProductKey:RBWQ3-CD7T6-PPX4V-KJ9MY-22HFG\r\n"), 0o600); err != nil {
			b.t.Fatal(err)
		}
		b.Rebuild(fmt.Sprintf("add '%s' '/Windows/Logs/DISM/dism.log'", local))
	},
	"secret-remnant": func(b *broken) {
		b.Write(b.Drive, b.c.Size/2, []byte("x "+b.Want.Secrets[0])) // a quarter of the disk is used
	},
}

// shrink takes 64 MiB from the partition of drive C:, and leaves its file
// system as it was.
func (b *broken) shrink() {
	b.t.Helper()
	out := string(run(b.t, "gdisk", "sgdisk", "-p", b.Disk))
	lines := strings.Split(strings.TrimSpace(out), "\n")
	number := strings.Fields(lines[len(lines)-1])[0]
	b.c.Size -= 64 << 20
	run(b.t, "gdisk", "sgdisk", "-a", "8", "-d", number, "-n", fmt.Sprintf("%s:%d:%d", number, b.c.Start/512, (b.c.Start+b.c.Size)/512-1), "-t", number+":0700", b.Disk)
}

// markDirty sets the flag of NTFS that asks for a chkdsk, in the file table and
// in its mirror: no tool does so on a volume that is not mounted.
func (b *broken) markDirty() {
	b.t.Helper()
	f, err := os.OpenFile(b.Drive, os.O_RDWR, 0)
	if err != nil {
		b.t.Fatal(err)
	}
	defer f.Close()
	boot := make([]byte, 512)
	if _, err := f.ReadAt(boot, 0); err != nil {
		b.t.Fatal(err)
	}
	le := binary.LittleEndian
	cluster := int64(le.Uint16(boot[11:])) * int64(boot[13])
	const volume, size = 3, 1024 // the record of $Volume, and a record's size
	for _, table := range []int64{int64(le.Uint64(boot[48:])), int64(le.Uint64(boot[56:]))} {
		record := make([]byte, size)
		at := table*cluster + volume*size
		if _, err := f.ReadAt(record, at); err != nil {
			b.t.Fatal(err)
		}
		i := bytes.Index(record, []byte{0x70, 0, 0, 0, 0x28, 0, 0, 0, 0}) // $VOLUME_INFORMATION, resident
		if i < 0 {
			b.t.Fatal("the volume has no $VOLUME_INFORMATION")
		}
		b.Write(b.Drive, at+int64(i)+24+10, []byte{record[i+24+10] | 1})
	}
}

// breakSetting sets one setting of the build again.
func breakSetting(b *broken, s answerfile.Setting) {
	data := s.Data
	switch {
	case data == "" && s.Type == "REG_DWORD":
		data = "1"
	case data == "":
		data = "left"
	}
	switch s.Kind {
	case answerfile.RegistryValue:
		if s.Type == "REG_DWORD" {
			var n uint32
			if _, err := fmt.Sscan(data, &n); err != nil {
				b.t.Fatal(err)
			}
			b.Merge(s.Key, fmt.Sprintf("%s=dword:%08x", regName(s.Name), n))
			return
		}
		b.Merge(s.Key, fmt.Sprintf("%s=%q", regName(s.Name), data))
	case answerfile.RegistryKey:
		b.Merge(s.Key, `"x"="y"`)
	case answerfile.Service:
		b.Merge(services+s.Name, `"Start"=dword:00000003`)
	case answerfile.WSManItem:
		var n uint32
		if _, err := fmt.Sscan(data, &n); err != nil {
			b.t.Fatal(err)
		}
		b.Merge(currentVersion+`\WSMAN`, fmt.Sprintf("%s=dword:%08x", regName(s.Name[strings.LastIndexByte(s.Name, '\\')+1:]), n))
	case answerfile.Folder:
		local := filepath.Join(b.dir, "left")
		if err := os.WriteFile(local, []byte("left"), 0o600); err != nil {
			b.t.Fatal(err)
		}
		b.Rebuild(fmt.Sprintf("add '%s' '/%s/left'", local, strings.ReplaceAll(strings.TrimPrefix(s.Name, `C:\`), `\`, "/")))
	default:
		b.t.Fatalf("nobody knows how to break a setting of the kind %s", s.Kind)
	}
}

// testBroken breaks everything that the check can find, one at a time, and
// wants it found. A finding that nobody breaks fails the test.
func testBroken(t *testing.T, qcow2 string, want diskcheck.Expect) {
	want.Account, want.BuildProxy = "packer", true
	s := openSealed(t, qcow2, want)
	t.Run("nothing", func(t *testing.T) {
		b := s.Break(t)
		b.Rebuild() // the way there breaks nothing by itself
		r := b.Check()
		if err := r.Err(); err != nil || len(r.Warnings()) > 0 {
			t.Fatalf("%v, %+v", err, r.Warnings())
		}
	})
	settings := map[string]answerfile.Setting{}
	for _, setting := range answerfile.BuildSettings() {
		settings["build-"+setting.ID] = setting
	}
	for _, id := range diskcheck.IDs(want) {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			b := s.Break(t)
			damage, ok := breakers[id]
			setting, isSetting := settings[id]
			switch {
			case ok:
				damage(b)
			case isSetting:
				breakSetting(b, setting)
			default:
				t.Fatalf("nobody breaks %s: add it to breakers", id)
			}
			r := b.Check()
			if !slices.ContainsFunc(r.Findings, func(f diskcheck.Finding) bool {
				return f.ID == id && f.Severity != handoff.OK && f.Remedy != ""
			}) {
				t.Errorf("%s is not found, or has no remedy; found: %v", id, r.Err())
			}
		})
	}
}
