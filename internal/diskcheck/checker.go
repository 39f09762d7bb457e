package diskcheck

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/diskcheck/hive"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/diskcheck/ntfs"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/handoff"
)

// checker is one check under way.
type checker struct {
	ctx    context.Context
	want   Expect
	report *Report
	path   string // of the image
	// fileSize of the image, in bytes.
	fileSize int64
	disk     *image
	table    *table

	windows  *ntfs.Volume // drive C:
	home     partition    // that it lies on
	software *hive.Hive
	system   *hive.Hive
}

func (c *checker) add(id string, severity handoff.Severity, object, found, remedy string) {
	c.report.Findings = append(c.report.Findings, Finding{ID: id, Severity: severity, Object: object, Found: found, Remedy: remedy})
}

func (c *checker) ok(id, object, found string) { c.add(id, handoff.OK, object, found, "") }

func (c *checker) fail(id, object, found, remedy string) {
	c.add(id, handoff.Fail, object, found, remedy)
}

// unknown is for what could not be looked at.
func (c *checker) unknown(id, object string, err error) {
	c.add(id, handoff.Unknown, object, err.Error(), "nobody has seen that this is right; look at the disk, and build again")
}

// run makes the checks in the order in which a template is started. It returns
// an error only when there is nothing that could be checked.
func (c *checker) run() error {
	c.report.Facts.VirtualSize = c.disk.size
	c.checkImage()
	t, err := readTable(c.disk, c.disk.size)
	if err != nil {
		c.fail("partition-table", "the disk", err.Error(), "was Windows installed on this disk?")
		return c.ctx.Err()
	}
	c.table = t
	c.checkTable()
	c.checkBoot()
	if !c.openWindows() {
		return c.ctx.Err()
	}
	c.checkVolume()
	c.checkRoom()
	c.openHives()
	c.findCloudbaseInit()
	for _, check := range []func(){
		c.checkImageState, c.checkBootDrivers, c.checkCloudbaseInit, c.checkAnswerFiles, c.checkPageFile, c.checkAutologon,
		c.checkWinRM, c.checkAccount, c.checkTasks, c.checkKeys, c.checkSettings, c.checkRemnants, c.collectFacts,
	} {
		check()
		if err := c.ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) checkImage() {
	if len(c.disk.marks) > 0 {
		c.fail("image", "the "+c.disk.format+" header", "marked "+strings.Join(c.disk.marks, ", "), "was it copied while it was in use? see qemu-img check")
		return
	}
	c.ok("image", "the image", fmt.Sprintf("%s, %d bytes, whole in one file", c.disk.format, c.disk.size))
}

func (c *checker) checkTable() {
	scheme := map[string]string{"gpt": UEFI, "mbr": BIOS}[c.table.scheme]
	c.report.Facts.Firmware = scheme
	if scheme != c.want.Firmware {
		c.fail("partition-table", strings.ToUpper(c.table.scheme), fmt.Sprintf("a disk for %s, the template is for %s", scheme, c.want.Firmware), "install with the firmware of the template")
		return
	}
	if len(c.table.faults) > 0 {
		c.fail("partition-table", strings.ToUpper(c.table.scheme), strings.Join(c.table.faults, "; "), "was the disk resized after Windows was installed?")
		return
	}
	if c.table.scheme == "mbr" {
		var active []string
		for _, p := range c.table.partitions {
			if p.active {
				active = append(active, p.String())
			}
		}
		if len(active) != 1 {
			c.fail("partition-table", "MBR", fmt.Sprintf("%d active partitions: %s", len(active), strings.Join(active, ", ")), "exactly one partition must be active")
			return
		}
	}
	c.ok("partition-table", strings.ToUpper(c.table.scheme), fmt.Sprintf("%d partitions", len(c.table.partitions)))
}

// section is a partition as a reader.
func (c *checker) section(p partition) io.ReaderAt {
	return io.NewSectionReader(c.disk, p.start, p.size)
}

// openWindows finds the partition that holds \Windows.
func (c *checker) openWindows() bool {
	var seen []string
	for _, p := range c.table.partitions {
		if p.kind != "basic" {
			continue
		}
		v, err := ntfs.Open(c.ctx, c.section(p))
		if err != nil {
			seen = append(seen, fmt.Sprintf("%s: %v", p, err))
			continue
		}
		if _, err := v.Stat(`Windows\System32\config`); err != nil {
			seen = append(seen, fmt.Sprintf("%s: %v", p, err))
			continue
		}
		c.windows, c.home = v, p
		c.ok("windows-volume", p.String(), "NTFS with Windows")
		return true
	}
	c.fail("windows-volume", "the disk", "no NTFS partition with Windows: "+strings.Join(seen, "; "), "was Windows installed on this disk?")
	return false
}

func (c *checker) checkVolume() {
	dirty, err := c.windows.Dirty()
	switch {
	case err != nil:
		c.unknown("ntfs-clean", "drive C:", err)
	case dirty:
		c.fail("ntfs-clean", "drive C:", "the volume is marked dirty: each clone would run chkdsk first", "Windows was not shut down cleanly; seal again")
	default:
		c.ok("ntfs-clean", "drive C:", "clean")
	}
}

const config = `Windows\System32\config\`

func (c *checker) openHives() {
	c.software = c.openHive("SOFTWARE")
	c.system = c.openHive("SYSTEM")
}

func (c *checker) openHive(name string) *hive.Hive {
	id, object := "hive-"+strings.ToLower(name), `C:\`+config+name
	var files [3][]byte
	for i, suffix := range []string{"", ".LOG1", ".LOG2"} {
		b, err := c.windows.ReadFile(config+name+suffix, hive.MaxSize)
		if err != nil && (i == 0 || !errors.Is(err, fs.ErrNotExist)) {
			c.unknown(id, object+suffix, err)
			return nil
		}
		files[i] = b
	}
	h, err := hive.Open(files[0], files[1], files[2])
	switch {
	case errors.Is(err, hive.ErrDirty):
		c.add("hive-dirty", handoff.Unknown, object, err.Error(), "Windows was not shut down cleanly; what the registry says is not known")
		return nil
	case err != nil:
		c.unknown(id, object, err)
		return nil
	case h.Replayed > 0:
		c.ok(id, object, fmt.Sprintf("read with %d entries of its transaction logs", h.Replayed))
	default:
		c.ok(id, object, "clean")
	}
	return h
}

// hiveOf finds the hive and the path in it of a full registry path.
func (c *checker) hiveOf(path string) (*hive.Hive, string, error) {
	rest, ok := cutPrefixFold(path, `HKLM\`)
	if !ok {
		return nil, "", fmt.Errorf("%s is in no hive that the check reads", path)
	}
	if sub, ok := cutPrefixFold(rest, `SOFTWARE\`); ok {
		if c.software == nil {
			return nil, "", errNoHive
		}
		return c.software, sub, nil
	}
	if sub, ok := cutPrefixFold(rest, `SYSTEM\`); ok {
		if c.system == nil {
			return nil, "", errNoHive
		}
		if after, ok := cutPrefixFold(sub, `CurrentControlSet\`); ok {
			set, err := c.controlSet()
			return c.system, set + after, err
		}
		return c.system, sub, nil
	}
	return nil, "", fmt.Errorf("%s is in no hive that the check reads", path)
}

var errNoHive = errors.New("its hive could not be read")

// controlSet is the path that CurrentControlSet links to, with a backslash.
func (c *checker) controlSet() (string, error) {
	v, err := c.system.Value("Select", "Current")
	if err != nil {
		return "", err
	}
	n, ok := v.Number()
	if !ok || n == 0 || n > 999 {
		return "", fmt.Errorf("Select!Current is %s", v)
	}
	return fmt.Sprintf(`ControlSet%03d\`, n), nil
}

// value gives a value by its full registry path; the error wraps
// fs.ErrNotExist when it, or its key, is not there.
func (c *checker) value(key, name string) (hive.Value, error) {
	h, path, err := c.hiveOf(key)
	if err != nil {
		return hive.Value{}, err
	}
	return h.Value(path, name)
}

func (c *checker) key(key string) (*hive.Key, error) {
	h, path, err := c.hiveOf(key)
	if err != nil {
		return nil, err
	}
	return h.Key(path)
}

// text gives a string value, "" when it is not there.
func (c *checker) text(key, name string) string {
	v, err := c.value(key, name)
	if err != nil {
		return ""
	}
	s, _ := v.Text()
	return s
}

func cutPrefixFold(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}

// absent is a finding on something that must not be there: ok when err wraps
// fs.ErrNotExist, a failure when it is nil.
func (c *checker) absent(id, object, found, remedy string, err error) bool {
	switch {
	case err == nil:
		c.fail(id, object, found, remedy)
	case errors.Is(err, fs.ErrNotExist):
		return true
	default:
		c.unknown(id, object, err)
	}
	return false
}
