package model

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/regf"
)

const (
	sysprepFolder = `Windows\System32\Sysprep`
	sysprepTag    = sysprepFolder + `\Sysprep_succeeded.tag`
	sysprepAct    = sysprepFolder + `\Panther\setupact.log`
	sysprepErr    = sysprepFolder + `\Panther\setuperr.log`
	pantherAnswer = `Windows\Panther\unattend.xml`
	// generalizeTime is short for a Windows, which takes minutes, and long
	// enough for a poll to see UNDEPLOYABLE.
	generalizeTime = 1500 * time.Millisecond
)

// sysprep does `sysprep.exe /generalize /oobe /quit /quiet /unattend:answers` as
// LocalSystem or as an administrator. The caller holds the lock; it is let go while generalize runs, in which the
// state reads UNDEPLOYABLE in a good run too (packer#5385).
func (m *Model) sysprep(answers string, system bool) {
	if system && m.host.Faults().SysprepRefusesSystem {
		return // it has written nothing anywhere
	}
	if m.processRuns("sysprep") {
		// Looked at before the log is opened: "only one instance of Sysprep can
		// run at a given time" (Microsoft, "How Sysprep Works", cc766514).
		return
	}
	_ = m.disk.remove(sysprepTag)
	m.sysprepLog(sysprepAct, "[0x0f004d] SYSPRP The time is now; Beginning of a new sysprep run")
	if slices.Contains(m.pendingReboot(), "file-rename") {
		// A warning, and the run goes on (notepad-plus-plus#13675).
		m.sysprepLog(sysprepAct, "SYSPRP WinMain: File operations pending")
	}
	if errs := m.validate(answers); len(errs) > 0 {
		// Refused before anything was changed: the state stays, another run
		// may follow.
		m.sysprepLog(sysprepErr, errs...)
		m.sysprepLog(sysprepAct, errs...)
		return
	}
	m.setImageState(stateUndeployable)
	m.system.SetDWord(sysprepStatusKey, "GeneralizationState", 3)
	m.mu.Unlock()
	time.Sleep(generalizeTime)
	m.mu.Lock()
	if n, _ := m.software.Number(atpKey, "OnboardingState"); n != 0 {
		// Its self-protection refuses what generalize deletes, half-way (runner-images#9659).
		errs := []string{
			`SYSPRP ActionPlatform::DeleteValue: Error from RegDeleteValueW for value senseGuid under key HKEY_LOCAL_MACHINE\Software\Microsoft\Windows Advanced Threat Protection; dwRet = 0x5`,
			"SYSPRP SysprepSession::ExecuteInternal: Error in executing action for Windows-SenseClient-Service; dwRet = 0x5",
			"[0x0f00a8] SYSPRP WinMain:Hit failure while processing sysprep generalize internal providers; hr = 0x80070005",
		}
		m.sysprepLog(sysprepErr, errs...)
		m.sysprepLog(sysprepAct, errs...)
		return
	}
	if faults := m.host.Faults(); len(faults.SysprepErrors) > 0 { // SysprepSpoils: validate took it
		m.sysprepLog(sysprepErr, faults.SysprepErrors...)
		m.sysprepLog(sysprepAct, faults.SysprepErrors...)
		return // the image is spoiled: the state stays UNDEPLOYABLE
	}
	if err := m.generalize(answers); err != nil {
		m.sysprepLog(sysprepErr, err.Error())
	}
}

