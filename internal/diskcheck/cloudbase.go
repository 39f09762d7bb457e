package diskcheck

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest/cloudbase"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/handoff"
)

const (
	cloudbaseKey    = servicesKey + "cloudbase-init"
	cloudbaseStates = `HKLM\SOFTWARE\Cloudbase Solutions\Cloudbase-Init`
	cloudbaseFolder = `Program Files\Cloudbase Solutions\Cloudbase-Init`
	setupComplete   = `Windows\Setup\Scripts\SetupComplete.cmd`
)

// findCloudbaseInit has a cloudbase-init that is on the disk judged, whether
// the build has told of it or not: one that is armed wrongly, or has run, does
// the same harm to the clones.
func (c *checker) findCloudbaseInit() {
	if c.system == nil {
		return // which the hive's own finding says
	}
	if _, err := c.key(cloudbaseKey); !errors.Is(err, fs.ErrNotExist) {
		c.want.CloudbaseInit = true
	}
}

func (c *checker) checkCloudbaseInit() {
	if !c.want.CloudbaseInit {
		return
	}
	if c.system == nil {
		c.unknown("cloudbase-init", cloudbaseKey, errNoHive)
		return
	}
	image, err := c.value(cloudbaseKey, "ImagePath")
	if err != nil {
		c.missing("cloudbase-init", cloudbaseKey, err, "the cloudbase_init block must install it before the seal")
		return
	}
	folder := installFolder(image.String())
	if _, err := c.windows.Stat(folder + `\Python\Scripts\cloudbase-init.exe`); err != nil {
		c.missing("cloudbase-init", `C:\`+folder+`\Python\Scripts\cloudbase-init.exe`, err, "the service is there, its program is not; install it again")
		return
	}
	c.checkCloudbaseStart()
	c.checkConf("cloudbase-init-conf", folder+`\conf\cloudbase-init.conf`, false)
	c.checkConf("cloudbase-init-unattend-conf", folder+`\conf\cloudbase-init-unattend.conf`, true)
	c.checkCloudbaseRan(folder)
}

// installFolder finds the folder of the installation in the service's command
// line: "C:\…\bin\OpenStackService.exe" cloudbase-init …
func installFolder(image string) string {
	program := image
	if strings.HasPrefix(image, `"`) {
		program, _, _ = strings.Cut(image[1:], `"`)
	}
	rest, onC := cutPrefixFold(program, `C:\`)
	i := strings.LastIndex(strings.ToLower(rest), `\bin\`)
	if !onC || i < 0 {
		return cloudbaseFolder
	}
	return rest[:i]
}

var startTypes = map[string]uint64{"auto": 2, "delayed-auto": 2, "demand": 3, "disabled": 4}

// checkCloudbaseStart: a service that starts in OOBE renames the machine and
// restarts it in the middle of Setup; one that nobody starts never runs.
func (c *checker) checkCloudbaseStart() {
	const id = "cloudbase-init"
	v, err := c.value(cloudbaseKey, "Start")
	if err != nil {
		c.missing(id, cloudbaseKey+"!Start", err, "the service is damaged")
		return
	}
	n, _ := v.Number()
	if want, ok := startTypes[c.want.CloudbaseInitStart]; ok && n != want {
		c.fail(id, cloudbaseKey, fmt.Sprintf("Start=%s, expected %d (%s)", v, want, c.want.CloudbaseInitStart), "only the seal may arm the service")
		return
	}
	delayed, err := c.value(cloudbaseKey, "DelayedAutostart")
	if c.want.CloudbaseInitStart == "delayed-auto" {
		if d, _ := delayed.Number(); err != nil || d != 1 {
			c.fail(id, cloudbaseKey, "starts by itself at once, expected delayed", "only the seal may arm the service")
			return
		}
	}
	if n == 3 { // somebody must start it: the script at the end of Setup
		b, err := c.windows.ReadFile(setupComplete, maxText)
		if err != nil {
			c.missing(id, `C:\`+setupComplete, err, "the service waits to be started, and nothing starts it")
			return
		}
		text := strings.ToLower(decodeText(b))
		if !strings.Contains(text, "cloudbase-init") && !strings.Contains(text, "wintemplate-setupcomplete") {
			c.fail(id, `C:\`+setupComplete, "does not start cloudbase-init", "the service waits to be started, and nothing starts it")
			return
		}
	}
	c.ok(id, cloudbaseKey, "Start="+v.String())
}

// checkCloudbaseRan: a service that has run in the build has taken its
// identity from the build's machine.
func (c *checker) checkCloudbaseRan(folder string) {
	const id = "cloudbase-init-state"
	if c.software == nil {
		c.unknown(id, cloudbaseStates, errNoHive)
		return
	}
	subs, err := c.subkeys(cloudbaseStates)
	if err != nil {
		c.unknown(id, cloudbaseStates, err)
		return
	}
	for _, k := range subs {
		if _, err := k.Subkey("Plugins"); err == nil {
			c.fail(id, cloudbaseStates+`\`+k.Name(), "what cloudbase-init has done in the build", "the seal must delete it, else clones with this instance id skip their plugins")
			return
		}
	}
	log := folder + `\log\cloudbase-init.log`
	b, err := c.windows.ReadFile(log, 1<<30)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		c.unknown(id, `C:\`+log, err)
		return
	}
	if len(b) > 0 {
		c.fail(id, `C:\`+log, fmt.Sprintf("%d bytes: cloudbase-init has run in the build", len(b)), "its service must stay disabled until the seal")
		return
	}
	c.ok(id, cloudbaseStates, "it has not run")
}

// checkConf reads a conf file as cloudbase-init does and looks for what makes it
// loop or lock everybody out.
func (c *checker) checkConf(id, path string, unattend bool) {
	object := `C:\` + path
	b, err := c.windows.ReadFile(path, maxText)
	if err != nil {
		c.missing(id, object, err, "the cloudbase_init block must write it")
		return
	}
	j := cloudbase.Judge(string(b), unattend)
	switch {
	case len(j.Wrong) > 0:
		c.fail(id, object, strings.Join(j.Wrong, "; "), "write the file by the cloudbase_init block")
	case len(j.Doubtful) > 0:
		c.add(id, handoff.Warning, object, strings.Join(j.Doubtful, "; "), "a clone without that code ends cloudbase-init with an error at each start")
	default:
		c.ok(id, object, "metadata from "+strings.Join(cloudbase.ParseConf(string(b)).Services, ", "))
	}
}
