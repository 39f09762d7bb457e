package diskcheck

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/answerfile"
)

const (
	panther      = `Windows\Panther`
	cachedAnswer = panther + `\unattend.xml`
)

// strayAnswers are the other places in which Setup or sysprep look for an
// answer file, in Microsoft's implicit search order, and the copies that Setup
// makes. A clone would take one of them, or show somebody its passwords.
var strayAnswers = []string{
	panther + `\unattend-original.xml`,
	panther + `\autounattend.xml`,
	panther + `\Unattend\unattend.xml`,
	panther + `\Unattend\autounattend.xml`,
	`Windows\System32\Sysprep\unattend.xml`,
	`Windows\System32\Sysprep\Panther\unattend.xml`,
	`unattend.xml`,
	`autounattend.xml`,
}

func (c *checker) checkAnswerFiles() {
	c.checkCachedAnswer()
	c.checkStrayAnswers()
}

// checkCachedAnswer: sysprep keeps the file that it was given as
// Panther\unattend.xml, and a clone's specialize and oobeSystem passes run from
// that copy. It must be there, be ours and hold no password.
func (c *checker) checkCachedAnswer() {
	const id, object = "answer-file-cached", `C:\` + cachedAnswer
	b, err := c.windows.ReadFile(cachedAnswer, maxText)
	if err != nil {
		c.missing(id, object, err, "sysprep must be given the plugin's answer file with /unattend:")
		return
	}
	if secrets := answerfile.FindSecrets(b); len(secrets) > 0 {
		c.fail(id, object, "holds "+strings.Join(secrets, ", "), "each clone would carry it; take it out of the answer file for sysprep")
		return
	}
	have, err := settingsOf(b)
	if err != nil {
		c.fail(id, object, err.Error(), "sysprep must be given the plugin's answer file with /unattend:")
		return
	}
	if c.want.Unattend != nil {
		want, err := settingsOf(c.want.Unattend)
		if err != nil {
			c.unknown(id, "the answer file that sysprep was given", err)
			return
		}
		for _, s := range want {
			if !slices.Contains(have, s) {
				c.fail(id, object, "lacks "+s, "this is another file than sysprep was given")
				return
			}
		}
	}
	for _, m := range marks {
		if m.when(c.want) && !slices.ContainsFunc(have, m.in) {
			c.fail(id, object, "does not "+m.does, "this is not the answer file of the plugin for sysprep")
			return
		}
	}
	c.ok(id, object, fmt.Sprintf("%d settings, no password", len(have)))
}

// mark is something that every answer file of the plugin for sysprep does,
// whatever the template asks of it. They tell ours from a file that Setup or
// somebody else left: a comment would not, since Windows may write the cached
// copy anew.
type mark struct {
	does string
	when func(Expect) bool
	in   func(setting string) bool
}

var marks = []mark{
	{"keep the drivers of both disk buses", always, has(`generalize/Microsoft-Windows-PnpSysprep/PersistAllDeviceInstalls=true`)},
	{"answer OOBE", always, has(`oobeSystem/Microsoft-Windows-Shell-Setup/OOBE/HideEULAPage=true`)},
	{"give each clone a password of its own for the built-in Administrator", func(e Expect) bool { return e.Server }, has("specialize/Microsoft-Windows-Deployment/RunSynchronous/", "SID -like *-500|Set-LocalUser")},
	{"run cloudbase-init in the specialize pass", func(e Expect) bool { return e.CloudbaseInit }, has("specialize/Microsoft-Windows-Deployment/RunSynchronous/", "cloudbase-init-unattend.conf")},
}

func always(Expect) bool { return true }

// has matches a setting that begins with the first text and holds the others.
func has(prefix string, parts ...string) func(string) bool {
	return func(setting string) bool {
		return strings.HasPrefix(setting, prefix) && !slices.ContainsFunc(parts, func(p string) bool { return !strings.Contains(setting, p) })
	}
}

func (c *checker) checkStrayAnswers() {
	const id = "answer-file-stray"
	bad := false
	for _, path := range strayAnswers {
		b, err := c.windows.ReadFile(path, maxText)
		found := "an answer file without a password"
		if secrets := answerfile.FindSecrets(b); err == nil && len(secrets) > 0 {
			found = "holds " + strings.Join(secrets, ", ")
		}
		if !c.absent(id, `C:\`+path, found, "Setup would look here in each clone; the seal must delete it", err) {
			bad = true
		}
	}
	// Whatever else Setup left there must hold no password either.
	list, err := c.windows.ReadDir(panther)
	if err != nil {
		c.unknown(id, `C:\`+panther, err)
		return
	}
	for _, e := range list {
		path := panther + `\` + e.Name
		if e.Directory || !strings.HasSuffix(strings.ToLower(e.Name), ".xml") || strings.EqualFold(path, cachedAnswer) {
			continue
		}
		b, err := c.windows.ReadFile(path, maxText)
		if err != nil {
			c.unknown(id, `C:\`+path, err)
			bad = true
		} else if _, err := settingsOf(b); err != nil {
			continue // Setup's own XML logs
		} else if secrets := answerfile.FindSecrets(b); len(secrets) > 0 {
			c.fail(id, `C:\`+path, "holds "+strings.Join(secrets, ", "), "the seal must delete it")
			bad = true
		}
	}
	const setup = `HKLM\SYSTEM\Setup`
	v, err := c.value(setup, "UnattendFile")
	if err == nil && v.String() == "" {
		err = fs.ErrNotExist
	}
	if !c.absent(id, setup+"!UnattendFile", v.String(), "Setup would take this file first; the seal must delete the value", err) {
		bad = true
	}
	if !bad {
		c.ok(id, "drive C:", "no other answer file where Setup looks")
	}
}

// settingsOf lists what an answer file sets, as
// "pass/component/element/…=text", whatever its layout.
func settingsOf(b []byte) ([]string, error) {
	var list, path []string
	var text strings.Builder
	leaf := false
	d := xml.NewDecoder(strings.NewReader(decodeText(b)))
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil } // decodeText has done it
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("is no XML: %w", err)
		}
		switch t := t.(type) {
		case xml.StartElement:
			if len(path) == 0 && (t.Name.Local != "unattend" || t.Name.Space != "urn:schemas-microsoft-com:unattend") {
				return nil, errors.New("is no answer file: its root element is " + t.Name.Local)
			}
			name := t.Name.Local
			for _, a := range t.Attr {
				if name == "settings" && a.Name.Local == "pass" || name == "component" && a.Name.Local == "name" {
					name = a.Value
				}
			}
			path = append(path, name)
			text.Reset()
			leaf = true
		case xml.CharData:
			text.Write(t)
		case xml.EndElement:
			if leaf && len(path) > 3 {
				list = append(list, strings.Join(path[1:], "/")+"="+strings.TrimSpace(text.String()))
			}
			path = path[:len(path)-1]
			leaf = false
		}
	}
	if len(list) == 0 {
		return nil, errors.New("is an answer file that sets nothing")
	}
	return list, nil
}
