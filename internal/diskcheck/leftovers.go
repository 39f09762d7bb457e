package diskcheck

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/answerfile"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/diskcheck/hive"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/handoff"
)

const (
	wsmanKey    = `HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\WSMAN`
	firewallKey = `HKLM\SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy\FirewallRules`
	sslKey      = `HKLM\SYSTEM\CurrentControlSet\Services\HTTP\Parameters\SslBindingInfo`
	tasksKey    = `HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Schedule\TaskCache\Tree`
)

// checkWinRM looks for every way in that the build opened. A listener of ours
// in a template would take Basic with a known certificate in every clone.
func (c *checker) checkWinRM() {
	c.checkListeners()
	c.checkBindings()
	c.checkFirewall()
	c.checkCertificate()
	c.checkPrivateKey()
}

func (c *checker) checkListeners() {
	const id, object = "winrm-listener", wsmanKey + `\Listener`
	subs, err := c.subkeys(object)
	if err != nil {
		c.unknown(id, object, err)
		return
	}
	bad := false
	for _, k := range subs {
		// A server's own listener is *+HTTP; it has no certificate.
		_, err := k.Value("certThumbprint")
		if err == nil || strings.HasSuffix(strings.ToUpper(k.Name()), "+HTTPS") {
			c.fail(id, object+`\`+k.Name(), "an HTTPS listener", "the seal must delete it")
			bad = true
		} else if !errors.Is(err, fs.ErrNotExist) {
			c.unknown(id, object+`\`+k.Name(), err)
			bad = true
		}
	}
	if v, err := c.value(wsmanKey+`\Service`, "allow_unencrypted"); err == nil {
		if n, _ := v.Number(); n != 0 {
			c.fail(id, wsmanKey+`\Service!allow_unencrypted`, v.String(), "the seal must set it to 0")
			bad = true
		}
	}
	if !bad {
		c.ok(id, object, "no HTTPS listener")
	}
}

func (c *checker) checkBindings() {
	const id = "winrm-binding"
	subs, err := c.subkeys(sslKey)
	if err != nil {
		c.unknown(id, sslKey, err)
		return
	}
	for _, k := range subs {
		if strings.HasSuffix(k.Name(), ":5986") {
			c.fail(id, sslKey+`\`+k.Name(), "a certificate is bound to port 5986", "netsh http delete sslcert ipport="+k.Name())
			return
		}
	}
	c.ok(id, sslKey, "no certificate is bound to port 5986")
}

func (c *checker) checkFirewall() {
	const id = "firewall-rule"
	k, err := c.key(firewallKey)
	if errors.Is(err, fs.ErrNotExist) {
		c.ok(id, firewallKey, "no rules")
		return
	}
	var values []hive.Value
	if err == nil {
		values, err = k.Values()
	}
	if err != nil {
		c.unknown(id, firewallKey, err)
		return
	}
	for _, v := range values {
		rule := "|" + v.String() + "|"
		if strings.EqualFold(v.Name, answerfile.WinRMFirewallRule) || strings.Contains(rule, "|LPort=5986|") && strings.Contains(rule, "|Active=TRUE|") {
			c.fail(id, firewallKey+"!"+v.Name, v.String(), "the seal must delete the rule")
			return
		}
	}
	c.ok(id, firewallKey, "no rule opens port 5986")
}

// subkeys lists a key's children; a key that is not there has none.
func (c *checker) subkeys(path string) ([]*hive.Key, error) {
	k, err := c.key(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return k.Subkeys()
}

// checkTasks looks for the tasks in which long work is done. One that is left
// does nothing: no trigger starts it, and its script is gone.
func (c *checker) checkTasks() {
	const id = "build-task"
	subs, err := c.subkeys(tasksKey)
	if err != nil {
		c.unknown(id, tasksKey, err)
		return
	}
	left := false
	for _, k := range subs {
		if _, ours := cutPrefixFold(k.Name(), "wintemplate-"); ours {
			left = true
			c.add(id, handoff.Warning, tasksKey+`\`+k.Name(), "a task of the build is still registered, which nothing starts", "schtasks.exe /delete /tn "+k.Name()+" in an instance")
		}
	}
	if !left {
		c.ok(id, tasksKey, "no task of the build")
	}
}

// checkSettings verifies that everything that answer file and bootstrap set for
// the build has been reverted.
func (c *checker) checkSettings() {
	for _, s := range answerfile.BuildSettings() {
		if !judged(s, c.want) {
			continue
		}
		switch s.Kind {
		case answerfile.RegistryValue:
			c.checkSetting(s)
		case answerfile.RegistryKey:
			_, err := c.key(s.Key)
			if c.absent("build-"+s.ID, s.Key, "is there", "the seal must delete it", err) {
				c.ok("build-"+s.ID, s.Key, "is not there")
			}
		case answerfile.Folder:
			c.checkFolder(s)
		case answerfile.Service:
			c.checkService(s)
		case answerfile.WSManItem:
			c.checkWSMan(s)
		default:
			c.unknown("build-"+s.ID, s.Name, fmt.Errorf("the check knows no settings of the kind %s", s.Kind))
		}
	}
}

func (c *checker) checkSetting(s answerfile.Setting) {
	id, object := "build-"+s.ID, s.Key+"!"+s.Name
	v, err := c.value(s.Key, s.Name)
	if s.Revert != nil && err == nil {
		if got := v.String(); got != *s.Revert {
			c.fail(id, object, got+", expected "+*s.Revert, "set for the build: "+s.Why+"; the seal must revert it")
			return
		}
		c.ok(id, object, *s.Revert)
		return
	}
	if text, ok := v.Text(); err == nil && ok && text == "" {
		// Windows itself leaves some of these empty.
		c.ok(id, object, "is empty")
		return
	}
	found := "is there"
	if err == nil && !strings.Contains(strings.ToLower(s.Name), "password") {
		found = v.String()
	}
	if c.absent(id, object, found, "set for the build: "+s.Why+"; the seal must delete it", err) {
		c.ok(id, object, "is not there")
	}
}

func (c *checker) checkFolder(s answerfile.Setting) {
	path, ok := cutPrefixFold(s.Name, `C:\`)
	if !ok {
		c.unknown("build-"+s.ID, s.Name, errors.New("not on drive C:"))
		return
	}
	_, err := c.windows.Stat(path)
	if c.absent("build-"+s.ID, s.Name, "is there", "the seal must delete it", err) {
		c.ok("build-"+s.ID, s.Name, "is not there")
	}
}

// checkService wants the start type that Windows gives the service: servers
// start WinRM by themselves, clients do not.
func (c *checker) checkService(s answerfile.Setting) {
	id, object, want := "build-"+s.ID, servicesKey+s.Name, uint64(3)
	if c.want.Server {
		want = 2
	}
	v, err := c.value(object, "Start")
	if err != nil {
		c.missing(id, object, err, "is this a Windows?")
		return
	}
	if n, _ := v.Number(); n != want && n != 4 {
		c.fail(id, object, fmt.Sprintf("Start=%s, expected %d", v, want), "set for the build: "+s.Why+"; the seal must revert it")
		return
	}
	c.ok(id, object, "Start="+v.String())
}