// validate is what sysprep's providers look at before they change anything.
func (m *Model) validate(answers string) []string {
	line := fmt.Sprintf
	if state := m.imageState(); state != stateComplete {
		return []string{line("[0x0f0073] SYSPRP RunExternalDlls: an error occurred; ImageState is %s", state)}
	}
	if general, _ := m.system.Number(sysprepStatusKey, "GeneralizationState"); general != 7 {
		return []string{line("[0x0f0036] SYSPRP spopk.dll:: Sysprep will not run; GeneralizationState = %d", general)}
	}
	b, err := m.file(answers)
	if err != nil {
		return []string{line("[0x0f0080] SYSPRP The answer file %s does not exist", answers)}
	}
	if _, err := readUnattend(b); err != nil {
		return []string{line("[0x0f0082] SYSPRP ParseCommands: the answer file %s is invalid: %v", answers, err)}
	}
	if errs := m.validateServicing(); errs != nil {
		return errs
	}
	if n, _ := m.system.Number(upgradeKey, "Upgrade"); n != 0 {
		return []string{
			"SYSPRP spopk.dll:: Sysprep will not run on an upgraded OS. You can only run Sysprep on a custom (clean) install version of Windows.",
			spopkFailed("0xc000000d"),
		}
	}
	if status := m.conversionStatus(); status != fullyDecrypted {
		return []string{
			"SYSPRP BitLocker-Sysprep: BitLocker is on for the OS volume. Turn BitLocker off to run Sysprep. (0x80310039)",
			`SYSPRP ActionPlatform::LaunchModule: Failure occurred while executing 'ValidateBitLockerState' from C:\Windows\System32\BdeSysprep.dll; dwRet = 0x80310039`,
		}
	}
	if n, _ := m.software.Number(standinKey, dscName); n != 0 {
		// As it stands in azure-docs#43893 and #49145.
		return []string{
			"[0x0f0082] SYSPRP LaunchDll:Failure occurred while executing 'DscCore.dll,SysPrep_Cleanup', returned error code 0x2",
			"[0x0f0070] SYSPRP RunDlls:An error occurred while running registry sysprep DLLs, halting sysprep execution. dwRet = 0x2",
			"[0x0f00ae] SYSPRP WinMain:Hit failure while processing sysprep cleanup external providers; hr = 0x80070002",
		}
	}
	if stray := append(m.strayPackages(), m.updatedPackages()...); len(stray) > 0 {
		// One is named at a time (Microsoft KB2769827).
		return []string{
			line("SYSPRP Package %s was installed for a user, but not provisioned for all users. This package will not function properly in the sysprep image.", stray[0]),
			"SYSPRP Failed to remove apps for the current user: 0x80073cf2.",
			"SYSPRP Exit code of RemoveAllApps thread was 0x3cf2.",
		}
	}
	if n, _ := m.software.Number(reserveKey, "ActiveScenario"); n != 0 {
		return []string{reservedStorageInUse}
	}
	if gone := m.goneProviders(); len(gone) > 0 {
		return []string{line("SYSPRP ActionPlatform::LaunchModule: Failure occurred while executing 'Sysprep_Generalize' from %s; dwRet = 0x7e", gone[0])}
	}
	if left, counted := m.software.Number(rearmKey, rearmName); counted && left == 0 {
		return []string{"SYSPRP ActionPlatform::LaunchModule: Failure occurred while executing 'SLReArmWindows' from C:\\Windows\\System32\\slc.dll; dwRet = 0xc004d307"}
	}
	if faults := m.host.Faults(); len(faults.SysprepErrors) > 0 && !faults.SysprepSpoils {
		return faults.SysprepErrors
	}
	return nil
}

// validateServicing is spopk.dll's look at servicing. That it asks for pending
// operations is known from compute-image-windows#156 ("Failed to query pending
// CBS operations"); the text of the refusal is the stand-in's.
func (m *Model) validateServicing() []string {
	if m.processRuns("TiWorker") {
		return []string{reservedStorageInUse, spopkFailed("0x975")}
	}
	for _, reason := range m.pendingReboot() {
		if reason == "servicing" || reason == "windows-update" {
			return []string{
				"[0x0f00b0] SYSPRP spopk.dll:: CBS operations are pending, a restart is needed; hr = 0x8007139f",
				spopkFailed("0x139f"),
			}
		}
	}
	return nil
}

const reservedStorageInUse = "SYSPRP Sysprep_Clean_Validate_Opk: Audit mode cannot be turned on if reserved storage is in use. An update or servicing operation may be using reserved storage.; hr = 0x800f0975"

// spopkFailed is the line that follows a refusal of spopk.dll
// (compute-image-windows#156).
func spopkFailed(code string) string {
	return `[0x0f0082] SYSPRP ActionPlatform::LaunchModule: Failure occurred while executing 'Sysprep_Clean_Validate_Opk' from C:\Windows\System32\spopk.dll; dwRet = ` + code
}

