package model

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/regf"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows"
)

// Where Windows keeps what sysprep looks at. Some of it lies in stores of its
// own (BitLocker's metadata on the volume, the domain's secrets in SECURITY,
// running processes); this Windows keeps that below standinKey.
const (
	standinKey      = `Stand-in`
	conversionName  = "ConversionStatus" // Win32_EncryptableVolume's numbers
	decryptName     = "DecryptSeconds"
	busyName        = "UpdatesBusySeconds"
	sysprepRunsName = "SysprepRunsSeconds"
	recurringName   = "RecurringReboot"
	setName         = "ConditionsSet"
	dscName         = "DSCBroken"

	upgradeKey    = `Setup`
	auditKey      = `Setup\Status`
	domainKey     = `Services\Tcpip\Parameters`
	orphanUserKey = appxKey + `\` + machineSID + "1001"
	stateAudit    = "IMAGE_STATE_SPECIALIZE_RESEAL_TO_AUDIT"
)

// Conversion states of a BitLocker volume (Microsoft, "GetConversionStatus
// method of the Win32_EncryptableVolume class").
const (
	fullyDecrypted       = 0
	fullyEncrypted       = 1
	decryptionInProgress = 3
)

// SetConditions makes Windows sound, and then puts it into the conditions.
func (m *Model) SetConditions(c windows.Conditions) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.setConditions(c)
}

func (m *Model) setConditions(c windows.Conditions) {
	m.heal()
	m.software.SetDWord(standinKey, setName, 1)
	for _, name := range c.AppX {
		m.software.Create(appxUserKey + `\` + name)
	}
	for _, name := range c.AppXUpdated {
		m.software.Create(appxProvisionedKey + `\` + family(name) + `_0.9.0.0_neutral_~_stand-in`)
		m.software.Create(appxUserKey + `\` + name)
	}
	for _, name := range c.AppXOrphans {
		m.software.Create(orphanUserKey + `\` + name)
	}
	number := func(name string, n int) { m.software.SetDWord(standinKey, name, uint32(n)) }
	if c.BitLocker {
		number(conversionName, fullyEncrypted)
		number(decryptName, c.DecryptSeconds)
	}
	number(busyName, c.UpdatesBusySeconds)
	number(sysprepRunsName, c.SysprepRunsSeconds)
	m.startProcesses()
	m.wantRestart(c.PendingReboot)
	m.software.Create(standinKey).Set(regf.MultiStringValue(recurringName, c.RecurringReboot))
	if c.ReservedStorage {
		m.software.SetDWord(reserveKey, "ActiveScenario", 3)
	}
	if c.AuditMode {
		m.setImageState(stateAudit)
		m.system.SetDWord(auditKey, "AuditBoot", 1)
	}
	if c.DomainMember {
		m.controlSet().SetString(domainKey, "Domain", "corp.example.com")
	}
	if c.Upgraded {
		m.system.SetDWord(upgradeKey, "Upgrade", 1)
	}
	if c.RearmSpent {
		m.software.SetDWord(rearmKey, rearmName, 0)
	}
	if c.SysprepBrokenOff {
		m.system.SetDWord(sysprepStatusKey, "GeneralizationState", 3)
	}
	if c.DefenderOnboarded {
		m.software.SetDWord(atpKey, "OnboardingState", 1)
	}
	for _, name := range c.LostProviders {
		m.software.SetString(externalKey, name, `C:\Program Files\`+name+`\gone.dll,Sysprep_Generalize`)
	}
	if c.DSCBroken {
		number(dscName, 1)
	}
}

// heal takes every condition away, and makes good a sysprep that spoiled the
// image: a test's next case begins with a sound Windows.
func (m *Model) heal() {
	for _, key := range []string{appxUserKey, orphanUserKey, appxProvisionedKey, standinKey, externalKey, rebootPendingKey, rebootRequiredKey} {
		m.software.Delete(key)
	}
	m.controlSet().Create(sessionManagerKey).Unset("PendingFileRenameOperations")
	m.software.SetDWord(reserveKey, "ActiveScenario", 0)
	m.software.SetDWord(atpKey, "OnboardingState", 0)
	m.software.Create(rearmKey).Unset(rearmName)
	m.setImageState(stateComplete)
	m.system.SetDWord(auditKey, "AuditBoot", 0)
	m.system.Create(upgradeKey).Unset("Upgrade")
	m.controlSet().SetString(domainKey, "Domain", "")
	m.system.SetDWord(sysprepStatusKey, "CleanupState", 2)
	m.system.SetDWord(sysprepStatusKey, "GeneralizationState", 7)
	m.ends = nil
	m.leaving = false // a restart that was put off is forgotten
}

// firstConditions are those that the medium was made with.
func (m *Model) firstConditions() {
	if _, set := m.software.Number(standinKey, setName); !set && m.imageState() == stateComplete {
		m.setConditions(m.host.Faults().Conditions)
		m.encryptByItself()
	}
}

// resumeConditions is what a start of Windows brings back.
func (m *Model) resumeConditions() {
	m.startProcesses()
	if v, ok := m.software.Open(standinKey).Get(recurringName); ok {
		reasons, _ := v.Texts()
		m.wantRestart(reasons)
	}
	if n, _ := m.software.Number(standinKey, conversionName); n == decryptionInProgress {
		m.decrypt() // it goes on after a start
	}
}

// wantRestart makes Windows want one, for reasons as facts names them.
func (m *Model) wantRestart(reasons []string) {
	for _, reason := range reasons {
		switch reason {
		case "servicing":
			m.software.Create(rebootPendingKey).Set(regf.DWordValue("", 1))
		case "windows-update":
			m.software.Create(rebootRequiredKey).Set(regf.DWordValue("", 1))
		case "file-rename":
			m.controlSet().Create(sessionManagerKey).Set(regf.MultiStringValue("PendingFileRenameOperations",
				[]string{`\??\C:\Program Files\updater\old.exe`, ""}))
		}
	}
}

// startProcesses starts what runs for a while, or for ever.
func (m *Model) startProcesses() {
	m.ends = map[string]time.Time{}
	for name, value := range map[string]string{"TiWorker": busyName, "sysprep": sysprepRunsName} {
		if n, _ := m.software.Number(standinKey, value); n != 0 {
			m.ends[name] = endOf(int(int32(n)))
		}
	}
}

// endOf is when something that takes so many seconds ends, counted from now.
func endOf(seconds int) time.Time {
	if seconds == windows.Forever {
		return time.Now().Add(24 * time.Hour)
	}
	return time.Now().Add(time.Duration(seconds) * time.Second)
}

// processRuns says whether a process of the conditions runs now.
func (m *Model) processRuns(name string) bool { return time.Now().Before(m.ends[name]) }

// conversionStatus is BitLocker's of drive C:.
func (m *Model) conversionStatus() int {
	n, _ := m.software.Number(standinKey, conversionName)
	if n == decryptionInProgress && !time.Now().Before(m.ends["decryption"]) {
		n = fullyDecrypted
		m.software.SetDWord(standinKey, conversionName, fullyDecrypted)
	}
	return int(n)
}

// decrypt is Win32_EncryptableVolume.Decrypt: it returns at once.
func (m *Model) decrypt() {
	seconds, _ := m.software.Number(standinKey, decryptName)
	m.software.SetDWord(standinKey, conversionName, decryptionInProgress)
	if m.ends == nil {
		m.ends = map[string]time.Time{}
	}
	m.ends["decryption"] = endOf(int(int32(seconds)))
}

// inDomain is Win32_ComputerSystem.PartOfDomain.
func (m *Model) inDomain() bool {
	domain, _ := m.controlSet().Text(domainKey, "Domain")
	return domain != ""
}

// await lets the lock go until done, no longer than limit.
func (m *Model) await(ctx context.Context, limit time.Duration, done func() bool) bool {
	for end := time.Now().Add(limit); ; {
		if done() {
			return true
		}
		if !time.Now().Before(end) || ctx.Err() != nil {
			return false
		}
		m.mu.Unlock()
		time.Sleep(100 * time.Millisecond)
		m.mu.Lock()
	}
}

// updatedPackages are those of a user whose family is provisioned in another
// version.
func (m *Model) updatedPackages() []string {
	provisioned := map[string][]string{}
	for _, k := range m.software.Create(appxProvisionedKey).Subkeys() {
		f := strings.ToLower(family(k.Name))
		provisioned[f] = append(provisioned[f], version(k.Name))
	}
	var updated []string
	for _, k := range m.software.Create(appxUserKey).Subkeys() {
		versions, known := provisioned[strings.ToLower(family(k.Name))]
		if known && !slices.Contains(versions, version(k.Name)) {
			updated = append(updated, k.Name)
		}
	}
	return updated
}

// version is a full name's second part.
func version(fullName string) string {
	_, rest, _ := strings.Cut(fullName, "_")
	v, _, _ := strings.Cut(rest, "_")
	return v
}
