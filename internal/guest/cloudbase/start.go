package cloudbase

import (
	_ "embed"
	"fmt"
)

//go:embed scripts/setupcomplete.ps1
var setupCompleteScript string

// SetupCompleteScript is what SetupComplete runs, beside which it lies as
// wintemplate-setupcomplete.ps1.
func SetupCompleteScript() string { return setupCompleteScript }

// dhcpWait bounds the wait for DHCP, in seconds.
const dhcpWait = 180

// SetupComplete is Windows\Setup\Scripts\SetupComplete.cmd, which Windows runs
// once, as LocalSystem, when a clone's setup has ended. network says whether
// the metadata comes over it.
//
// A SetupComplete.cmd that the user had lies beside it as
// SetupComplete.user.cmd and runs first, in a cmd.exe of its own, so that an
// exit in it ends only itself.
func SetupComplete(network bool) string {
	wait := 0
	if network {
		wait = dhcpWait
	}
	return "@echo off\r\n" +
		"if exist \"%~dp0SetupComplete.user.cmd\" cmd.exe /d /c \"%~dp0SetupComplete.user.cmd\"\r\n" +
		fmt.Sprintf("powershell.exe -NoProfile -NonInteractive -ExecutionPolicy Bypass -File \"%%~dp0wintemplate-setupcomplete.ps1\" -WaitSeconds %d\r\n", wait) +
		"exit /b 0\r\n"
}