// generalize takes out what makes this Windows this one.
func (m *Model) generalize(answers string) error {
	b, err := m.file(answers)
	if err != nil {
		return err
	}
	u, err := readUnattend(b)
	if err != nil {
		return err
	}
	// The passes of a clone run from this copy (Microsoft, "Windows Setup
	// Automation Overview": cached to %WINDIR%\Panther).
	if err := m.disk.write(pantherAnswer, b); err != nil {
		return err
	}
	cs := m.controlSet()
	if !u.persistDevices {
		// Without PersistAllDeviceInstalls every device is taken out, and a
		// storage driver that no device needs does not start at boot.
		cs.Delete(`Enum\PCI`)
		for _, name := range []string{"viostor", "vioscsi"} {
			m.setServiceStart(name, startDemand, false)
		}
	}
	if m.host.Faults().LoseBootDrivers {
		for _, name := range []string{"viostor", "vioscsi"} {
			m.setServiceStart(name, startDemand, false)
		}
	}
	if kind, _ := m.software.Text(versionKey, "InstallationType"); !strings.EqualFold(kind, "Client") {
		// On servers generalize resets the built-in administrator: no password,
		// to be changed at the next logon (windows-imaging-tools#308,
		// cloudbase-init#77).
		if k := m.account(m.administratorName()); k != nil {
			k.Set(regf.BinaryValue("V", nil))
			k.Set(regf.DWordValue("Flags", passwordExpired))
		}
	}
	// A member leaves its domain (Microsoft, "How Sysprep Works"); what the
	// domain's policies have set stays.
	m.controlSet().SetString(domainKey, "Domain", "")
	if left, counted := m.software.Number(rearmKey, rearmName); counted && !u.skipRearm {
		m.software.SetDWord(rearmKey, rearmName, uint32(left-1))
	}
	cs.SetString(computerNameKey, "ComputerName", "MINWINPC")
	cs.SetString(activeComputerNameKey, "ComputerName", "MINWINPC")
	m.system.SetDWord(sysprepStatusKey, "GeneralizationState", 7)
	m.system.SetDWord("Setup", "SystemSetupInProgress", 1)
	m.system.SetDWord("Setup", "OOBEInProgress", 1)
	m.system.SetDWord("Setup", "SetupType", 2)
	m.system.SetString("Setup", "CmdLine", `oobe\windeploy.exe`)
	m.setImageState(stateSealed)
	m.sysprepLog(sysprepAct, "[0x0f0052] SYSPRP Shutting down SysPrep log; Sysprep succeeded")
	return m.disk.write(sysprepTag, nil)
}

func (m *Model) sysprepLog(file string, lines ...string) {
	before, _ := m.disk.read(file)
	for _, l := range lines {
		before = fmt.Appendf(before, "%s, Error                 %s\r\n", time.Now().Format(time.DateTime), l)
	}
	if err := m.disk.write(file, before); err != nil {
		m.host.Logf("sysprep: %v", err)
	}
}

// unattend is what sysprep itself takes from its answer file.
type unattend struct {
	persistDevices bool // PnpSysprep's PersistAllDeviceInstalls
	skipRearm      bool // Security-SPP's SkipRearm
}

// readUnattend reads an answer file for sysprep: it must be one, and have a
// pass of the clone.
func readUnattend(b []byte) (unattend, error) {
	var u unattend
	var path []string
	root, passes := "", 0
	d := xml.NewDecoder(bytes.NewReader(b))
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return u, err
		}
		switch t := t.(type) {
		case xml.StartElement:
			if root == "" {
				root = t.Name.Space + " " + t.Name.Local
			}
			name := t.Name.Local
			for _, a := range t.Attr {
				if a.Name.Local == "pass" || a.Name.Local == "name" {
					name += ":" + a.Value
				}
			}
			if name == "settings:specialize" || name == "settings:oobeSystem" {
				passes++
			}
			path = append(path, name)
		case xml.EndElement:
			path = path[:len(path)-1]
		case xml.CharData:
			value := strings.TrimSpace(string(t))
			switch strings.Join(path, "/") {
			case "unattend/settings:generalize/component:Microsoft-Windows-PnpSysprep/PersistAllDeviceInstalls":
				u.persistDevices = value == "true"
			case "unattend/settings:generalize/component:Microsoft-Windows-Security-SPP/SkipRearm":
				u.skipRearm = value == "1" || value == "true"
			}
		}
	}
	if root != "urn:schemas-microsoft-com:unattend unattend" {
		return u, errors.New("the root element is not unattend of urn:schemas-microsoft-com:unattend")
	}
	if passes == 0 {
		return u, errors.New("it has neither a specialize nor an oobeSystem pass")
	}
	return u, nil
}
