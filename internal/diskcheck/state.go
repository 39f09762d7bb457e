package diskcheck

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"unicode/utf16"
)

const (
	sealedState = "IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE"
	stateKey    = `HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Setup\State`
	versionKey  = `HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion`
	uninstall   = `HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall`
	stateINI    = `Windows\Setup\State\State.ini`
	maxText     = 4 << 20
)

// stateMeaning says what a state other than the sealed one means.
var stateMeaning = map[string]string{
	"IMAGE_STATE_COMPLETE":                   "sysprep has not run, or has refused before it changed anything: read setuperr.log",
	"IMAGE_STATE_UNDEPLOYABLE":               "sysprep has failed half-way; the image is spoiled, build it again",
	"IMAGE_STATE_SPECIALIZE_RESEAL_TO_OOBE":  "Windows was sealed without /generalize",
	"IMAGE_STATE_SPECIALIZE_RESEAL_TO_AUDIT": "Windows was sealed into audit mode",
	"IMAGE_STATE_GENERALIZE_RESEAL_TO_AUDIT": "Windows was sealed into audit mode",
	"":                                       "this is no Windows that Setup has finished",
}

func (c *checker) checkImageState() {
	if c.software == nil {
		c.unknown("image-state", stateKey, errNoHive)
		return
	}
	v, err := c.value(stateKey, "ImageState")
	if err != nil {
		c.missing("image-state", stateKey+"!ImageState", err, stateMeaning[""])
		return
	}
	state, _ := v.Text()
	c.report.Facts.ImageState = state
	if state != sealedState {
		c.fail("image-state", stateKey+"!ImageState", state+", expected "+sealedState, stateMeaning[state])
		return
	}
	// Setup keeps the state in a file too; both must say the same.
	b, err := c.windows.ReadFile(stateINI, maxText)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		c.unknown("image-state", `C:\`+stateINI, err)
		return
	}
	if err == nil && !strings.Contains(decodeText(b), sealedState) {
		c.fail("image-state", `C:\`+stateINI, strings.Join(strings.Fields(decodeText(b)), " "), "the registry says "+sealedState+": was sysprep cut off?")
		return
	}
	c.ok("image-state", stateKey+"!ImageState", state)
}

// collectFacts reads what the manifest says of the image. A fact that is not
// there is left empty.
func (c *checker) collectFacts() {
	if c.software == nil {
		return
	}
	f := &c.report.Facts
	f.ProductName = c.text(versionKey, "ProductName")
	f.EditionID = c.text(versionKey, "EditionID")
	f.Build, _ = strconv.Atoi(c.text(versionKey, "CurrentBuildNumber"))
	k, err := c.key(uninstall)
	if err != nil {
		return
	}
	products, err := k.Subkeys()
	if err != nil {
		return
	}
	for _, p := range products {
		name, err := p.Value("DisplayName")
		if err != nil {
			continue
		}
		version, err := p.Value("DisplayVersion")
		if err != nil {
			continue
		}
		switch display := strings.ToLower(name.String()); {
		case strings.HasPrefix(display, "qemu guest agent"):
			f.AgentVersion = version.String()
		case strings.HasPrefix(display, "cloudbase-init"):
			f.CloudbaseInit = version.String()
		case strings.HasPrefix(display, "virtio-win"):
			f.Drivers = version.String()
		}
	}
}

// decodeText takes a text file of Windows: UTF-16 with its mark, or bytes.
func decodeText(b []byte) string {
	switch {
	case len(b) >= 2 && b[0] == 0xff && b[1] == 0xfe:
		return utf16Text(b[2:])
	case len(b) >= 3 && b[0] == 0xef && b[1] == 0xbb && b[2] == 0xbf:
		return string(b[3:])
	}
	if bytes.IndexByte(b, 0) == 1 { // UTF-16 without its mark
		return utf16Text(b)
	}
	return string(b)
}

func utf16Text(b []byte) string {
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	return string(utf16.Decode(units))
}

// checkAutologon: BuildSettings has the values; here is the rest that may log
// somebody on, or holds the password.
func (c *checker) checkAutologon() {
	const run = `HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Run`
	if c.software == nil {
		c.unknown("autologon", `HKLM\SOFTWARE`, errNoHive)
		return
	}
	const winlogon = versionKey + `\Winlogon`
	bad := false
	if v, err := c.value(winlogon, "AutoAdminLogon"); err == nil && v.String() != "0" && v.String() != "" {
		c.fail("autologon", winlogon+"!AutoAdminLogon", v.String(), "the seal must set it to 0")
		bad = true
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		c.unknown("autologon", winlogon, err)
		return
	}
	for _, name := range []string{"DefaultPassword", "AutoLogonCount", "AutoLogonSID"} {
		_, err := c.value(winlogon, name)
		if !c.absent("autologon", winlogon+"!"+name, "is there", "the seal must delete it", err) {
			bad = true
		}
	}
	if k, err := c.key(run); err == nil {
		values, err := k.Values()
		if err != nil {
			c.unknown("autologon", run, err)
			return
		}
		for _, v := range values {
			if _, ok := cutPrefixFold(v.Name, "Unattend"); ok {
				// Its text may hold a secret.
				c.fail("autologon", run+"!"+v.Name, "a first-logon command that has not run", "the seal must delete it")
				bad = true
			}
		}
	}
	if c.checkLSASecret() && !bad {
		c.ok("autologon", winlogon, "nobody is logged on by itself")
	}
}

// checkLSASecret looks for the password that Windows itself may have put away
// for an automatic logon.
func (c *checker) checkLSASecret() bool {
	object := `C:\` + config + "SECURITY"
	if _, err := c.windows.Stat(config + "SECURITY"); errors.Is(err, fs.ErrNotExist) {
		return true
	}
	h := c.openHive("SECURITY")
	if h == nil {
		return false // openHive has said why
	}
	k, err := h.Key(`Policy\Secrets\DefaultPassword\CurrVal`)
	if err != nil {
		return c.absent("autologon", object, "", "", err)
	}
	v, err := k.Value("")
	if err == nil && len(v.Data) == 0 {
		return true
	}
	return c.absent("autologon", object+`: Policy\Secrets\DefaultPassword`, fmt.Sprintf("%d bytes", len(v.Data)), "delete the LSA secret DefaultPassword", err)
}
