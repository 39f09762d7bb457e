package answerfile

import (
	"fmt"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/windows"
)

// firstLogonCommand looks for the bootstrap on every drive, since the letter
// of a CD depends on what else is attached, and stops at the first: all
// commands of a first logon are started at once, so there is only one. It
// tells COM1 when there is no such disc, and when the script cannot even be
// read (a policy, a damaged disc): nothing else would, and the host would wait.
const firstLogonCommand = `powershell.exe -NoProfile -ExecutionPolicy Bypass -Command "$w = 'no drive holds wintemplate\bootstrap.ps1'; foreach ($d in [IO.DriveInfo]::GetDrives()) { $s = Join-Path $d.Name 'wintemplate\bootstrap.ps1'; if (Test-Path -LiteralPath $s) { try { & $s; exit } catch { $w = 'wintemplate\bootstrap.ps1 cannot be run: ' + $_.FullyQualifiedErrorId; break } } }; cmd.exe /c ('(echo wintemplate: bootstrap fail ' + $w + ')>COM1 2>nul')"`

// FirstLogonCommand is the one command of the first logon, exactly as the
// answer file holds it: it looks for wintemplate\bootstrap.ps1 on each drive,
// runs the first it finds and stops.
func FirstLogonCommand() string { return firstLogonCommand }

// Autounattend renders the answer file for the installation. The bytes depend
// on nothing but the answers. It validates first.
func Autounattend(a Answers) ([]byte, error) {
	if err := a.Validate(); err != nil {
		return nil, err
	}
	doc, err := a.document()
	if err != nil {
		return nil, err
	}
	if err := doc.mergeAll(setupFragments, a.Fragments); err != nil {
		return nil, err
	}
	return encode(doc.root)
}

func (a Answers) document() (*document, error) {
	locale, err := windows.LookupLocale(a.language())
	if err != nil {
		return nil, fmt.Errorf("language: %w", err)
	}
	zone, err := a.timeZone()
	if err != nil {
		return nil, fmt.Errorf("time_zone: %w", err)
	}
	logon, password, err := a.LogonAccount()
	if err != nil {
		return nil, err
	}
	doc := newDocument(a.Image.Architecture)
	if a.InstallMethod == MethodApply {
		doc.component(passWindowsPE, componentSetup, applyCommands())
	} else {
		a.windowsPE(doc, locale)
	}
	a.specialize(doc, zone)
	a.oobe(doc, locale, logon, password)
	return doc, nil
}
